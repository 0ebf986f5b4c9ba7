/**
 * Plots of a ship's parameters. The server draws each as a band from the least to the greatest value with the mean in it, which
 * needs no script; the island `plots.js` puts a plot in its place that can be zoomed into and goes on as values come.
 */
import type { HistoryRow } from "../history/history.ts";
import type { DefinedParameter } from "../http/dictionary.ts";
import { instantOf } from "../model/clock.ts";
import { reading } from "./figures.ts";
import { escapeHtml, exactTime } from "./markup.ts";
import { type PlotAsk, type PlotSpan, plotQuery, plotSpans, plotsMax } from "./plot-window.ts";

export interface ShownPlot {
  readonly parameter: DefinedParameter;
  /** In the order of time. */
  readonly rows: readonly HistoryRow[];
}

export interface ShipPlots {
  readonly ship: string;
  readonly ask: PlotAsk;
  readonly plots: readonly ShownPlot[];
  /** Every parameter that has a history. */
  readonly known: readonly string[];
  /** Something of that time is not shown. */
  readonly isCut: boolean;
}

const width = 1000;
const height = 160;

export function shipPlots(shown: ShipPlots): string {
  const { ship, ask, plots, isCut } = shown;
  const { startMs, endMs, followsNow } = ask.window;
  const figures = plots.map((plot) => figure(plot, ask)).join("");
  return (
    `<div class="plots" id="plots" data-ship="${escapeHtml(ship)}" data-start="${startMs}" data-end="${endMs}" data-follows="${followsNow}">` +
    `<div class="plots-head">${spanLinks(shown)}<span class="muted" id="plots_range">${rangeText(startMs, endMs)}</span></div>` +
    `${picker(shown)}${figures}` +
    `${isCut ? `<p class="muted">Not all of that time is shown: older passes, or files on another node.</p>` : ""}</div>`
  );
}

const rangeText = (startMs: number, endMs: number): string =>
  `${exactTime(instantOf(startMs)).slice(0, 16)} to ${exactTime(instantOf(endMs)).slice(0, 16)} UTC`;

function spanLinks({ ship, ask }: ShipPlots): string {
  const links = (Object.keys(plotSpans) as PlotSpan[]).map(
    (span) =>
      `<a href="/ship/${escapeHtml(ship)}?${escapeHtml(plotQuery(ask, span))}"${span === ask.window.span ? ' aria-current="true"' : ""}>${span}</a>`,
  );
  return `<nav class="segments" aria-label="Time shown">${links.join("")}</nav>`;
}

function picker({ ship, ask, known }: ShipPlots): string {
  const boxes = known.map(
    (name) =>
      `<label><input type="checkbox" name="plot" value="${escapeHtml(name)}"${ask.names.includes(name) ? " checked" : ""}> ${escapeHtml(name)}</label>`,
  );
  const { span, endMs, followsNow } = ask.window;
  const end = followsNow ? "" : `<input type="hidden" name="end" value="${instantOf(endMs).slice(0, 19)}Z">`;
  return (
    `<details class="picker" id="picker"><summary>Choose parameters</summary><form action="/ship/${escapeHtml(ship)}" method="get">` +
    `<fieldset><legend class="unseen">Parameters, up to ${plotsMax}</legend>${boxes.join("")}</fieldset>` +
    `<input type="hidden" name="span" value="${span}">${end}<button type="submit">Plot them</button></form></details>`
  );
}

function figure({ parameter: { field }, rows }: ShownPlot, { window }: PlotAsk): string {
  const name = escapeHtml(field.name);
  const unit = field.unit === undefined ? "" : ` <span class="muted">${escapeHtml(field.unit)}</span>`;
  const limits = field.limits === undefined ? "" : ` data-limits="${escapeHtml(JSON.stringify(field.limits))}"`;
  const range = rangeOf(rows);
  const drawn =
    range === null
      ? `<p class="empty">No value in this time.</p>`
      : `<div class="scale"><span>${reading(range.max)}</span><span>${reading(range.min)}</span></div>${drawing(rows, range, window)}`;
  const said = range === null ? "no value" : `from ${reading(range.min)} to ${reading(range.max)}`;
  return (
    `<figure class="card plot" data-name="${name}" data-unit="${escapeHtml(field.unit ?? "")}"${limits}>` +
    `<figcaption><strong>${name}</strong>${unit}<span class="muted said">${said}</span></figcaption><div class="canvas">${drawn}</div></figure>`
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function rangeOf(rows: readonly HistoryRow[]): Range | null {
  if (rows.length === 0) return null;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    min = Math.min(min, row.min);
    max = Math.max(max, row.max);
  }
  return { min, max };
}

function drawing(rows: readonly HistoryRow[], { min, max }: Range, { startMs, endMs }: PlotAsk["window"]): string {
  const x = (atMs: number): string => (((atMs - startMs) / (endMs - startMs)) * width).toFixed(1);
  const y = (value: number): string => (height - ((value - min) / (max - min || 1)) * (height - 8) - 4).toFixed(1);
  const parts = partsOf(rows, (endMs - startMs) / 50);
  const lines = parts.map((part) => `M${part.map((row) => `${x(row.atMs)} ${y(row.sum / row.n)}`).join("L")}`).join("");
  const bands = parts.map((part) => {
    const above = part.map((row) => `${x(row.atMs)} ${y(row.max)}`).join("L");
    const below = part
      .toReversed()
      .map((row) => `${x(row.atMs)} ${y(row.min)}`)
      .join("L");
    return `M${above}L${below}Z`;
  });
  const dots = parts.flatMap((part) => (part.length === 1 ? part : []));
  return (
    `<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">` +
    `<path class="band" d="${bands.join("")}"/><path class="line" d="${lines}"/>` +
    `${dots.map((row) => `<path class="dot" d="M${x(row.atMs)} ${y(row.sum / row.n)}h0.01"/>`).join("")}</svg>`
  );
}

/** A line is broken where nothing came for a while: between two passes there is no value. */
function partsOf(rows: readonly HistoryRow[], breakMs: number): HistoryRow[][] {
  const parts: HistoryRow[][] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    if (row.atMs - lastMs > breakMs) parts.push([]);
    parts.at(-1)?.push(row);
    lastMs = row.atMs;
  }
  return parts;
}
