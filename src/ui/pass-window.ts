/** The span of time that a timeline of passes shows: `?span=6h|1d|1w`, and `from` for another one than around now. */
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export const spans = { "6h": 6 * hourMs, "1d": dayMs, "1w": 7 * dayMs } as const;
export type SpanName = keyof typeof spans;

export interface PassWindow {
  readonly span: SpanName;
  readonly fromMs: number;
  readonly toMs: number;
  /** It follows the clock: no other time was asked for. */
  readonly followsNow: boolean;
}

/** A quarter of it is past: what comes is of more interest. */
const pastShare = 0.25;
const year = /^\d{4}-/;

/** What cannot be understood is left out of account. */
export function passWindow(query: URLSearchParams, nowMs: number): PassWindow {
  const named = query.get("span") ?? "";
  const span: SpanName = isSpan(named) ? named : "1d";
  const from = query.get("from") ?? "";
  const givenMs = year.test(from) ? Date.parse(from) : Number.NaN;
  const followsNow = !(givenMs >= Date.UTC(1970, 0) && givenMs < Date.UTC(9000, 0));
  const fromMs = followsNow ? nowMs - spans[span] * pastShare : epochMsOf(instantOf(givenMs));
  return { span, fromMs, toMs: fromMs + spans[span], followsNow };
}

/** The query of the same page at another time; `fromMs` null: around now. Other fields stay. */
export function windowQuery(query: URLSearchParams, span: SpanName, fromMs: number | null): string {
  const next = new URLSearchParams(query);
  next.delete("page");
  next.set("span", span);
  if (fromMs === null) next.delete("from");
  else next.set("from", shortInstant(fromMs));
  return next.toString();
}

/** To the second: an address is read by people too. */
const shortInstant = (ms: number): string => `${instantOf(ms).slice(0, 19)}Z`;

const isSpan = (text: string): text is SpanName => Object.hasOwn(spans, text);

/** Round moments of the window, some six to nine of them: midnights of UTC for a week, hours otherwise. */
export function ticksOf({ span, fromMs, toMs }: PassWindow): { readonly atMs: number; readonly label: string }[] {
  const stepMs = span === "6h" ? hourMs : span === "1d" ? 3 * hourMs : dayMs;
  const ticks: { atMs: number; label: string }[] = [];
  for (let atMs = Math.ceil(fromMs / stepMs) * stepMs; atMs < toMs; atMs += stepMs) {
    const at: Instant = instantOf(atMs);
    ticks.push({ atMs, label: atMs % dayMs === 0 ? at.slice(5, 10) : at.slice(11, 16) });
  }
  return ticks;
}
