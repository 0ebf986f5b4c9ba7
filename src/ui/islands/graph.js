// @ts-check
/** The graph of a plan: reads its source from the page, has it placed, draws it, and colours it anew in place. */
import { drawGraph, nodeHeightPx, shortLabel, showState } from "./graph-drawing.js";
import { findIn } from "./graph-search.js";
import { openGraphView } from "./graph-view.js";
import { fetchFragment, replaceContent } from "./live.js";

/** @typedef {import("./graph-drawing.js").GraphNode} GraphNode */

/** What was drawn last: its source's shape, so that a change of states only needs no new layout. */
let drawnShape = "";
let drawing = 0;
/** @type {{ view: ReturnType<typeof openGraphView>, drawn: ReturnType<typeof drawGraph> } | null} */
let shown = null;

/** Groups change as one of many products does: their counts need not follow each one at once. */
const groupsMs = 1000;

const datasetId = document.getElementById("plan")?.dataset.dataset ?? "";
/** Keys of groups whose products are shown one by one. */
const opened = new Set(new URLSearchParams(location.search).getAll("open"));
const graph = document.getElementById("graph");
const tools = document.getElementById("graph_tools");

/** @param {Element} source @returns {GraphNode[]} */
function readSource(source) {
  return [...source.querySelectorAll("li")].map(readItem);
}

/** @param {HTMLElement} item @returns {GraphNode} */
function readItem({ dataset, textContent, children }) {
  return {
    product: dataset.product ?? "",
    group: dataset.group ?? "",
    state: dataset.state ?? "waiting",
    label: children[1]?.textContent ?? textContent ?? "",
    parents: (dataset.parents ?? "")
      .split(" ")
      .filter(Boolean)
      .map((number) => Number(number) - 1),
    parts: (dataset.parts ?? "")
      .split(" ")
      .filter(Boolean)
      .map((part) => /** @type {const} */ ([part.split(":")[0] ?? "", Number(part.split(":")[1])])),
  };
}

/** Draws, or colours anew, what the list with id `graph_source` says. */
export async function showGraph() {
  const source = document.getElementById("graph_source");
  if (graph === null || source === null) return;
  const nodes = readSource(source);
  const shape = JSON.stringify(nodes.map(({ product, group, label, parents }) => [product, group, label, parents]));
  if (shape === drawnShape) return colour(nodes);
  drawnShape = shape;
  if (nodes.length === 0) return clear();
  graph.classList.add("drawing");
  drawing += 1;
  const mine = drawing;
  const sizes = measure(nodes);
  try {
    const placed = await place(nodes, sizes);
    if (mine !== drawing) return; // a newer source is being drawn
    draw(nodes, sizes, placed);
    colour(readSource(source)); // they may have changed meanwhile
  } catch (error) {
    console.error("The graph could not be drawn; the list is shown instead:", error);
    clear();
    graph.classList.add("undrawn");
  } finally {
    graph.classList.remove("drawing");
  }
}

function clear() {
  shown?.view.remove();
  shown = null;
  graph?.classList.remove("drawing", "drawn");
  tools?.setAttribute("hidden", "");
}

/** @param {readonly GraphNode[]} nodes @param {readonly { width: number }[]} sizes @param {import("./layered-layout.js").Placed} placed */
function draw(nodes, sizes, placed) {
  if (graph === null) return;
  const before = shown?.view.place();
  shown?.view.remove();
  const drawn = drawGraph(nodes, sizes, placed);
  graph.classList.remove("undrawn");
  graph.classList.add("drawn");
  const isGrouped = nodes.some(({ group }) => group !== "");
  const view = openGraphView(
    graph,
    drawn,
    `Graph of ${nodes.length} ${isGrouped ? "products and groups" : "data products"}`,
  );
  shown = { view, drawn };
  for (const { product, group, state } of nodes) view.colour(group || product, state);
  if (before) view.look(before);
  tools?.removeAttribute("hidden");
  findIn(shown);
}

/** @param {readonly GraphNode[]} nodes */
function colour(nodes) {
  if (shown === null) return;
  const { drawn, view } = shown;
  for (const node of nodes) {
    const key = node.group || node.product;
    const card = drawn.cards.get(key)?.card;
    if (card === undefined) continue;
    const isSame = card.classList.contains(node.state);
    if (isSame && node.group === "") continue;
    showState(card, node);
    view.colour(key, node.state);
    for (const edge of drawn.edges.get(key) ?? []) edge.classList.toggle("lit", node.state === "success");
  }
}

/** Colours single products, and says so in the source as well. @param {readonly { product: string, state: string }[]} products */
export function showStates(products) {
  const source = document.getElementById("graph_source");
  const nodes = [];
  for (const { product, state } of products) {
    const item = source?.querySelector(`li[data-product="${product}"]`);
    if (!(item instanceof HTMLElement)) continue;
    item.dataset.state = state;
    item.className = state;
    nodes.push(readItem(item));
  }
  colour(nodes);
}

/** @param {readonly GraphNode[]} nodes */
function measure(nodes) {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `550 13px ${getComputedStyle(document.documentElement).fontFamily}`;
  const widths = nodes.map(({ label }) =>
    Math.ceil((context?.measureText(shortLabel(label)).width ?? label.length * 8) + 46),
  );
  // Cards of one width make calm columns, as long as no name is very long.
  const common = Math.min(
    widths.reduce((most, width) => Math.max(most, width), 0),
    220,
  );
  return widths.map((width) => ({ width: Math.max(width, common), height: nodeHeightPx }));
}

/** @type {Worker | null} */
let worker = null;

/**
 * @param {readonly GraphNode[]} nodes @param {readonly { width: number, height: number }[]} sizes
 * @returns {Promise<import("./layered-layout.js").Placed>}
 */
function place(nodes, sizes) {
  worker?.terminate(); // at most one layout at a time; a superseded one is not waited for
  const mine = new Worker(new URL("./layout-worker.js", import.meta.url), { type: "module" });
  worker = mine;
  const edges = nodes.flatMap(({ parents }, child) => parents.map((parent) => [parent, child]));
  return new Promise((resolve, reject) => {
    mine.onmessage = ({ data }) => {
      mine.terminate();
      resolve(data);
    };
    mine.onerror = (event) => reject(new Error(event.message));
    mine.postMessage({ sizes, edges });
  });
}

async function fetchGroups() {
  const query = new URLSearchParams([...opened].map((key) => ["open", key]));
  replaceContent(await fetchFragment(`/component/plan/${datasetId}/graph?${query}`), "graph_source");
  tools?.querySelector("[data-view=collapse]")?.toggleAttribute("hidden", opened.size === 0);
  await showGraph();
}

/** @type {ReturnType<typeof setTimeout> | null} */
let groupsDue = null;
/** The plan has changed, and its graph shows groups. */
export function refreshGroups() {
  if (groupsDue !== null) return;
  groupsDue = setTimeout(() => {
    groupsDue = null;
    fetchGroups().catch(() => {}); // the next change tries again
  }, groupsMs);
}

/** Opens one group, or closes all (null). @param {string | null} key */
function open(key) {
  if (key === null) opened.clear();
  else opened.add(key);
  const before = new Set(shown?.drawn.cards.keys());
  fetchGroups().then(
    () => {
      const first = [...(shown?.drawn.cards.keys() ?? [])].find((one) => !before.has(one));
      if (key === null || first === undefined) shown?.view.fit();
      else shown?.view.centre(first);
    },
    () => location.assign(`?${new URLSearchParams([...opened].map((one) => ["open", one]))}`),
  );
}

graph?.addEventListener("click", (event) => {
  const group = event.target instanceof Element ? event.target.closest("a[data-group]") : null;
  if (group === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(group.getAttribute("data-group"));
});
tools?.addEventListener("click", (event) => {
  const asked = event.target instanceof Element ? event.target.closest("[data-view]")?.getAttribute("data-view") : null;
  if (asked === "in") shown?.view.zoomIn();
  if (asked === "out") shown?.view.zoomOut();
  if (asked === "fit") shown?.view.fit();
  if (asked === "collapse") open(null);
});
graph?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (shown?.view.press(event.key)) event.preventDefault();
});
