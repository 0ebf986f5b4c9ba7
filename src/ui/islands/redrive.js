// @ts-check
/** Redrives dead letters, one or all that a filter finds: a dry run first, then exactly what it named, some at a time. */
import { ask, send } from "./ask.js";
import { refreshPart } from "./part.js";

const url = "/api/dlq/redrive";
/** What one dry run looks at, and what one request redrives. */
const lookedAtMax = 10_000;
const batchMax = 200;

/** @typedef {{ matched: number, redriven: { id: string }[], skipped: { id: string, why: string }[] }} Result */

/** @param {Result["skipped"]} skipped one line for each reason */
function whyNot(skipped) {
  /** @type {Map<string, number>} */
  const reasons = new Map();
  for (const { why } of skipped) {
    // Ids in it would make each its own reason.
    const reason = why.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "…");
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return [...reasons].map(([reason, count]) => `${count} left out: ${reason}`);
}

/** @param {string} which the request's `filter` or `ids`, as JSON @param {string} title @param {string} text */
async function redrive(which, title, text) {
  /** @type {string[]} */
  let ids = [];
  const isDone = await ask({
    title,
    text,
    confirm: "Redrive",
    async preview() {
      const asked = { ...JSON.parse(which), dry_run: true, limit: lookedAtMax };
      /** @type {Result} */
      const found = await send("POST", url, JSON.stringify(asked));
      ids = found.redriven.map(({ id }) => id);
      if (ids.length === 0) throw new Error([`Nothing to redrive`, ...whyNot(found.skipped)].join(": "));
      const most = found.matched === lookedAtMax ? "; there may be more, which another redrive takes" : "";
      return [`${ids.length} would be redriven${most}`, ...whyNot(found.skipped)];
    },
    async run(say) {
      let redriven = 0;
      /** @type {Result["skipped"]} */
      const skipped = [];
      for (let at = 0; at < ids.length; at += batchMax) {
        say(`${at} of ${ids.length} …`);
        /** @type {Result} */
        const result = await send("POST", url, JSON.stringify({ ids: ids.slice(at, at + batchMax) }));
        redriven += result.redriven.length;
        skipped.push(...result.skipped);
      }
      return { text: `${redriven} of ${ids.length} redriven`, lines: whyNot(skipped) };
    },
  });
  if (isDone) await refreshPart().catch(() => {}); // the stream brings it
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-redrive]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  redrive(button.dataset.redrive ?? "{}", button.dataset.title ?? "", button.dataset.text ?? "");
});
