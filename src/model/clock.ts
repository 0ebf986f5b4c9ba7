/** Time as data: an instant is RFC 3339 text in UTC with microseconds, which sorts as it reads. */

/** e.g. `2026-01-31T10:20:30.123456+00:00`: 32 characters, so that text order is time order. */
export type Instant = string;

export interface Clock {
  /** Now, for what people and rows are shown. */
  now(): Instant;
  /** Milliseconds that only grow, for deadlines and durations. */
  monotonicMs(): number;
}

/** `epochMs` may have a fraction: microseconds are kept. */
export function instantOf(epochMs: number): Instant {
  const wholeMs = Math.floor(epochMs);
  const micros = Math.floor((epochMs - wholeMs) * 1000);
  return `${new Date(wholeMs).toISOString().slice(0, 23)}${String(micros).padStart(3, "0")}+00:00`;
}

/** Milliseconds since 1970, with a fraction. */
export function epochMsOf(instant: Instant): number {
  return Date.parse(`${instant.slice(0, 23)}Z`) + Number(instant.slice(23, 26)) / 1000;
}

export const systemClock: Clock = {
  now: () => instantOf(performance.timeOrigin + performance.now()),
  monotonicMs: () => performance.now(),
};
