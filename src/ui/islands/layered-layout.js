// @ts-check
/**
 * Places a graph without cycles from left to right, in layers (after Sugiyama, Tagawa and Toda, 1981): layers by the longest path,
 * order by barycentres, heights by least squares under the separations. Near linear: 1,000 nodes take some 30 ms, 10,000 some 300 ms.
 * @typedef {{ readonly width: number, readonly height: number }} Size
 * @typedef {{ width: number, height: number, nodes: { x: number, y: number }[], edges: { tail: number, head: number, path: string, end: [number, number] }[] }} Placed
 */

const layerGapPx = 56;
const rowGapPx = 16;
const columnGapPx = 18;
/** A layer of more nodes is folded into columns: a column of 1,000 is no picture. */
const rowsMax = 36;
const sweeps = 6;
/** Edges over several layers bend around what is between, as long as there are not too many. */
const bendsMaxPerNode = 4;

/**
 * What takes one place in a layer: a row of nodes (one, unless the layer is folded), or the bend of an edge.
 * @typedef {{ nodes: number[], layer: number, height: number, y: number, before: Unit[], after: Unit[], isBend: boolean, key: number }} Unit
 */

/** @param {readonly Size[]} sizes @param {readonly (readonly [number, number])[]} edges from parent to child @returns {Placed} */
export function layeredLayout(sizes, edges) {
  const layerOf = layersOf(sizes.length, edges);
  const chains = chainsOf(sizes, edges, layerOf);
  const layers = orderedLayers(chains.units);
  const folded = layers.map((layer) => fold(layer));
  settle(folded);
  return drawn(sizes, edges, layerOf, folded, chains.bends);
}

/** @param {number} count @param {readonly (readonly [number, number])[]} edges */
function layersOf(count, edges) {
  const layerOf = new Array(count).fill(0);
  const open = new Array(count).fill(0);
  /** @type {number[][]} */
  const children = Array.from({ length: count }, () => []);
  for (const [parent, child] of edges) {
    children[parent]?.push(child);
    open[child] += 1;
  }
  const ready = [...layerOf.keys()].filter((node) => open[node] === 0);
  const roots = ready.length;
  for (let next = 0; next < ready.length; next++) {
    const node = ready[next] ?? 0;
    for (const child of children[node] ?? []) {
      layerOf[child] = Math.max(layerOf[child], layerOf[node] + 1);
      open[child] -= 1;
      if (open[child] === 0) ready.push(child);
    }
  }
  // What nothing feeds stands right before what it feeds.
  for (const node of ready.slice(0, roots)) {
    const own = children[node] ?? [];
    if (own.length > 0) layerOf[node] = own.reduce((least, child) => Math.min(least, layerOf[child]), Infinity) - 1;
  }
  return layerOf;
}

/**
 * A unit for each node, and for each layer that an edge passes.
 * @param {readonly Size[]} sizes @param {readonly (readonly [number, number])[]} edges @param {readonly number[]} layerOf
 */
function chainsOf(sizes, edges, layerOf) {
  /** @type {Unit[]} */
  const units = sizes.map(({ height }, node) => unit([node], layerOf[node] ?? 0, height, false));
  /** @type {Unit[][]} */
  const bends = edges.map(() => []);
  let passed = 0;
  for (const [parent, child] of edges) passed += Math.max(0, (layerOf[child] ?? 0) - (layerOf[parent] ?? 0) - 1);
  const bendsAll = passed <= bendsMaxPerNode * sizes.length;
  for (const [number, [parent, child]] of edges.entries()) {
    let from = /** @type {Unit} */ (units[parent]);
    const to = /** @type {Unit} */ (units[child]);
    for (let layer = from.layer + 1; bendsAll && layer < to.layer; layer++) {
      const bend = unit([], layer, 4, true);
      units.push(bend);
      bends[number]?.push(bend);
      join(from, bend);
      from = bend;
    }
    join(from, to);
  }
  return { units, bends };
}

/** @param {number[]} nodes @param {number} layer @param {number} height @param {boolean} isBend @returns {Unit} */
const unit = (nodes, layer, height, isBend) => ({ nodes, layer, height, y: 0, before: [], after: [], isBend, key: 0 });

/** @param {Unit} from @param {Unit} to */
function join(from, to) {
  from.after.push(to);
  to.before.push(from);
}

/** @param {readonly Unit[]} units */
function orderedLayers(units) {
  /** @type {Unit[][]} */
  const layers = [];
  for (const one of units) {
    const layer = layers[one.layer] ?? [];
    layer.push(one);
    layers[one.layer] = layer;
  }
  for (let layer = 0; layer < layers.length; layer++) layers[layer] ??= [];
  for (const layer of layers) number(layer);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isForward = sweep % 2 === 0;
    for (const layer of isForward ? layers : layers.toReversed()) {
      for (const one of layer) one.key = barycentre(isForward ? one.before : one.after) ?? one.y;
      layer.sort((a, b) => a.key - b.key);
      number(layer);
    }
  }
  return layers;
}

/** Places in order, as shares of the layer, so that layers of different lengths compare. @param {readonly Unit[]} layer */
function number(layer) {
  for (const [place, one] of layer.entries()) one.y = (place + 0.5) / layer.length;
}

/** @param {readonly Unit[]} neighbours */
function barycentre(neighbours) {
  if (neighbours.length === 0) return null;
  let sum = 0;
  for (const { y } of neighbours) sum += y;
  return sum / neighbours.length;
}

/** Rows of several nodes each, when the layer has too many. Bends stay where they are between them. @param {readonly Unit[]} layer */
function fold(layer) {
  const count = layer.filter(({ isBend }) => !isBend).length;
  const columns = count > rowsMax ? Math.ceil(Math.sqrt(count / 4)) : 1;
  if (columns === 1) return { units: [...layer], columns };
  /** @type {Unit[]} */
  const units = [];
  /** @type {Unit | null} */
  let row = null;
  for (const one of layer) {
    if (one.isBend) units.push(one);
    else if (row === null || row.nodes.length >= columns) {
      row = one;
      units.push(one);
    } else {
      row.nodes.push(...one.nodes);
      row.height = Math.max(row.height, one.height);
      for (const before of one.before) replace(before.after, one, row);
      for (const after of one.after) replace(after.before, one, row);
      row.before.push(...one.before);
      row.after.push(...one.after);
    }
  }
  return { units, columns };
}

/** @param {Unit[]} list @param {Unit} old @param {Unit} by */
function replace(list, old, by) {
  const at = list.indexOf(old);
  if (at >= 0) list[at] = by;
}

/** Heights: each layer in turn as near to its neighbours as the separations allow. @param {readonly { units: Unit[] }[]} layers */
function settle(layers) {
  for (const { units } of layers) {
    let y = 0;
    for (const one of units) {
      one.y = y + one.height / 2;
      y += one.height + rowGapPx;
    }
  }
  const settleOne = (/** @type {Unit[]} */ units, /** @type {(one: Unit) => number} */ wish) =>
    spread(units, units.map(wish));
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const { units } of layers) settleOne(units, (one) => barycentre(one.before) ?? barycentre(one.after) ?? one.y);
    for (const { units } of layers.toReversed()) {
      settleOne(units, (one) => barycentre(one.after) ?? barycentre(one.before) ?? one.y);
    }
  }
  for (const { units } of layers) settleOne(units, (one) => barycentre([...one.before, ...one.after]) ?? one.y);
}

/**
 * The places nearest to what is wished, by least squares, that keep the order and the gaps (pool adjacent violators).
 * @param {readonly Unit[]} units @param {readonly number[]} wishes
 */
function spread(units, wishes) {
  /** @type {number[]} */
  const offsets = [];
  let offset = 0;
  for (const [i, one] of units.entries()) {
    if (i > 0) offset += ((units[i - 1]?.height ?? 0) + one.height) / 2 + rowGapPx;
    offsets.push(offset);
  }
  /** @type {{ sum: number, count: number }[]} */
  const pools = [];
  for (const [i, wish] of wishes.entries()) {
    let pool = { sum: wish - (offsets[i] ?? 0), count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count > pool.sum / pool.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  let i = 0;
  for (const { sum, count } of pools) {
    for (const end = i + count; i < end; i++) {
      const one = units[i];
      if (one) one.y = sum / count + (offsets[i] ?? 0);
    }
  }
}

/**
 * @param {readonly Size[]} sizes @param {readonly (readonly [number, number])[]} edges @param {readonly number[]} layerOf
 * @param {readonly { units: Unit[], columns: number }[]} layers @param {readonly Unit[][]} bends @returns {Placed}
 */
function drawn(sizes, edges, layerOf, layers, bends) {
  /** @type {{ x: number, y: number }[]} */
  const nodes = sizes.map(() => ({ x: 0, y: 0 }));
  /** @type {{ left: number, right: number }[]} */
  const spans = [];
  let [left, top, bottom] = [0, Infinity, 0];
  for (const { units, columns } of layers) {
    const wide = units.reduce(
      (most, one) => one.nodes.reduce((m, node) => Math.max(m, sizes[node]?.width ?? 0), most),
      0,
    );
    for (const { nodes: row, y, height } of units) {
      for (const [column, node] of row.entries()) {
        nodes[node] = { x: left + wide / 2 + column * (wide + columnGapPx), y };
      }
      top = Math.min(top, y - height / 2);
      bottom = Math.max(bottom, y + height / 2);
    }
    const right = left + wide + (columns - 1) * (wide + columnGapPx);
    spans.push({ left, right });
    left = right + layerGapPx;
  }
  for (const node of nodes) node.y -= top;
  const paths = edges.map(([tail, head], i) => {
    const [from, to] = [nodes[tail] ?? { x: 0, y: 0 }, nodes[head] ?? { x: 0, y: 0 }];
    let at = { x: from.x + (sizes[tail]?.width ?? 0) / 2, y: from.y };
    let path = `M${point(at)}`;
    for (const bend of bends[i] ?? []) {
      const span = spans[bend.layer] ?? { left: 0, right: 0 };
      const y = bend.y - top;
      path += `${curve(at, { x: span.left, y })}L${point({ x: span.right, y })}`;
      at = { x: span.right, y };
    }
    // Out of a folded layer first, at the height of the node.
    const leave = spans[layerOf[tail] ?? 0]?.right ?? at.x;
    if (bends[i]?.length === 0 && leave > at.x) {
      path += `L${point({ x: leave, y: at.y })}`;
      at = { x: leave, y: at.y };
    }
    const end = { x: to.x - (sizes[head]?.width ?? 0) / 2, y: to.y };
    path += curve(at, end);
    return { tail, head, path, end: /** @type {[number, number]} */ ([round(end.x), round(end.y)]) };
  });
  return { width: Math.max(0, left - layerGapPx), height: Math.max(0, bottom - top), nodes, edges: paths };
}

const round = (/** @type {number} */ value) => Math.round(value * 10) / 10;
/** @param {{ x: number, y: number }} at */
const point = ({ x, y }) => `${round(x)} ${round(y)}`;

/** Leaves and arrives level. @param {{ x: number, y: number }} from @param {{ x: number, y: number }} to */
function curve(from, to) {
  const middle = (from.x + to.x) / 2;
  return `C${point({ x: middle, y: from.y })} ${point({ x: middle, y: to.y })} ${point(to)}`;
}
