/** What a node's job runner is made of, and how it behaves unless it is told otherwise. */
import type { Computes } from "../compute/compute.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Database } from "../store/sql.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { DueSignal } from "./due-signal.ts";

export interface JobRunnerParts {
  readonly database: Database;
  readonly supervisor: Pick<Supervisor, "submit" | "leaseNewJobs">;
  readonly due: DueSignal;
  readonly computes: Computes;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Unique to this process, so that its leases are nobody else's. */
  readonly nodeId: string;
  /** Where this node's API answers; null without a port. */
  readonly url: string | null;
  readonly version: string;
  /** What this node is: jobs may require some. */
  readonly labels?: readonly string[];
  /** A holder that is not heard of for so long loses its job. */
  readonly leaseMs?: number;
  /** Runs at once, over all computes. */
  readonly concurrency?: number;
  readonly pollMs?: number;
  /** How long the record of ended jobs is kept. */
  readonly retentionDays?: number;
  /** All of a stop: the first third is for runs to end by themselves. */
  readonly stopMs?: number;
}

export const runnerDefaults = {
  labels: [],
  leaseMs: 30_000,
  concurrency: 64,
  pollMs: 1_000,
  retentionDays: 90,
  stopMs: 2_300,
};

/** A remote worker that waits for work is looked after so often, hints or none. */
export const remoteLookMs = 5_000;
