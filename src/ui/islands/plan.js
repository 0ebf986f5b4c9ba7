// @ts-check
/** The plan page: its graph, and its live parts kept true in place. */
import { refreshDrawer } from "./drawer.js";
import { refreshGantt } from "./gantt.js";
import { refreshGroups, showGraph, showStates } from "./graph.js";
import { fetchFragment, keepLive, replaceContent } from "./live.js";
import "./plan-actions.js";

const plan = document.getElementById("plan");
const datasetId = plan?.dataset.dataset ?? "";
/** Its graph shows groups, its table has pages. */
const isLarge = plan?.dataset.large === "true";
/** Up to here a whole fragment is as quick as a part of one. */
const smallPlan = 60;
const partMax = 100;
/** The JSON of a plan that is not small follows when changes pause. */
const pauseMs = 1500;

/** Products to fetch next; null: which ones is not known. @type {Set<string> | null} */
let due = new Set();

/** @param {string} name */
const headData = (name, from = document) => from.getElementById("plan_state")?.dataset[name] ?? "";

/** @param {string} query */
const update = (query) => fetchFragment(`/component/plan/${datasetId}?${query}`);
/** Of a large plan what this page shows of it. */
const everything = () => update(location.search.slice(1).replaceAll(/(^|&)product=[^&]*/g, ""));

async function refresh() {
  const isSmall = document.querySelectorAll("#products tr").length <= smallPlan && !isLarge;
  const ids = due;
  due = new Set();
  const since = `since=${encodeURIComponent(headData("newest"))}`;
  const isNamed = ids !== null && ids.size > 0 && ids.size <= partMax;
  const some = isNamed ? [...ids].map((id) => `product=${id}`).join("&") : since;
  const fragment = await (isSmall || headData("newest") === "" ? everything() : update(some));
  const isWhole = fragment.getElementById("plan_json") !== null;
  const isSameShape = headData("shape") === headData("shape", fragment);
  for (const id of ["plan_state", "plan_facts", "plan_actions"]) replaceContent(fragment, id);
  for (const name of ["shape", "newest"]) {
    const head = document.getElementById("plan_state");
    if (head) head.dataset[name] = headData(name, fragment);
  }
  refreshDrawer();
  refreshGantt();
  if (isLarge) refreshGroups();
  if (isWhole) return showWhole(fragment);
  if (showRows(fragment) && isSameShape) return catchUpLater();
  showWhole(await everything());
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let catchUp;
function catchUpLater() {
  if (isLarge) return;
  clearTimeout(catchUp);
  catchUp = setTimeout(async () => {
    const fragment = await fetchFragment(`/component/plan/${datasetId}/json`).catch(() => null); // the next change tries again
    const [next, here] = [fragment?.querySelector("code"), document.querySelector("#plan_json code")];
    if (next && here) here.replaceWith(document.importNode(next, true));
  }, pauseMs);
}

/** @param {Document} fragment */
function showWhole(fragment) {
  replaceContent(fragment, "plan_json");
  replaceContent(fragment, "graph_source");
  showRows(fragment);
  showGraph();
}

/**
 * Puts each row that says something else in place of the old one, by its id. False when the graph's nodes changed.
 * @param {Document} fragment
 */
function showRows(fragment) {
  let isSameGraph = true;
  const states = [];
  for (const row of fragment.querySelectorAll("#products tr")) {
    const here = document.getElementById(row.id);
    const before = here?.getAttribute("data-state");
    const state = row.getAttribute("data-state") ?? "";
    states.push({ product: row.id.slice("product-".length), state });
    if (here === null) {
      if (isLarge) continue; // it is on another page
      document.getElementById("products")?.append(document.importNode(row, true));
      isSameGraph = false;
    } else if (here.innerHTML !== row.innerHTML) {
      if (labelOf(here) !== labelOf(row)) isSameGraph = false;
      const next = document.importNode(row, true);
      if (here.classList.contains("chosen-row")) next.classList.add("chosen-row");
      if (before !== state) next.querySelector(".state")?.parentElement?.classList.add("flash");
      here.replaceWith(next);
    }
    if (before !== state && (before === "disabled" || state === "disabled")) isSameGraph = false;
  }
  if (isSameGraph) showStates(states);
  return isSameGraph;
}

/** What its card says: name and version. @param {Element} row */
const labelOf = (row) => `${row.children[2]?.textContent}:${row.children[3]?.textContent}`;

showGraph();
keepLive({
  query: `dataset=${datasetId}`,
  refresh,
  missed: () => {
    due = null;
  },
  wanted: {
    plan: (event) => {
      const products = /** @type {{ id: string, state: string }[] | null} */ (event.products);
      if (products === null) {
        due = null;
        return;
      }
      for (const { id } of products) due?.add(id);
      // Cards need no more than the event tells; one that leaves or enters the graph is seen with its row.
      showStates(products.filter(({ state }) => state !== "disabled").map(({ id, state }) => ({ product: id, state })));
    },
  },
});
