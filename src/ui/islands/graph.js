// @ts-check
/** The graph of a plan: reads its source from the page, lets Graphviz place it, draws it, and colours it anew in place. */
import { drawGraph, nodeHeightPx, shortLabel, showState } from "./graph-drawing.js";

/** @typedef {import("./graph-drawing.js").GraphNode} GraphNode */

/** More than this many cards is no picture any more; the table has them all. */
const nodesMax = 2000;

/** What was drawn last: its source's shape, so that a change of states only needs no new layout. */
let drawnShape = "";
let drawing = 0;

/** @param {Element} source @returns {GraphNode[]} */
function readSource(source) {
  return [...source.querySelectorAll("li")].map((item) => ({
    product: item.dataset.product ?? "",
    state: item.dataset.state ?? "waiting",
    label: item.querySelector("span")?.textContent ?? "",
    parents: (item.dataset.parents ?? "")
      .split(" ")
      .filter(Boolean)
      .map((number) => Number(number) - 1),
  }));
}

/** Draws, or colours anew, what the list with id `graph_source` says. */
export async function showGraph() {
  const graph = document.getElementById("graph");
  const source = document.getElementById("graph_source");
  if (graph === null || source === null) return;
  const nodes = readSource(source);
  const shape = JSON.stringify(nodes.map(({ product, label, parents }) => [product, label, parents]));
  if (shape === drawnShape) return showStates(nodes);
  drawnShape = shape;
  if (nodes.length === 0 || nodes.length > nodesMax) {
    graph.querySelector("svg")?.remove();
    return graph.classList.remove("drawing", "drawn");
  }
  graph.classList.add("drawing");
  drawing += 1;
  const mine = drawing;
  const sizes = measure(nodes);
  try {
    const placed = await place(nodes, sizes);
    if (mine !== drawing) return; // a newer source is being drawn
    const svg = drawGraph(nodes, sizes, placed);
    graph.querySelector("svg")?.remove();
    graph.append(svg);
    graph.classList.add("drawn");
    showStates(readSource(source)); // they may have changed meanwhile
  } catch (error) {
    console.error("The graph could not be drawn; the list is shown instead:", error);
  } finally {
    graph.classList.remove("drawing");
  }
}

/** @param {readonly { product: string, state: string, label?: string }[]} products */
export function showStates(products) {
  const graph = document.getElementById("graph");
  if (graph === null) return;
  for (const { product, state, label } of products) {
    const card = graph.querySelector(`a[data-product="${product}"]`);
    if (!(card instanceof SVGAElement) || card.classList.contains(state)) continue;
    showState(card, state, label ?? card.querySelector("title")?.textContent?.replace(/: \w+$/, "") ?? "");
    for (const edge of graph.querySelectorAll(`[data-parent="${product}"]`)) {
      edge.classList.toggle("lit", state === "success");
    }
  }
}

/** @param {readonly GraphNode[]} nodes */
function measure(nodes) {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `550 13px ${getComputedStyle(document.documentElement).fontFamily}`;
  const widths = nodes.map(({ label }) =>
    Math.ceil((context?.measureText(shortLabel(label)).width ?? label.length * 8) + 46),
  );
  // Cards of one width make calm columns, as long as no name is very long.
  const common = Math.min(Math.max(...widths), 220);
  return widths.map((width) => ({ width: Math.max(width, common), height: nodeHeightPx }));
}

/** @type {Worker | null} */
let worker = null;

/**
 * @param {readonly GraphNode[]} nodes @param {readonly { width: number, height: number }[]} sizes
 * @returns {Promise<import("./layout-worker.js").Placed>}
 */
function place(nodes, sizes) {
  worker?.terminate(); // at most one layout at a time; a superseded one is not waited for
  const mine = new Worker(new URL("./layout-worker.js", import.meta.url), { type: "module" });
  worker = mine;
  const edges = nodes.flatMap(({ parents }, child) => parents.map((parent) => [parent, child]));
  return new Promise((resolve, reject) => {
    mine.onmessage = ({ data }) => resolve(data);
    mine.onerror = (event) => reject(new Error(event.message));
    mine.postMessage({ sizes, edges });
  });
}
