/**
 * Passes over time, a row a station: where two overlap they lie in lanes below one another. Drawn as SVG whose lengths are shares
 * of the width, so that it fits any screen without a script.
 */
import { epochMsOf } from "../model/clock.ts";
import { hasEnded, type PassRow, type PassState } from "../model/pass.ts";
import { clashesOf } from "../model/pass-conflicts.ts";
import { claimOf } from "../store/pass-plan.ts";
import { duration } from "./figures.ts";
import { escapeHtml, exactTime } from "./markup.ts";
import { type PassWindow, type SpanName, spans, ticksOf, windowQuery } from "./pass-window.ts";

export interface Timeline {
  readonly window: PassWindow;
  /** In the order of AOS. */
  readonly passes: readonly PassRow[];
  /** There are more in that time than are drawn. */
  readonly isCut: boolean;
  readonly query: URLSearchParams;
}

interface Bar {
  readonly pass: PassRow;
  readonly fromMs: number;
  readonly toMs: number;
  readonly lane: number;
  /** Where its name has to end: the next bar of its lane. */
  readonly labelToMs: number;
}

const laneHeightPx = 24;
const barHeightPx = 16;
const rowsMax = 40;
/** Of the width: narrower names would be a letter or two. */
const labelShareMin = 0.03;
const labelWithinMin = 0.08;
/** A pass of minutes would else not be seen in a week. */
const barShareMin = 0.003;

/** What tells a state beside its colour. */
const marks: Readonly<Record<PassState, string>> = {
  planned: "○",
  prepass: "◐",
  receiving: "▶",
  draining: "◐",
  completed: "✓",
  failed: "✕",
  cancelled: "–",
  missed: "◇",
};

export function passTimeline({ window, passes, isCut, query }: Timeline, nowMs: number): string {
  const byStation = Map.groupBy(passes, ({ station }) => station ?? "");
  const stations = [...byStation.keys()].sort((a, b) => (a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1));
  const clashing = clashingOf(passes);
  const rows = stations
    .slice(0, rowsMax)
    .map((station) => stationRow(station, byStation.get(station) ?? [], { window, nowMs, clashing }));
  const left = [
    stations.length > rowsMax ? `${stations.length - rowsMax} more stations` : "",
    isCut ? "more passes in that time: choose a shorter one" : "",
  ].filter((text) => text !== "");
  const body = rows.length === 0 ? emptyRow() : rows.join("");
  return (
    `<section class="card timeline" aria-label="Passes by station and time">` +
    `<div class="timeline-head">${rangeLinks(window, query)}</div>` +
    `<table><thead><tr><th scope="col">Station</th><th scope="col">${axis(window)}<span class="unseen">Passes</span></th></tr></thead>` +
    `<tbody>${body}</tbody></table>` +
    `${clashing.size === 0 ? "" : `<p class="clash-note">${clashing.size} passes overlap over one ship or station: they are marked with ⚠</p>`}` +
    `${left.length === 0 ? "" : `<p class="muted timeline-foot">Not shown: ${left.join("; ")}.</p>`}</section>`
  );
}

const spanTitles: Readonly<Record<SpanName, string>> = { "6h": "6 hours", "1d": "Day", "1w": "Week" };

function rangeLinks({ span, fromMs, followsNow }: PassWindow, query: URLSearchParams): string {
  const link = (to: string, text: string, extra = ""): string =>
    `<a href="/pass?${escapeHtml(to)}"${extra}>${text}</a>`;
  const stepMs = spans[span] / 2;
  const keptMs = followsNow ? null : fromMs;
  const lengths = (Object.keys(spans) as SpanName[]).map((name) =>
    link(windowQuery(query, name, keptMs), spanTitles[name], name === span ? ' aria-current="true"' : ""),
  );
  return (
    `<nav aria-label="Time shown"><span class="segments">${lengths.join("")}</span><span class="segments">` +
    `${link(windowQuery(query, span, fromMs - stepMs), "← Earlier")}` +
    `${link(windowQuery(query, span, null), "Now", followsNow ? ' aria-current="true"' : "")}` +
    `${link(windowQuery(query, span, fromMs + stepMs), "Later →")}</span></nav><span class="muted">UTC</span>`
  );
}

const emptyRow = (): string =>
  `<tr><td colspan="2" class="empty">No pass in this time. <code>orrery passes plan</code> plans some, <code>orrery passes predict</code> finds them by an orbit.</td></tr>`;

interface RowLook {
  readonly window: PassWindow;
  readonly nowMs: number;
  readonly clashing: ReadonlySet<string>;
}

function stationRow(station: string, passes: readonly PassRow[], look: RowLook): string {
  const { window, nowMs } = look;
  const bars = barsOf(passes, window);
  const height = (Math.max(0, ...bars.map(({ lane }) => lane)) + 1) * laneHeightPx;
  const now = nowMs >= window.fromMs && nowMs <= window.toMs ? vertical(shareOf(window, nowMs), "now") : "";
  const grid = ticksOf(window).map(({ atMs }) => vertical(shareOf(window, atMs), "tick"));
  const name = station === "" ? `<span class="muted">no station</span>` : stationLink(station);
  return (
    `<tr><th scope="row">${name}</th><td><svg class="track" width="100%" height="${height}">` +
    `${grid.join("")}${now}${bars.map((bar) => barMarkup(bar, look)).join("")}</svg></td></tr>`
  );
}

const stationLink = (station: string): string =>
  `<a href="/station/${escapeHtml(encodeURIComponent(station))}">${escapeHtml(station)}</a>`;

/** The first lane that is free by then. */
export function barsOf(passes: readonly PassRow[], { fromMs, toMs }: PassWindow): Bar[] {
  const laneEndsMs: number[] = [];
  const placed = passes.map((pass) => {
    const [aosMs, losMs] = [epochMsOf(pass.aos), epochMsOf(pass.los)];
    const free = laneEndsMs.findIndex((endMs) => endMs <= aosMs);
    const lane = free === -1 ? laneEndsMs.length : free;
    laneEndsMs[lane] = losMs;
    return { pass, fromMs: Math.max(aosMs, fromMs), toMs: Math.min(losMs, toMs), lane };
  });
  return placed.map((bar, i) => {
    const next = placed.slice(i + 1).find(({ lane }) => lane === bar.lane);
    return { ...bar, labelToMs: next?.fromMs ?? toMs };
  });
}

function barMarkup({ pass, fromMs, toMs, lane, labelToMs }: Bar, { window, clashing }: RowLook): string {
  const { passId, ship, state, reason } = pass;
  const isClashing = clashing.has(passId);
  const lengthS = (epochMsOf(pass.los) - epochMsOf(pass.aos)) / 1000;
  const about = `${ship}: ${state}, AOS ${exactTime(pass.aos)}, ${duration(lengthS)}${reason === null ? "" : `, ${reason}`}`;
  const [x, width] = [shareOf(window, fromMs), shareOf(window, toMs) - shareOf(window, fromMs)];
  const top = lane * laneHeightPx + (laneHeightPx - barHeightPx) / 2;
  // Within the bar where it is long enough for a name, else behind it.
  const labelX = width < labelWithinMin ? x + Math.max(width, barShareMin) : x;
  const room = shareOf(window, labelToMs) - labelX;
  const label =
    room < labelShareMin
      ? ""
      : `<svg x="${percent(labelX)}" y="${lane * laneHeightPx}" width="${percent(room)}" height="${laneHeightPx}">` +
        `<text x="5" y="16">${isClashing ? "⚠" : marks[state]} ${escapeHtml(ship)}</text></svg>`;
  return (
    `<a href="/pass/${passId}" class="${state}${isClashing ? " clash" : ""}" aria-label="${escapeHtml(about)}"><title>${escapeHtml(about)}</title>` +
    `<rect x="${percent(x)}" y="${top}" width="${percent(Math.max(width, barShareMin))}" height="${barHeightPx}" rx="3"/>${label}</a>`
  );
}

function axis(window: PassWindow): string {
  const labels = ticksOf(window).map(({ atMs, label }) => {
    const share = shareOf(window, atMs);
    // At the very edges half of a label would be cut off.
    return share < 0.04 || share > 0.96
      ? ""
      : `<text x="${percent(share)}" y="12" text-anchor="middle">${label}</text>`;
  });
  return `<svg class="axis" width="100%" height="16" aria-hidden="true">${labels.join("")}</svg>`;
}

/** Passes to come, or under way, that overlap over one ship or one station. */
function clashingOf(passes: readonly PassRow[]): Set<string> {
  const clashing = new Set<string>();
  const live = passes.filter(({ state }) => !hasEnded(state));
  const bookings = live.map((pass) => ({ ...claimOf(pass), port: pass.port }));
  for (const [i, booking] of bookings.entries()) {
    for (const { with: other } of clashesOf(booking, bookings.slice(i + 1))) {
      clashing.add(booking.passId).add(other.passId);
    }
  }
  return clashing;
}

const vertical = (share: number, name: string): string =>
  `<line class="${name}" x1="${percent(share)}" x2="${percent(share)}" y1="0" y2="100%"/>`;

const shareOf = ({ fromMs, toMs }: PassWindow, atMs: number): number => (atMs - fromMs) / (toMs - fromMs);

const percent = (share: number): string => `${Math.round(share * 100_000) / 1000}%`;
