/** Time as data: an instant is RFC 3339 text in UTC with microseconds, which sorts as it reads. */

/** e.g. `2026-01-31T10:20:30.123456+00:00`: 32 characters, so that text order is time order. */
export type Instant = string;

export interface Clock {
  /** Now, for what people and rows are shown. */
  now(): Instant;
  /** Milliseconds that only grow, for deadlines and durations. */
  monotonicMs(): number;
}

let second = { s: 0, text: "1970-01-01T00:00:00." };

/** `epochMs` may have a fraction: microseconds are kept. */
export function instantOf(epochMs: number): Instant {
  const s = Math.floor(epochMs / 1000);
  // Most are of the same second as the one before.
  if (s !== second.s) second = { s, text: new Date(s * 1000).toISOString().slice(0, 20) };
  const micros = Math.floor((epochMs - s * 1000) * 1000);
  return `${second.text}${String(1_000_000 + micros).slice(1)}+00:00`;
}

/** Milliseconds since 1970, with a fraction. */
export function epochMsOf(instant: Instant): number {
  return Date.parse(`${instant.slice(0, 23)}Z`) + Number(instant.slice(23, 26)) / 1000;
}

export const systemClock: Clock = {
  now: () => instantOf(performance.timeOrigin + performance.now()),
  monotonicMs: () => performance.now(),
};
