// @ts-check
/**
 * Graphviz off the page's thread. It is told sizes and edges by number, never a name, and answers where they go.
 * @typedef {{ sizes: readonly { width: number, height: number }[], edges: readonly (readonly [number, number])[] }} LayoutAsk
 * @typedef {{ name: string, pos?: string }} PlacedNode
 * @typedef {{ tail: number, head: number, pos?: string }} PlacedEdge
 * @typedef {{ bb: string, objects?: PlacedNode[], edges?: PlacedEdge[] }} Placed
 */
import { instance } from "@viz-js/viz";

/** Points an inch: Graphviz takes sizes in inches, gives positions in points. */
const inch = 72;
const engine = instance();

self.onmessage = async (/** @type {MessageEvent<LayoutAsk>} */ { data }) => {
  const viz = await engine;
  const placed = viz.renderJSON(
    {
      graphAttributes: { rankdir: "LR", nodesep: 0.22, ranksep: 0.6, splines: "spline" },
      nodeAttributes: { shape: "box", fixedsize: true, label: "" },
      nodes: data.sizes.map(({ width, height }, number) => ({
        name: String(number),
        attributes: { width: width / inch, height: height / inch },
      })),
      edges: data.edges.map(([tail, head]) => ({
        tail: String(tail),
        head: String(head),
        attributes: { arrowhead: "none", tailport: "e", headport: "w" },
      })),
    },
    { reduce: false },
  );
  self.postMessage(placed);
};
