/**
 * How long things took of late, in bounded memory (5 kB) and some 20 ns each: two histograms in turn, each of at least five minutes and 50
 * durations. A bucket is 9 % wide, and a quantile is told as the upper end of its bucket.
 */

export interface RecentDurations {
  /** `atMs`: a clock that only grows. */
  add(durationMs: number, atMs: number): void;
  readonly count: number;
  readonly maxMs: number;
  /** So many of them, as a part of 1, took no longer. 0 where there are none. */
  quantileMs(part: number): number;
}

const turnMs = 300_000;
const turnCountMin = 50;
const bucketsPerOctave = 8;
/** From a microsecond, `2^-10` ms, to 37 hours; what lies outside is counted at the end. */
const octaves = 37;
const firstOctave = -10;
const buckets = octaves * bucketsPerOctave;

interface Turn {
  readonly counts: Uint32Array;
  count: number;
  maxMs: number;
}

export function createRecentDurations(): RecentDurations {
  const empty = (): Turn => ({ counts: new Uint32Array(buckets), count: 0, maxMs: 0 });
  let [before, now] = [empty(), empty()];
  let beganMs = Number.NEGATIVE_INFINITY;

  /** The older half is forgotten. */
  function turn(atMs: number): void {
    [before, now] = [now, before];
    now.counts.fill(0);
    now.count = 0;
    now.maxMs = 0;
    beganMs = atMs;
  }

  const durations: RecentDurations = {
    add(durationMs, atMs) {
      if (now.count === 0) beganMs = atMs;
      else if (atMs - beganMs >= turnMs && now.count >= turnCountMin) turn(atMs);
      const bucket = bucketOf(durationMs);
      now.counts[bucket] = (now.counts[bucket] ?? 0) + 1;
      now.count += 1;
      if (durationMs > now.maxMs) now.maxMs = durationMs;
    },
    get count() {
      return before.count + now.count;
    },
    get maxMs() {
      return Math.max(before.maxMs, now.maxMs);
    },
    quantileMs(part) {
      const rank = Math.ceil(durations.count * part);
      let below = 0;
      for (let i = 0; i < buckets; i++) {
        below += (before.counts[i] ?? 0) + (now.counts[i] ?? 0);
        if (below >= rank && below > 0) return Math.min(endMsOf(i), durations.maxMs);
      }
      return durations.maxMs;
    },
  };
  return durations;
}

const bucketOf = (ms: number): number =>
  Math.max(0, Math.min(buckets - 1, Math.floor((Math.log2(ms) - firstOctave) * bucketsPerOctave)));

const endMsOf = (bucket: number): number => 2 ** ((bucket + 1) / bucketsPerOctave + firstOctave);
