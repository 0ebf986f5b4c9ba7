// @ts-check
/** Draws a placed graph as SVG by the DOM: names become text nodes and nothing else. */

/**
 * `group`: it stands for several products, and is opened by this key. `parts`: how many of them are in each state.
 * @typedef {{ product: string, state: string, label: string, parents: readonly number[], group: string, parts: readonly (readonly [string, number])[] }} GraphNode
 * @typedef {{ key: string, x: number, y: number, width: number, card: SVGAElement, label: string }} Card
 */

const svgNamespace = "http://www.w3.org/2000/svg";
export const nodeHeightPx = 34;
const labelMax = 42;
const marginPx = 8;

/** The same shapes as the badges', in a box of 12 × 12. */
const marks = {
  success: "M0 6.2 1.8 4.5 4.6 7.4 10.2 1.4 12 3.1 4.6 11Z",
  running: "M1.5 0 12 6 1.5 12Z",
  queued: "M6 .4A5.6 5.6 0 0 0 6 11.6 5.6 5.6 0 0 0 6 .4ZM6 1.9A4.1 4.1 0 0 1 6 10.1Z",
  waiting: "M6 .8A5.2 5.2 0 1 0 6 11.2 5.2 5.2 0 1 0 6 .8Z",
  failed: "M2.2 0 6 3.8 9.8 0 12 2.2 8.2 6 12 9.8 9.8 12 6 8.2 2.2 12 0 9.8 3.8 6 0 2.2Z",
};

/** @param {string} label */
export const shortLabel = (label) => (label.length > labelMax ? `${label.slice(0, labelMax - 1)}…` : label);

/**
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name @param {Record<string, string | number>} attributes @param {Node[]} children
 */
export function svgElement(name, attributes, ...children) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/**
 * The world that a view shows a part of, its size, its cards by product or group, and what leaves each of them.
 * @param {readonly GraphNode[]} nodes @param {readonly { width: number }[]} sizes
 * @param {import("./layered-layout.js").Placed} placed
 */
export function drawGraph(nodes, sizes, placed) {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  for (const [number, node] of nodes.entries()) {
    const [at, size] = [placed.nodes[number], sizes[number]];
    if (!at || !size) continue;
    const [x, y] = [at.x + marginPx, at.y + marginPx];
    cards.set(keyOf(node), {
      key: keyOf(node),
      x,
      y,
      width: size.width,
      label: node.label,
      card: drawNode(node, size.width, x, y),
    });
  }
  const edges = drawEdges(nodes, placed);
  const moved = svgElement("g", { transform: `translate(${marginPx} ${marginPx})` }, ...[...edges.values()].flat());
  const world = svgElement("g", { class: "world" }, moved, ...[...cards.values()].map(({ card }) => card));
  return { world, cards, edges, width: placed.width + 2 * marginPx, height: placed.height + 2 * marginPx };
}

/** @param {GraphNode} node */
const keyOf = ({ product, group }) => group || product;

/** @param {GraphNode} node @param {number} width @param {number} x @param {number} y its centre */
function drawNode(node, width, x, y) {
  const left = x - width / 2;
  const isGroup = node.group !== "";
  const card = svgElement(
    "a",
    isGroup
      ? { href: `?open=${encodeURIComponent(node.group)}`, "data-group": node.group }
      : { href: `?product=${node.product}`, "data-product": node.product, "data-open": node.product },
    svgElement("title", {}),
    svgElement("rect", { class: "box", x: left, y: y - nodeHeightPx / 2, width, height: nodeHeightPx, rx: 7 }),
    svgElement("path", { class: "mark", transform: `translate(${left + 11} ${y - 6})` }),
    svgElement("text", { x: left + 31, y: y + (isGroup ? 2.5 : 4.5) }, ...labelParts(shortLabel(node.label))),
  );
  if (isGroup) {
    const shares = { transform: `translate(${left + 31} ${y + 9})`, class: "shares", "data-width": width - 42 };
    card.append(svgElement("g", shares));
  }
  showState(card, node);
  return card;
}

/** The name, then `:version` or `×12` in a quieter tone. @param {string} label */
function labelParts(label) {
  const at = Math.max(label.lastIndexOf(":"), label.lastIndexOf(" ×"));
  if (at < 0) return [document.createTextNode(label)];
  const quieter = svgElement("tspan", { class: "version" }, document.createTextNode(label.slice(at)));
  return [document.createTextNode(label.slice(0, at)), quieter];
}

/** Colours a card anew, in place. @param {SVGAElement} card @param {Pick<GraphNode, "state" | "label" | "parts">} node */
export function showState(card, { state, label, parts }) {
  const isHit = card.classList.contains("hit");
  card.setAttribute("class", `node ${state}${isHit ? " hit" : ""}`);
  const [title, mark, shares] = [
    card.querySelector("title"),
    card.querySelector(".mark"),
    card.querySelector(".shares"),
  ];
  const said = parts.length === 0 ? state : parts.map(([name, n]) => `${n} ${name}`).join(", ");
  if (title) title.textContent = `${label}: ${said}`;
  mark?.setAttribute("d", marks[/** @type {keyof typeof marks} */ (state)] ?? marks.waiting);
  mark?.setAttribute("class", state === "waiting" ? "mark hollow" : "mark");
  if (shares) drawShares(shares, parts);
}

/** How large a part of a group is in each state. @param {Element} into @param {GraphNode["parts"]} parts */
function drawShares(into, parts) {
  const width = Number(into.getAttribute("data-width"));
  const all = parts.reduce((sum, [, n]) => sum + n, 0);
  let x = 0;
  into.replaceChildren(
    ...parts.map(([state, n]) => {
      const share = (n / all) * width;
      x += share;
      return svgElement("rect", { class: `share ${state}`, x: x - share, y: 0, width: share, height: 4 });
    }),
  );
}

/**
 * One path for all edges out of a node, and one for their heads: what they look like depends on that node alone.
 * @param {readonly GraphNode[]} nodes @param {import("./layered-layout.js").Placed} placed
 */
function drawEdges(nodes, placed) {
  /** @type {Map<number, { lines: string, heads: string }>} */
  const paths = new Map();
  for (const { tail, path, end } of placed.edges) {
    const out = paths.get(tail) ?? { lines: "", heads: "" };
    out.lines += path;
    out.heads += `M${end[0]} ${end[1]}l-7 -3.6v7.2Z`;
    paths.set(tail, out);
  }
  /** @type {Map<string, SVGPathElement[]>} */
  const edges = new Map();
  for (const [tail, { lines, heads }] of paths) {
    const node = nodes[tail];
    if (node === undefined) continue;
    const lit = node.state === "success" ? " lit" : "";
    edges.set(keyOf(node), [
      svgElement("path", { class: `edge${lit}`, d: lines }),
      svgElement("path", { class: `edge-head${lit}`, d: heads }),
    ]);
  }
  return edges;
}
