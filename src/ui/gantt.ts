/** When each product of a plan was computed: bars on one axis of time, from its attempts, or from its turns when others compute it. */
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import { count, duration } from "./figures.ts";
import { escapeHtml, exactTime } from "./markup.ts";

/** From and to in milliseconds since 1970; `toMs` null: it goes on. */
export interface Bar {
  readonly productId: ProductId;
  readonly fromMs: number;
  readonly toMs: number | null;
  /** The state whose colour it has, one of ours. */
  readonly tone: string;
  /** `attempt 2 failed`, `running` */
  readonly what: string;
}

/** Products that have a row: those that began last. */
export const rowsMax = 100;
/** Silence of this length, and longer than all that came after it, separates one run of the plan from the one before. */
const gapMsMin = 600_000;
const ticksMax = 6;
/** Percent: a bar without any width is not drawn at all. */
const widthMin = 0.05;
const byName = new Intl.Collator("en", { numeric: true });
const stepsS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

interface Axis {
  readonly fromMs: number;
  readonly toMs: number;
}

/** `products`: those that have bars or may have, in the order of the rows. */
export function ganttMarkup(
  datasetId: DatasetId,
  products: readonly ProductRow[],
  bars: readonly Bar[],
  nowMs: number,
): string {
  const axis = axisOf(bars, nowMs);
  if (axis === null) return `<p class="empty"><strong>Nothing has run yet</strong></p>`;
  const byProduct = new Map<ProductId, Bar[]>();
  let earlier = 0;
  for (const bar of bars) {
    if ((bar.toMs ?? nowMs) < axis.fromMs) earlier += 1;
    else put(byProduct, bar);
  }
  const shown = products
    .filter(({ productId }) => byProduct.has(productId))
    .toSorted((a, b) => startOf(byProduct, a) - startOf(byProduct, b) || byName.compare(a.name, b.name));
  const isLive = bars.some(({ toMs }) => toMs === null);
  const rows = shown.map((product) => row(datasetId, product, byProduct.get(product.productId) ?? [], axis, nowMs));
  return (
    `<div class="gantt" data-live="${isLive}">${scale(axis)}<ol>${rows.join("")}</ol></div>` +
    `<p class="muted gantt-note">${note(axis, shown.length, earlier)}</p>`
  );
}

function put(byProduct: Map<ProductId, Bar[]>, bar: Bar): void {
  const known = byProduct.get(bar.productId);
  if (known) known.push(bar);
  else byProduct.set(bar.productId, [bar]);
}

const startOf = (byProduct: ReadonlyMap<ProductId, readonly Bar[]>, { productId }: ProductRow): number =>
  Math.min(...(byProduct.get(productId) ?? []).map(({ fromMs }) => fromMs));

/** Back from the newest bar, over all that is not separated from it by a long silence. Null: there are no bars. */
export function axisOf(bars: readonly Bar[], nowMs: number): Axis | null {
  if (bars.length === 0) return null;
  const endOf = ({ fromMs, toMs }: Bar): number => Math.max(fromMs, toMs ?? nowMs);
  const byEnd = bars.toSorted((a, b) => endOf(b) - endOf(a));
  const toMs = endOf(byEnd[0] as Bar); // there is one
  let fromMs = toMs;
  for (const bar of byEnd) {
    if (fromMs - endOf(bar) > Math.max(gapMsMin, toMs - fromMs)) break;
    fromMs = Math.min(fromMs, bar.fromMs);
  }
  // Something that took no time still needs an axis.
  const spareMs = Math.max(500 - (toMs - fromMs), 0);
  return { fromMs, toMs: toMs + spareMs };
}

const place = ({ fromMs, toMs }: Axis, atMs: number): number =>
  Math.round(Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs))) * 100_000) / 1000;

function row(datasetId: DatasetId, product: ProductRow, bars: readonly Bar[], axis: Axis, nowMs: number): string {
  const { productId } = product;
  const name = escapeHtml(product.name);
  let drawn = "";
  for (const { fromMs, toMs, tone, what } of bars) {
    const [x, end] = [place(axis, fromMs), place(axis, toMs ?? nowMs)];
    drawn +=
      `<rect class="bar ${tone}" x="${x}%" y="4" width="${Math.max(end - x, widthMin).toFixed(3)}%" height="12" rx="2">` +
      `<title>${name}: ${escapeHtml(what)}, ${spanText(fromMs, toMs, nowMs)}</title></rect>`;
  }
  const said = bars.map(({ fromMs, toMs, what }) => `${what}, ${spanText(fromMs, toMs, nowMs)}`).join("; ");
  return (
    `<li data-row="${productId}"><a href="/plan/${datasetId}?product=${productId}" data-open="${productId}" title="${name}">${name}</a>` +
    `<svg class="bars" role="img" aria-label="${escapeHtml(said)}" height="20">${drawn}</svg></li>`
  );
}

function spanText(fromMs: number, toMs: number | null, nowMs: number): string {
  const ms = Math.max(0, (toMs ?? nowMs) - fromMs);
  const length = ms < 1000 ? `${Math.round(ms)} ms` : ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
  return `from ${exactTime(new Date(fromMs).toISOString())} for ${length}${toMs === null ? " so far" : ""}`;
}

/** Times of day in UTC, at round ones; within a second or two, what has passed since the beginning. */
function scale(axis: Axis): string {
  const spanS = (axis.toMs - axis.fromMs) / 1000;
  const stepS = stepsS.find((step) => spanS / step <= ticksMax) ?? Math.ceil(spanS / ticksMax / 86_400) * 86_400;
  const stepMs = stepS * 1000;
  let ticks = "";
  for (let atMs = Math.ceil(axis.fromMs / stepMs) * stepMs; atMs <= axis.toMs; atMs += stepMs) {
    const x = place(axis, atMs);
    const iso = new Date(atMs).toISOString();
    const label = stepS >= 86_400 ? iso.slice(5, 10) : stepS >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
    const anchor = x > 94 ? "end" : x < 6 ? "start" : "middle";
    ticks += `<line x1="${x}%" x2="${x}%" y1="16" y2="20"/><text x="${x}%" y="12" text-anchor="${anchor}">${label}</text>`;
  }
  return `<svg class="scale" aria-hidden="true" height="20">${ticks}</svg>`;
}

function note(axis: Axis, rows: number, earlier: number): string {
  const from = exactTime(new Date(axis.fromMs).toISOString()).replace(/\.\d+/, "");
  const length = axis.toMs - axis.fromMs < 1000 ? "less than a second" : duration((axis.toMs - axis.fromMs) / 1000);
  const cut = rows >= rowsMax ? ` The ${rowsMax} products that began last.` : "";
  const before = earlier > 0 ? ` ${count(earlier)} earlier ${earlier === 1 ? "one is" : "ones are"} not drawn.` : "";
  return `From ${from}, ${length}.${cut}${before}`;
}
