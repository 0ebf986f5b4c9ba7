// @ts-check
/** Draws a placed graph as SVG by the DOM: names become text nodes and nothing else. */

/** @typedef {{ product: string, state: string, label: string, parents: readonly number[] }} GraphNode */

const svgNamespace = "http://www.w3.org/2000/svg";
export const nodeHeightPx = 34;
const labelMax = 42;
const marginPx = 6;

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
function element(name, attributes, ...children) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** @param {string} text `x,y` in points @param {number} heightPx @returns {[number, number]} */
function pointOf(text, heightPx) {
  const [x = 0, y = 0] = text.split(",").map(Number);
  return [x + marginPx, heightPx - y + marginPx]; // Graphviz counts y upwards
}

/**
 * @param {readonly GraphNode[]} nodes @param {readonly { width: number }[]} sizes
 * @param {import("./layout-worker.js").Placed} placed
 */
export function drawGraph(nodes, sizes, placed) {
  const [, , width = 0, height = 0] = placed.bb.split(",").map(Number);
  const edges = (placed.edges ?? []).flatMap((edge) => drawEdge(edge, nodes, height));
  const cards = (placed.objects ?? []).flatMap((object) => {
    const node = nodes[Number(object.name)];
    const size = sizes[Number(object.name)];
    return node && size && object.pos ? [drawNode(node, size.width, pointOf(object.pos, height))] : [];
  });
  return element(
    "svg",
    {
      role: "group",
      "aria-label": `Graph of ${nodes.length} data products`,
      width: width + 2 * marginPx,
      height: height + 2 * marginPx,
      viewBox: `0 0 ${width + 2 * marginPx} ${height + 2 * marginPx}`,
    },
    ...edges,
    ...cards,
  );
}

/** @param {GraphNode} node @param {number} width @param {[number, number]} centre */
function drawNode(node, width, [x, y]) {
  const left = x - width / 2;
  const card = element(
    "a",
    { href: `?product=${node.product}`, "data-product": node.product, "data-open": node.product },
    element("title", {}, document.createTextNode("")),
    element("rect", { x: left, y: y - nodeHeightPx / 2, width, height: nodeHeightPx, rx: 7 }),
    element("path", { class: "mark", transform: `translate(${left + 11} ${y - 6})` }),
    element("text", { x: left + 31, y: y + 4.5 }, ...labelParts(shortLabel(node.label))),
  );
  showState(card, node.state, node.label);
  return card;
}

/** The name, then `:version` in a quieter tone. @param {string} label */
function labelParts(label) {
  const colon = label.lastIndexOf(":");
  if (colon < 0) return [document.createTextNode(label)];
  const version = element("tspan", { class: "version" }, document.createTextNode(label.slice(colon)));
  return [document.createTextNode(label.slice(0, colon)), version];
}

/** Colours a card anew, in place. @param {SVGAElement} card @param {string} state @param {string} label */
export function showState(card, state, label) {
  card.setAttribute("class", `node ${state}`);
  const [title, mark] = [card.querySelector("title"), card.querySelector(".mark")];
  if (title) title.textContent = `${label}: ${state}`;
  mark?.setAttribute("d", marks[/** @type {keyof typeof marks} */ (state)] ?? marks.waiting);
  mark?.setAttribute("class", state === "waiting" ? "mark hollow" : "mark");
}

/** @param {import("./layout-worker.js").PlacedEdge} edge @param {readonly GraphNode[]} nodes @param {number} height */
function drawEdge(edge, nodes, height) {
  const points = (edge.pos ?? "").split(" ").filter((part) => /^[-\d]/.test(part));
  const [start, ...rest] = points.map((point) => pointOf(point, height));
  const end = rest.at(-1);
  if (start === undefined || end === undefined) return [];
  let path = `M${start}`;
  for (let i = 0; i + 2 < rest.length; i += 3) path += `C${rest[i]} ${rest[i + 1]} ${rest[i + 2]}`;
  const [tail, head] = [nodes[edge.tail]?.product ?? "", nodes[edge.head]?.product ?? ""];
  const lit = nodes[edge.tail]?.state === "success" ? " lit" : "";
  return [
    element("path", { class: `edge${lit}`, d: path, "data-parent": tail, "data-child": head }),
    element("path", {
      class: `edge-head${lit}`,
      d: `M${end[0]} ${end[1]}l-7 -3.6v7.2Z`,
      "data-parent": tail,
    }),
  ];
}
