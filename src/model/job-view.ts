/** Jobs as they are shown: what was asked for, where it stands, how it ended. */
import type { Instant } from "./clock.ts";
import type { DatasetId, JobId, ProductId } from "./ids.ts";
import type { JobState } from "./job.ts";
import type { JsonText } from "./json.ts";

/** A job without its payload and its result, which may be large. */
export interface JobSummary {
  readonly jobId: JobId;
  readonly queue: string;
  readonly jobType: string;
  readonly state: JobState;
  readonly priority: number;
  readonly runAt: Instant;
  /** Attempts begun. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** Of each attempt; null: as the job type says. */
  readonly timeoutMs: number | null;
  readonly workerId: string | null;
  readonly leaseUntil: Instant | null;
  readonly heldBy: string | null;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly concurrencyKey: string | null;
  readonly requires: readonly string[];
  readonly replayOf: JobId | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
  readonly reason: string | null;
  readonly error: string | null;
  readonly redrivenAs: JobId | null;
}

export interface JobView extends JobSummary {
  /** When it was first to run; `runAt` moves with each retry. */
  readonly askedRunAt: Instant;
  readonly payload: JsonText | null;
  readonly result: JsonText | null;
}

/** A guardrail's or a policy's yes, no or not yet. */
export interface Decision {
  readonly decisionId: string;
  readonly kind: "ingest" | "policy";
  readonly code: string;
  readonly queue: string;
  readonly jobType: string | null;
  readonly jobId: JobId | null;
  readonly service: string | null;
  readonly count: number;
  readonly detail: string;
  readonly at: Instant;
}
