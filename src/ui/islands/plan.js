// @ts-check
/** The plan page: its graph, and its live parts kept true in place. */
import { refreshDrawer } from "./drawer.js";
import { refreshGantt } from "./gantt.js";
import { showGraph, showStates } from "./graph.js";
import { fetchFragment, keepLive, replaceContent } from "./live.js";
import "./plan-actions.js";

const plan = document.getElementById("plan");
const datasetId = plan?.dataset.dataset ?? "";
/** Up to here a whole fragment is as quick as a part of one. */
const smallPlan = 60;
const partMax = 50;

/** Products to fetch next; null: everything. @type {Set<string> | null} */
let due = new Set();

/** @param {string} [only] */
const update = (only = "") => fetchFragment(`/component/plan/${datasetId}${only}`);

async function refresh() {
  const rows = document.querySelectorAll("#products tr").length;
  const ids = due;
  due = new Set();
  const isPart = ids !== null && ids.size > 0 && ids.size <= partMax && rows > smallPlan;
  const fragment = await update(isPart ? `?${[...ids].map((id) => `product=${id}`).join("&")}` : "");
  replaceContent(fragment, "plan_state");
  replaceContent(fragment, "plan_facts");
  replaceContent(fragment, "plan_actions");
  refreshDrawer();
  refreshGantt();
  if (isPart && showRows(fragment)) return catchUpLater();
  showWhole(isPart ? await update() : fragment);
}

/** The JSON of a large plan follows when changes pause. */
/** @type {ReturnType<typeof setTimeout> | undefined} */
let catchUp;
function catchUpLater() {
  clearTimeout(catchUp);
  catchUp = setTimeout(async () => showWhole(await update()), 1500);
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
    const next = document.importNode(row, true);
    const state = next.getAttribute("data-state") ?? "";
    const here = document.getElementById(next.id);
    const before = here?.getAttribute("data-state");
    if (here === null) {
      document.getElementById("products")?.append(next);
      isSameGraph = false;
    } else if (here.innerHTML !== next.innerHTML) {
      here.replaceWith(next);
    }
    if (before === state) continue;
    next.querySelector(".state")?.parentElement?.classList.add("flash");
    states.push({ product: next.id.slice("product-".length), state });
    if (before === "disabled" || state === "disabled") isSameGraph = false;
  }
  if (isSameGraph) showStates(states);
  return isSameGraph;
}

showGraph();
keepLive({
  query: `dataset=${datasetId}`,
  refresh,
  missed: () => {
    due = null;
  },
  wanted: {
    plan: (event) => {
      const products = /** @type {{ id: string }[] | null} */ (event.products);
      if (products === null || event.redefined === true) due = null;
      else for (const { id } of products) due?.add(id);
    },
  },
});
