/** A picture of the pass at a glance: battery voltage, charge and current over time, as SVG, eclipses shaded. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { type Columns, decodedColumns } from "./csv.ts";
import { passOf, productFolder } from "./pass.ts";
import { writeProduct } from "./product-file.ts";

const width = 960;
const panelHeight = 150;
const left = 64;
const right = 24;
const top = 64;
const plotWidth = width - left - right;

const curves = [
  { name: "battery_voltage", title: "Battery voltage", unit: "V", colour: "#2563eb" },
  { name: "battery_charge", title: "Battery charge", unit: "%", colour: "#0f9d6b" },
  { name: "battery_current", title: "Battery current", unit: "A", colour: "#c2410c" },
] as const;

export default async function quickLook(task: FunctionTask) {
  const params = passOf(task);
  const power = await decodedColumns(task, "power");
  if (power.rows === 0) throw new Error("No power packet was received: there is nothing to draw");
  const title = `${params.ship}, ${params.pass.aos.slice(0, 16).replace("T", " ")} UTC`;
  const svg = draw(
    power,
    title,
    `${power.rows} power packets, ${(params.ledger.completeness * 100).toFixed(2)} % complete`,
  );
  const file = await writeProduct(join(await productFolder(params), "quick-look.svg"), [svg]);
  return { files: [file], curves: curves.map((curve) => curve.name), points: power.rows };
}

function draw(power: Columns, title: string, subtitle: string): string {
  const order = Uint32Array.from(power.at.keys()).sort((a, b) => (power.at[a] ?? 0) - (power.at[b] ?? 0));
  const from = power.at[order[0] ?? 0] ?? 0;
  const to = power.at[order[order.length - 1] ?? 0] ?? 0;
  const xOf = (ms: number) => left + (to === from ? 0 : ((ms - from) / (to - from)) * plotWidth);
  const height = top + curves.length * panelHeight + 40;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2937">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${left}" y="28" font-size="18" font-weight="600">${escaped(title)}</text>`,
    `<text x="${left}" y="46" fill="#6b7280">${escaped(subtitle)}</text>`,
    ...eclipses(power, order, xOf),
  ];
  for (const [i, curve] of curves.entries()) {
    parts.push(...panel(power.at, power.numbers(curve.name), order, xOf, top + i * panelHeight, curve));
  }
  const baseline = top + curves.length * panelHeight + 14;
  for (let step = 0; step <= 5; step++) {
    const ms = from + ((to - from) * step) / 5;
    const anchor = step === 0 ? "start" : step === 5 ? "end" : "middle";
    const clock = new Date(ms).toISOString().slice(11, 19);
    parts.push(
      `<text x="${xOf(ms).toFixed(1)}" y="${baseline}" text-anchor="${anchor}" fill="#6b7280">${clock}</text>`,
    );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

function panel(
  at: Float64Array,
  values: Float64Array,
  order: Uint32Array,
  xOf: (ms: number) => number,
  y: number,
  curve: (typeof curves)[number],
): string[] {
  const finite = values.filter((value) => Number.isFinite(value));
  const low = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const room = Math.max((high - low) * 0.1, Math.abs(high) * 0.001, 1e-6);
  const [bottom, ceiling] = [low - room, high + room];
  const inner = panelHeight - 34;
  const yOf = (value: number) => y + 20 + inner - ((value - bottom) / (ceiling - bottom)) * inner;
  const lines = [
    `<text x="${left}" y="${y + 12}" font-weight="600">${curve.title} <tspan fill="#6b7280" font-weight="400">${curve.unit}</tspan></text>`,
    `<rect x="${left}" y="${y + 20}" width="${plotWidth}" height="${inner}" fill="none" stroke="#d1d5db"/>`,
  ];
  for (const value of [low, (low + high) / 2, high]) {
    const place = yOf(value).toFixed(1);
    lines.push(
      `<line x1="${left}" x2="${left + plotWidth}" y1="${place}" y2="${place}" stroke="#eef0f3"/>`,
      `<text x="${left - 8}" y="${place}" dy="4" text-anchor="end" fill="#6b7280">${value.toFixed(2)}</text>`,
    );
  }
  lines.push(
    `<polyline fill="none" stroke="${curve.colour}" stroke-width="1.6" stroke-linejoin="round" points="${points(at, values, order, xOf, yOf)}"/>`,
  );
  return lines;
}

/** At most a lowest and a highest point for each pixel column, so that a long pass makes no larger picture. */
function points(
  at: Float64Array,
  values: Float64Array,
  order: Uint32Array,
  xOf: (ms: number) => number,
  yOf: (value: number) => number,
): string {
  const kept: string[] = [];
  let column = Number.NaN;
  let low = 0;
  let high = 0;
  const flush = () => {
    if (Number.isNaN(column)) return;
    kept.push(`${column},${yOf(low).toFixed(1)}`);
    if (high !== low) kept.push(`${column},${yOf(high).toFixed(1)}`);
  };
  for (const row of order) {
    const value = values[row] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    const x = Math.round(xOf(at[row] ?? 0));
    if (x !== column) {
      flush();
      column = x;
      low = value;
      high = value;
    } else {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  flush();
  return kept.join(" ");
}

function eclipses(power: Columns, order: Uint32Array, xOf: (ms: number) => number): string[] {
  const words = power.words("sunlight");
  const bands: string[] = [];
  let since: number | null = null;
  const end = (ms: number) => {
    if (since === null) return;
    const x = xOf(since);
    const size = Math.max(xOf(ms) - x, 1);
    bands.push(
      `<rect x="${x.toFixed(1)}" y="${top}" width="${size.toFixed(1)}" height="${curves.length * panelHeight}" fill="#e5e7eb" opacity="0.6"/>`,
    );
    since = null;
  };
  for (const row of order) {
    const ms = power.at[row] ?? 0;
    if (words[row] === "eclipse") since ??= ms;
    else end(ms);
  }
  end(power.at[order[order.length - 1] ?? 0] ?? 0);
  return bands;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
