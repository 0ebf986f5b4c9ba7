/** The question before an action: what it would change, product by product, and the request that does it. */
import type { ProductState } from "../model/plan.ts";
import type { Preview } from "../supervisor/preview.ts";
import { count } from "./figures.ts";
import { escapeHtml, stateMarkup } from "./markup.ts";
import { type ActionName, planActions, type Subject } from "./plan-actions.ts";

/** Products that are named; the sentence counts them all. */
const namedMax = 100;

const verbs: Readonly<Record<ActionName, string>> = {
  pause: "Pause",
  unpause: "Unpause",
  retry: "Retry",
  clear: "Clear",
  disable: "Disable",
  enable: "Enable",
};

export interface Asked extends Subject {
  readonly action: ActionName;
  /** The product's name; null: it is about the plan. */
  readonly name: string | null;
}

/** A form whose attributes are the request. */
export function effectForm(asked: Asked, preview: Preview): string {
  const { action, datasetId, productId } = asked;
  const { method, path } = planActions[action];
  const body = productId === null ? "" : ` data-body="${escapeHtml(JSON.stringify([productId]))}"`;
  return (
    `<form id="effect" data-method="${method}" data-url="${path(datasetId)}"${body}>` +
    `<h2 id="effect_title">${question(asked)}</h2>` +
    `<p>${sentences(asked, preview).join(" ")}</p>` +
    named(preview) +
    `<p class="fault" role="alert" hidden></p>` +
    `<div class="buttons"><button type="button" data-close>Cancel</button>` +
    `<button type="submit" class="chosen">${verbs[action]}${amount(asked, preview)}</button></div></form>`
  );
}

/** It would be refused, so there is nothing to agree to. */
export function refusedForm(asked: Asked, reason: string): string {
  return (
    `<form id="effect"><h2 id="effect_title">${question(asked)}</h2>` +
    `<p class="fault" role="alert">${escapeHtml(reason)}</p>` +
    `<div class="buttons"><button type="button" data-close>Close</button></div></form>`
  );
}

function question({ action, name }: Asked): string {
  if (name !== null) return `${verbs[action]} ${escapeHtml(name)}?`;
  return action === "retry" ? "Retry what has failed?" : `${verbs[action]} this plan?`;
}

function sentences({ action, name }: Asked, { moves, jobsCancelled }: Preview): string[] {
  const said: string[] = [];
  switch (action) {
    case "pause":
      said.push("Nothing new is triggered until it is unpaused. What is queued or running goes on.");
      break;
    case "unpause":
      said.push("What is ready is triggered, now and from now on.");
      break;
    case "retry":
      said.push("What has failed goes back to waiting, and all that depends on it.");
      break;
    case "clear":
      said.push(`${escapeHtml(name ?? "")} goes back to waiting, and all that depends on it.`);
      break;
    case "disable":
      said.push(`${escapeHtml(name ?? "")} leaves the graph: nothing runs it, and nothing waits for it.`);
      break;
    case "enable":
      said.push(`${escapeHtml(name ?? "")} comes back into the graph, and all that depends on it waits for it anew.`);
      break;
    default:
      return action satisfies never;
  }
  const queued = moves.filter(({ to }) => to === "queued").length;
  if (moves.length === 0) said.push("No product changes its state.");
  if (queued > 0) said.push(`${products(queued)} ${queued === 1 ? "is" : "are"} queued at once.`);
  if (jobsCancelled > 0)
    said.push(`${count(jobsCancelled)} ${jobsCancelled === 1 ? "job" : "jobs"} under way taken back.`);
  return said;
}

function named({ moves }: Preview): string {
  if (moves.length === 0) return "";
  const items = moves
    .slice(0, namedMax)
    .map(
      ({ product, to }) =>
        `<li><span>${escapeHtml(product.name)}:${escapeHtml(product.version)}</span>${change(product.state, to)}</li>`,
    );
  const others = moves.length - items.length;
  const more = others > 0 ? `<li class="muted">and ${count(others)} more</li>` : "";
  return `<ul class="affected" aria-label="${products(moves.length)} affected" tabindex="0">${items.join("")}${more}</ul>`;
}

const change = (from: ProductState, to: ProductState): string =>
  `<span class="change">${from === to ? "" : `${stateMarkup(from)}<span aria-label="becomes">→</span>`}${stateMarkup(to)}</span>`;

const amount = ({ name }: Asked, { moves }: Preview): string =>
  moves.length === 0 || (name !== null && moves.length === 1) ? "" : ` ${products(moves.length)}`;

const products = (n: number): string => `${count(n)} ${n === 1 ? "product" : "products"}`;
