// @ts-check
/**
 * A ship's plots: each drawn anew by uPlot in place of what the server drew. Dragging over a span of time zooms all of them into
 * it, and asks the server for its finer values; a double click zooms out again. Where the time shown ends now, values are added as
 * they come.
 */
import uPlot from "uplot";

/** @typedef {{ at: string, min: number, max: number, avg: number, n: number }} Row */
/** @typedef {{ low?: number, high?: number }} Bounds */
/** @typedef {{ name: string, unit: string, limits: Record<string, Bounds>, figure: HTMLElement, canvas: HTMLElement, chart: any, isStale: boolean }} Plot */

const heightPx = 180;
const bucketsMax = 1000;
/** A live plot is fetched again no more often. */
const refreshMs = 2000;

const root = document.getElementById("plots");
const ship = root?.dataset.ship ?? "";
const first = { startMs: Number(root?.dataset.start), endMs: Number(root?.dataset.end) };
let shown = { ...first };
/** It moves on with the clock: not while zoomed into. */
let follows = root?.dataset.follows === "true";

/** @type {Plot[]} */
const plots = [...document.querySelectorAll("figure.plot")].map((element) => {
  const figure = /** @type {HTMLElement} */ (element);
  return {
    name: figure.dataset.name ?? "",
    unit: figure.dataset.unit ?? "",
    limits: JSON.parse(figure.dataset.limits ?? "{}"),
    figure,
    canvas: /** @type {HTMLElement} */ (figure.querySelector(".canvas")),
    chart: null,
    isStale: false,
  };
});

const token = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const faint = (/** @type {string} */ colour) => `color-mix(in srgb, ${colour} 22%, transparent)`;
const clock = (/** @type {number} */ s) => new Date(s * 1000).toISOString();

/** Seconds since 1970, then the mean, the greatest and the least; null where nothing came for a while. @param {Row[]} rows */
function dataOf(rows) {
  const breakMs = (shown.endMs - shown.startMs) / 50;
  /** @type {[number[], (number | null)[], (number | null)[], (number | null)[]]} */
  const data = [[], [], [], []];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { at, avg, min, max } of rows) {
    const atMs = Date.parse(at);
    if (atMs - lastMs > breakMs && lastMs > 0) add(data, (lastMs + atMs) / 2, null, null, null);
    add(data, atMs, avg, max, min);
    lastMs = atMs;
  }
  return data;
}

/** @param {any[][]} data @param {number} atMs @param {(number | null)[]} values */
function add(data, atMs, ...values) {
  data[0]?.push(atMs / 1000);
  for (const [i, value] of values.entries()) data[i + 1]?.push(value);
}

/** @param {Plot} plot @param {Row[]} rows */
function draw(plot, rows) {
  const data = dataOf(rows);
  const values = rows.flatMap(({ min, max }) => [min, max]);
  const said = plot.figure.querySelector(".said");
  if (said !== null)
    said.textContent =
      rows.length === 0 ? "no value" : `from ${figure(Math.min(...values))} to ${figure(Math.max(...values))}`;
  if (plot.isStale) {
    plot.chart?.destroy();
    plot.chart = null;
    plot.isStale = false;
  }
  if (plot.chart === null) plot.chart = chartOf(plot, data);
  plot.chart.setData(data, false);
  // In one go: the scale of x also says where the scale of y comes from.
  plot.chart.setScale("x", { min: shown.startMs / 1000, max: shown.endMs / 1000 });
}

/** @param {Plot} plot @param {any} data */
function chartOf(plot, data) {
  const { name, unit, canvas, limits } = plot;
  const [ink, line, running] = [token("--muted"), token("--line"), token("--running")];
  canvas.replaceChildren();
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Plot of ${name}`);
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    font: "11px sans-serif",
  };
  const whole = { points: { show: false }, width: 0, stroke: "transparent" };
  return new uPlot(
    {
      width: canvas.clientWidth,
      height: heightPx,
      tzDate: (/** @type {number} */ s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      cursor: { sync: { key: "orrery" }, drag: { setScale: false, x: true, y: false } },
      legend: { show: true, live: true },
      scales: { x: { time: true } },
      axes: [
        { ...axis, values: timesOf },
        { ...axis, size: 64 },
      ],
      series: [
        {
          label: "UTC",
          value: (/** @type {any} */ _chart, /** @type {number | null} */ s) =>
            s === null ? "–" : clock(s).slice(0, 19).replace("T", " "),
        },
        {
          label: unit === "" ? "mean" : `mean, ${unit}`,
          stroke: running,
          width: 1.5,
          spanGaps: false,
          value: shownValue,
        },
        { label: "greatest", ...whole, value: shownValue },
        { label: "least", ...whole, value: shownValue },
      ],
      bands: [{ series: [2, 3], fill: faint(running) }],
      hooks: {
        setSelect: [(/** @type {any} */ chart) => zoom(chart)],
        draw: [(/** @type {any} */ chart) => drawLimits(chart, limits)],
        ready: [(/** @type {any} */ chart) => chart.over.addEventListener("dblclick", zoomOut)],
      },
    },
    data,
    canvas,
  );
}

/** Of UTC, as everywhere on these pages: the day where it changes, seconds where they tell. @param {any} _chart @param {number[]} splits @param {number} _axis @param {number} _space @param {number} stepS */
function timesOf(_chart, splits, _axis, _space, stepS) {
  return splits.map((s) => {
    const text = clock(s);
    if (stepS >= 86_400 || s % 86_400 === 0) return stepS >= 27 * 86_400 ? text.slice(0, 7) : text.slice(5, 10);
    return stepS < 60 ? text.slice(11, 19) : text.slice(11, 16);
  });
}

const figure = (/** @type {number} */ value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
const shownValue = (/** @type {any} */ _chart, /** @type {number | null} */ value) =>
  value === null || value === undefined ? "–" : figure(value);

/** Dashed, where they are in sight. @param {any} chart @param {Record<string, Bounds>} limits */
function drawLimits(chart, limits) {
  const { ctx, bbox, scales } = chart;
  for (const [level, bounds] of Object.entries(limits)) {
    for (const value of [bounds.low, bounds.high]) {
      if (value === undefined || value < scales.y.min || value > scales.y.max) continue;
      const y = Math.round(chart.valToPos(value, "y", true));
      ctx.save();
      ctx.strokeStyle = token(level === "critical" ? "--failed" : "--warning");
      ctx.setLineDash(level === "watch" ? [2, 4] : [6, 4]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    }
  }
}

/** @param {any} chart */
function zoom(chart) {
  const { left, width } = chart.select;
  if (width < 4) return;
  const startMs = Math.round(chart.posToVal(left, "x") * 1000);
  const endMs = Math.max(startMs + 10, Math.round(chart.posToVal(left + width, "x") * 1000));
  chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  follows = false;
  show(startMs, endMs);
}

function zoomOut() {
  follows = root?.dataset.follows === "true";
  if (follows) showNow();
  else show(first.startMs, first.endMs);
}

function showNow() {
  const nowMs = Date.now();
  show(nowMs - (first.endMs - first.startMs), nowMs);
}

/** @param {number} startMs @param {number} endMs */
function show(startMs, endMs) {
  shown = { startMs, endMs };
  const range = document.getElementById("plots_range");
  const text = (/** @type {number} */ ms) =>
    new Date(ms)
      .toISOString()
      .slice(0, endMs - startMs < 600_000 ? 19 : 16)
      .replace("T", " ");
  if (range !== null) range.textContent = `${text(startMs)} to ${text(endMs)} UTC`;
  void refresh();
}

let asked = 0;
async function refresh() {
  const turn = ++asked;
  const { startMs, endMs } = shown;
  const query = new URLSearchParams({
    start: new Date(startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    buckets: String(Math.min(bucketsMax, Math.max(100, plots[0]?.canvas.clientWidth ?? 100))),
  });
  await Promise.all(
    plots.map(async (plot) => {
      const path = `/api/ship/${encodeURIComponent(ship)}/parameter/${encodeURIComponent(plot.name)}/history?${query}`;
      try {
        const response = await fetch(path, { headers: { Accept: "application/json" } });
        if (!response.ok) throw new Error((await response.json()).detail);
        const { rows } = await response.json();
        if (turn === asked) draw(plot, rows);
      } catch (error) {
        const said = plot.figure.querySelector(".said");
        if (said !== null) said.textContent = `could not be read: ${error instanceof Error ? error.message : error}`;
      }
    }),
  );
}

/** Values that come are added by asking anew, as the buckets of what is shown move on too. */
function follow() {
  const query = new URLSearchParams(plots.map(({ name }) => ["parameter", name]));
  const events = new EventSource(`/api/ship/${encodeURIComponent(ship)}/parameter/live?${query}`);
  let isDue = false;
  events.addEventListener("values", () => {
    if (isDue || !follows || document.hidden) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      if (follows) showNow();
    }, refreshMs);
  });
  window.addEventListener("pagehide", () => events.close());
}

/** In other colours; until then the old ones stand. */
function redraw() {
  for (const plot of plots) plot.isStale = true;
  void refresh();
}

if (plots.length > 0) {
  void refresh();
  if (follows) follow();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resizing;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => {
      for (const { chart, canvas } of plots) chart?.setSize({ width: canvas.clientWidth, height: heightPx });
    }, 150);
  });
}
