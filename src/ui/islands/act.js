// @ts-check
/** Buttons that say in the page what they do (actions.ts): asked first, then done by the API. */
import { ask, send } from "./ask.js";
import { refreshPart } from "./part.js";

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-method]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const { method = "", url = "", body, title = "", text = "", confirm = "", leadsTo } = button.dataset;
  const { fields } = button.dataset;
  let next = "";
  const isDone = await ask({
    title,
    text,
    confirm,
    ...(fields !== undefined && { fields: JSON.parse(fields) }),
    async run(_say, values) {
      const whole = fields === undefined ? body : JSON.stringify({ ...JSON.parse(body ?? "{}"), ...values });
      const answer = await send(method, url, whole);
      if (leadsTo !== undefined) next = leadsTo.replace("{id}", String(answer?.id ?? ""));
      return null;
    },
  });
  if (!isDone) return;
  if (next !== "") location.assign(next);
  else await refreshPart().catch(() => {}); // the stream brings it
});
