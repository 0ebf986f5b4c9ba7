/** What a ship's plots show: `?plot=NAME&plot=…&span=1h`, up to now or, with `end`, up to another time. */
import type { Instant } from "../model/clock.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";

const minuteMs = 60_000;
export const plotSpans = {
  "10m": 10 * minuteMs,
  "1h": 60 * minuteMs,
  "6h": 360 * minuteMs,
  "1d": 1440 * minuteMs,
  "1w": 7 * 1440 * minuteMs,
  "30d": 30 * 1440 * minuteMs,
  "1y": 365 * 1440 * minuteMs,
} as const;
export type PlotSpan = keyof typeof plotSpans;

export interface PlotWindow {
  readonly span: PlotSpan;
  readonly startMs: number;
  readonly endMs: number;
  /** It ends now, and moves on as values come. */
  readonly followsNow: boolean;
}

export interface PlotAsk {
  readonly names: readonly string[];
  readonly window: PlotWindow;
}

/** More would fill pages and ask for as many histories. */
export const plotsMax = 8;
const plotsDefault = 2;

/**
 * Without `end` it is now, or the time of the newest value where that is long ago: a plot of a ship that is silent shows what it
 * said last. What cannot be understood is left out of account.
 */
export function plotAsk(
  query: URLSearchParams,
  known: readonly string[],
  newestAt: Instant | null,
  nowMs: number,
): PlotAsk {
  const asked = [...new Set(query.getAll("plot"))].filter((name) => known.includes(name)).slice(0, plotsMax);
  const named = query.get("span") ?? "";
  const span: PlotSpan = isSpan(named) ? named : "1h";
  const end = query.get("end") ?? "";
  const givenMs = /^\d{4}-/.test(end) ? Date.parse(end) : Number.NaN;
  const isGiven = givenMs >= Date.UTC(1970, 1) && givenMs < Date.UTC(9000, 0);
  const newestMs = newestAt === null ? nowMs : epochMsOf(newestAt);
  const isSilent = newestMs < nowMs - plotSpans[span];
  const endMs = isGiven ? givenMs : isSilent ? newestMs + minuteMs : nowMs;
  return {
    names: asked.length > 0 ? asked : known.slice(0, plotsDefault),
    window: { span, startMs: endMs - plotSpans[span], endMs, followsNow: !isGiven && !isSilent },
  };
}

/** The query of the same plots over another span, around the same end. */
export function plotQuery({ names, window }: PlotAsk, span: PlotSpan): string {
  const query = new URLSearchParams(names.map((name) => ["plot", name]));
  query.set("span", span);
  if (!window.followsNow) query.set("end", `${instantOf(window.endMs).slice(0, 19)}Z`);
  return query.toString();
}

const isSpan = (text: string): text is PlotSpan => Object.hasOwn(plotSpans, text);
