/** Draws a chart as SVG, the state it is in lit, and the transition that led there. */
import { escapeHtml } from "../markup.ts";
import { anywhere, type ChartCard, chartSizes } from "./chart-cards.ts";
import { type ChartArrow, layOut } from "./chart-layout.ts";
import { charts, type MachineName } from "./machine.ts";

export interface Lit {
  readonly state: string;
  /** Beside its name: `now`, or when it was. */
  readonly note: string;
  /** The event that led there and the state before it; null: unknown. */
  readonly by: { readonly event: string; readonly before: string | null } | null;
}

const layouts = new Map<MachineName, ReturnType<typeof layOut>>();

/** Laid out once a process: machines do not change. */
export function chartLayout(machine: MachineName): ReturnType<typeof layOut> {
  const known = layouts.get(machine) ?? layOut(charts[machine]);
  layouts.set(machine, known);
  return known;
}

export function chartSvg(machine: MachineName, lit: Lit | null): string {
  const { widthPx, heightPx, cards, arrows } = chartLayout(machine);
  const label = `State chart of a ${machine}${lit === null ? "" : `: ${lit.state}, ${lit.note}`}`;
  const drawn = arrows.map((arrow) => arrowSvg(arrow, isTaken(arrow, lit)));
  return (
    `<svg class="chart" viewBox="0 0 ${widthPx} ${heightPx}" width="${widthPx}" height="${heightPx}" role="img" aria-label="${escapeHtml(label)}">` +
    `<defs><marker id="arrow-head" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>` +
    `${drawn.join("")}${cards.map((card) => cardSvg(card, lit)).join("")}</svg>`
  );
}

/** Several rows of one event are alike in what is known of a step: from where, by what, to where. */
function isTaken(
  { from, event, to }: Pick<ChartArrow, "from" | "event"> & { to: string | null },
  lit: Lit | null,
): boolean {
  if (lit?.by == null || lit.by.event !== event) return false;
  return (from === lit.by.before || from === anywhere) && (to ?? lit.by.before) === lit.state;
}

const arrowSvg = ({ from, path }: ChartArrow, isLit: boolean): string =>
  `<path class="arrow${from === anywhere ? " anywhere" : ""}${isLit ? " lit" : ""}" d="${path}"/>`;

function cardSvg(card: ChartCard, lit: Lit | null): string {
  const { name, kind, isInitial, xPx, yPx, widthPx, heightPx, notes, rows } = card;
  const { headPx, notePx, linePx, padPx } = chartSizes;
  const isLit = lit?.state === name && kind !== "anywhere";
  const note = isLit ? lit.note : isInitial ? "initial" : kind === "final" ? "final" : "";
  const heads = notes.map(
    (text, i) => `<text class="note" x="10" y="${headPx + 9 + i * notePx}">${escapeHtml(text)}</text>`,
  );
  const drawn = rows.map((row) => {
    const rowLit = isTaken({ from: name, event: row.event, to: row.target }, lit);
    const lines = row.lines.map(
      ({ kind: of, text }, i) =>
        `<text class="${of}" x="18" y="${row.yPx + 13 + (i + 1) * linePx}">${escapeHtml(text)}</text>`,
    );
    return (
      `<g class="row${row.target === null ? " stays" : ""}${rowLit ? " lit" : ""}">` +
      `<rect x="4" y="${row.yPx}" width="${widthPx - 8}" height="${row.heightPx - padPx / 2}" rx="4"/>` +
      `<text class="event" x="10" y="${row.yPx + 13}">${escapeHtml(row.event)}</text>${lines.join("")}</g>`
    );
  });
  const inner =
    kind === "final" ? `<rect class="edge" x="3" y="3" width="${widthPx - 6}" height="${heightPx - 6}" rx="5"/>` : "";
  return (
    `<g class="card-of ${kind}${isLit ? " lit" : ""}" data-state="${escapeHtml(name)}" transform="translate(${xPx} ${yPx})">` +
    `<rect class="edge" width="${widthPx}" height="${heightPx}" rx="8"/>${inner}` +
    `<text class="name" x="10" y="18">${escapeHtml(name)}</text>` +
    `<text class="tag" x="${widthPx - 10}" y="18" text-anchor="end">${escapeHtml(note)}</text>${heads.join("")}${drawn.join("")}</g>`
  );
}
