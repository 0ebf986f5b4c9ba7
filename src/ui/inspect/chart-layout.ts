/**
 * Where the parts of a chart lie. States are cards in columns, from the initial one to the right; each of a card's rows is one
 * transition. Arrows to one state join on the way, so that ten ways to be cancelled are one line; no arrow crosses a card.
 */
import { anywhere, type ChartCard, cardsOf, chartSizes, textWidthOf, type Unplaced } from "./chart-cards.ts";
import type { Chart } from "./machine.ts";

export interface ChartArrow {
  readonly from: string;
  readonly event: string;
  readonly to: string;
  /** SVG path data. */
  readonly path: string;
}

export interface ChartLayout {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly cards: readonly ChartCard[];
  readonly arrows: readonly ChartArrow[];
}

const gutterPx = 44;
const gapPx = 20;
/** A lane for arrows that pass a column by. */
const lanePx = 10;
const marginPx = 14;

/** A card, or the lane of the arrows to one card, in a column. */
interface Item {
  readonly card: Unplaced | null;
  /** Of a lane: where it leads to. */
  readonly to: string | null;
  readonly heightPx: number;
  yPx: number;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  /** The middle of its row, from the top of its card. */
  readonly rowPx: number;
}

export function layOut(chart: Chart): ChartLayout {
  const cards = cardsOf(chart);
  const edges = cards.flatMap((card) =>
    card.rows.flatMap(({ target, event, yPx, heightPx }): Edge[] =>
      target === null || target === card.name
        ? []
        : [{ from: card.name, to: target, event, rowPx: yPx + Math.min(heightPx / 2, 12) }],
    ),
  );
  const columnOf = columnsOf(chart, edges);
  const columns = columnsWithLanes(cards, edges, columnOf);
  const heightPx = stack(columns, edges);
  const places = placesOf(columns);
  const placed = columns.flatMap((items, column) =>
    items.flatMap(({ card, yPx }) => (card === null ? [] : [{ ...card, ...placeOf(places, column), yPx }])),
  );
  const last = placeOf(places, columns.length - 1);
  return {
    widthPx: last.xPx + last.widthPx + marginPx + (hasLoopAtRight(edges, columnOf) ? gutterPx / 2 : 0),
    heightPx: heightPx + marginPx,
    cards: placed,
    arrows: edges.map((edge) => ({
      from: edge.from,
      event: edge.event,
      to: edge.to,
      path: pathOf(edge, columns, columnOf, places),
    })),
  };
}

interface Place {
  readonly xPx: number;
  readonly widthPx: number;
}

/** As wide as its widest text, within bounds. */
function placesOf(columns: readonly (readonly Item[])[]): Place[] {
  let xPx = marginPx;
  return columns.map((items) => {
    const widest = Math.max(...items.map(({ card }) => (card === null ? 0 : textWidthOf(card))));
    const place = { xPx, widthPx: Math.min(chartSizes.widePx, Math.max(chartSizes.narrowPx, Math.ceil(widest))) };
    xPx += place.widthPx + gutterPx;
    return place;
  });
}

const placeOf = (places: readonly Place[], column: number): Place => places[column] ?? { xPx: 0, widthPx: 0 };

/** The longest way from the initial state, without going back. */
function columnsOf(chart: Chart, edges: readonly Edge[]): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  const open = new Set<string>();
  const first = edges.some(({ from }) => from === anywhere) ? 1 : 0;
  const visit = (name: string, column: number): void => {
    if (open.has(name) || (columns.get(name) ?? -1) >= column) return;
    columns.set(name, column);
    open.add(name);
    for (const { from, to } of edges) if (from === name) visit(to, column + 1);
    open.delete(name);
  };
  for (const { name, isInitial } of chart.states) if (isInitial) visit(name, first);
  // What no state leads to.
  for (const { name } of chart.states) if (!columns.has(name)) columns.set(name, first);
  return columns.set(anywhere, 0);
}

function columnsWithLanes(
  cards: readonly Unplaced[],
  edges: readonly Edge[],
  columnOf: ReadonlyMap<string, number>,
): Item[][] {
  const columns: Item[][] = Array.from({ length: Math.max(...columnOf.values()) + 1 }, () => []);
  for (const card of cards) {
    columns[columnOf.get(card.name) ?? 0]?.push({ card, to: null, heightPx: card.heightPx, yPx: 0 });
  }
  for (const { from, to } of edges) {
    for (const column of between(columnOf.get(from) ?? 0, columnOf.get(to) ?? 0)) {
      const items = columns[column];
      if (items?.some((item) => item.to === to) === false) items.push({ card: null, to, heightPx: lanePx, yPx: 0 });
    }
  }
  return columns;
}

/** The columns that an arrow passes by, in order. */
function between(from: number, to: number): number[] {
  const step = Math.sign(to - from);
  const passed: number[] = [];
  for (let column = from + step; step !== 0 && column !== to; column += step) passed.push(column);
  return passed;
}

/** Puts each column's items one below the other, near what leads to them. Returns the height of the highest one. */
function stack(columns: readonly Item[][], edges: readonly Edge[]): number {
  const heights = columns.map((items) => items.reduce((sum, { heightPx }) => sum + heightPx + gapPx, -gapPx));
  const heightPx = Math.max(...heights);
  columns.forEach((items, column) => {
    const wish = new Map(items.map((item) => [item, wishedY(item, columns[column - 1] ?? [], edges)]));
    items.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
    let yPx = marginPx + (heightPx - (heights[column] ?? 0)) / 2;
    for (const item of items) {
      item.yPx = yPx;
      yPx += item.heightPx + gapPx;
    }
  });
  return heightPx + marginPx;
}

/** The mean height of what leads to it from the column before; the first column stays as it was declared. */
function wishedY(item: Item, before: readonly Item[], edges: readonly Edge[]): number {
  const name = item.card?.name ?? item.to;
  const heights = before.flatMap((other) => {
    if (other.to === name) return [other.yPx];
    return edges.flatMap(({ from, to, rowPx }) =>
      to === name && from === other.card?.name ? [other.yPx + rowPx] : [],
    );
  });
  return heights.length === 0 ? 0 : heights.reduce((sum, y) => sum + y, 0) / heights.length;
}

const hasLoopAtRight = (edges: readonly Edge[], columnOf: ReadonlyMap<string, number>): boolean => {
  const last = Math.max(...columnOf.values());
  return edges.some(({ from, to }) => columnOf.get(from) === last && columnOf.get(to) === last);
};

function pathOf(
  { from, to, rowPx }: Edge,
  columns: readonly Item[][],
  columnOf: ReadonlyMap<string, number>,
  places: readonly Place[],
): string {
  const { headPx } = chartSizes;
  const leftOf = (column: number): number => placeOf(places, column).xPx;
  const rightOf = (column: number): number => leftOf(column) + placeOf(places, column).widthPx;
  const [start, end] = [columnOf.get(from) ?? 0, columnOf.get(to) ?? 0];
  const itemOf = (column: number, is: (item: Item) => boolean): Item | undefined => columns[column]?.find(is);
  const startY = (itemOf(start, ({ card }) => card?.name === from)?.yPx ?? 0) + rowPx;
  const endY = (itemOf(end, ({ card }) => card?.name === to)?.yPx ?? 0) + headPx / 2;
  const isForward = end > start;
  if (end === start) {
    const x = rightOf(start);
    const bow = x + gutterPx * 0.55;
    return `M${x} ${startY}C${bow} ${startY} ${bow} ${endY} ${x + 7} ${endY}`;
  }
  let path = `M${isForward ? rightOf(start) : leftOf(start)} ${startY}`;
  let [x, y] = [isForward ? rightOf(start) : leftOf(start), startY];
  const curveTo = (nextX: number, nextY: number): void => {
    const middle = (x + nextX) / 2;
    path += `C${middle} ${y} ${middle} ${nextY} ${nextX} ${nextY}`;
    [x, y] = [nextX, nextY];
  };
  for (const column of between(start, end)) {
    const lane = (itemOf(column, (item) => item.to === to)?.yPx ?? 0) + lanePx / 2;
    curveTo(isForward ? leftOf(column) : rightOf(column), lane);
    x = isForward ? rightOf(column) : leftOf(column);
    path += `H${x}`;
  }
  curveTo(isForward ? leftOf(end) - 7 : rightOf(end) + 7, endY);
  return path;
}
