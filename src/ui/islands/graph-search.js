// @ts-check
/** Finds products in the graph by a part of their name: those found stand out, and the view goes from one to the next. */

import { fetchFragment, replaceContent } from "./live.js";

/** Nobody waits longer than this for the next letter. */
const typingMs = 150;
const plan = document.getElementById("plan");
const input = /** @type {HTMLInputElement | null} */ (document.getElementById("graph_search"));
const told = document.getElementById("graph_found");

/** @type {{ view: ReturnType<typeof import("./graph-view.js").openGraphView>, drawn: ReturnType<typeof import("./graph-drawing.js").drawGraph> } | null} */
let shown = null;
/** Keys of what was found. @type {string[]} */
let hits = [];
let at = 0;

/** The graph to search from now on. @param {NonNullable<typeof shown>} next */
export function findIn(next) {
  shown = next;
  if (input?.value) mark();
}

function mark() {
  if (shown === null || input === null) return;
  const text = input.value.trim().toLowerCase();
  hits = [];
  for (const { key, card, label } of shown.drawn.cards.values()) {
    const isHit = text !== "" && label.toLowerCase().includes(text);
    card.classList.toggle("hit", isHit);
    if (isHit) hits.push(key);
  }
  shown.view.svg.classList.toggle("searching", text !== "");
  at = 0;
  go();
}

function go() {
  const key = hits[at];
  if (told) told.textContent = input?.value.trim() ? (key ? `${at + 1} of ${hits.length}` : "None") : "";
  if (key) shown?.view.centre(key);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let asking;
/** The graph of a large plan shows groups: the server finds single products, and they are listed. */
function list() {
  if (plan?.dataset.large !== "true") return;
  clearTimeout(asking);
  asking = setTimeout(async () => {
    const name = input?.value.trim() ?? "";
    const query = new URLSearchParams({ name });
    const fragment = await fetchFragment(`/component/plan/${plan.dataset.dataset}/find?${query}`).catch(() => null);
    // Without an answer the next letter asks again.
    if (fragment !== null && name === input?.value.trim()) replaceContent(fragment, "graph_hits");
  }, typingMs);
}

input?.addEventListener("input", () => {
  mark();
  list();
});
input?.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && input.value !== "") {
    event.stopPropagation();
    input.value = "";
    mark();
    list();
  }
  if (event.key !== "Enter" || hits.length === 0) return;
  event.preventDefault();
  at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
  go();
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || input === null || shown === null) return;
  event.preventDefault();
  input.focus();
});
