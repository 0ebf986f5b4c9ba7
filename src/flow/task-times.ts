/**
 * How long a flow's tasks run: what is usual of late, and which attempts were far out: longer than three times what 95 of 100 recent ones took,
 * and than 100 ms, once 50 are known. Measured: 0.1 µs an attempt (Bun; Deno 0.2), 0.2 to 0.5 with what is handed to it.
 */
import type { FlowTask } from "./executor.ts";
import type { Position } from "./message.ts";
import { createRecentDurations } from "./recent-durations.ts";

/** An attempt that was far out. */
export interface Outlier {
  readonly origin: Position;
  readonly taskKey: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly ranMs: number;
  /** 95 of 100 recent attempts took no longer. */
  readonly usualMs: number;
  /** When it ended, milliseconds since 1970. */
  readonly atMs: number;
}

export interface TaskTimesState {
  /** Since the node started. */
  readonly attempts: number;
  readonly failed: number;
  /** Of those that failed. */
  readonly timedOut: number;
  /** Of the last five to ten minutes, or the last 50 to 100 attempts where these took longer; null: there was none. */
  readonly recent: {
    readonly attempts: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  } | null;
  readonly outliers: number;
  /** The newest first. */
  readonly newestOutliers: readonly Outlier[];
}

export interface TaskTimes {
  /** An attempt has ended. Returns what is usual, in milliseconds, of one that was far out; null of all others. */
  note(
    task: Pick<FlowTask, "key" | "origins">,
    attempt: number,
    ranMs: number,
    end: "succeeded" | "failed" | "timed out",
  ): number | null;
  readonly state: TaskTimesState;
}

/** For tasks that are not to be counted. */
export const untimed: Pick<TaskTimes, "note"> = { note: () => null };

const factor = 3;
/** What is quicker is no outlier, however quick the others are: a pause of the process takes as long. */
const outlierMsMin = 100;
const knownMin = 50;
const keptMax = 10;

/** `nowMs`: milliseconds that only grow. */
export function createTaskTimes(nowMs: () => number): TaskTimes {
  const recent = createRecentDurations();
  let newest: Outlier[] = [];
  const counts = { attempts: 0, failed: 0, timedOut: 0, outliers: 0 };

  /** Against those before it. */
  function usualOf(ranMs: number): number | null {
    if (ranMs <= outlierMsMin || recent.count < knownMin) return null;
    const usualMs = recent.quantileMs(0.95);
    return ranMs > factor * usualMs ? usualMs : null;
  }

  return {
    note({ key, origins }, attempt, ranMs, end) {
      counts.attempts += 1;
      if (end !== "succeeded") counts.failed += 1;
      if (end === "timed out") counts.timedOut += 1;
      const usualMs = usualOf(ranMs);
      recent.add(ranMs, nowMs());
      if (usualMs === null) return null;
      counts.outliers += 1;
      const outlier = { origin: origins[0], taskKey: key, attempt, ranMs, usualMs, atMs: Date.now() };
      newest = [outlier, ...newest].slice(0, keptMax);
      return usualMs;
    },
    get state() {
      const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map(recent.quantileMs) as [number, number, number]; // of three
      return {
        ...counts,
        recent: recent.count === 0 ? null : { attempts: recent.count, p50Ms, p95Ms, p99Ms, maxMs: recent.maxMs },
        newestOutliers: newest,
      };
    },
  };
}
