/** What the attempts of all jobs have in common: the task that a compute is given, and the report of how it ended. */
import { setImmediate } from "node:timers/promises";
import type { Compute, Outcome, Task } from "../compute/compute.ts";
import type { AttemptReport } from "../model/command.ts";
import { recordEvidence } from "../store/attempts.ts";
import type { LeasedJob } from "../store/jobs.ts";
import type { HeldJob } from "./held-job.ts";
import { type Retry, retryAfter } from "./retry-policy.ts";
import type { RunParts } from "./run-parts.ts";

export function taskOf({ url, jobLog }: Pick<RunParts, "url" | "jobLog">, job: LeasedJob): Task {
  const { datasetId, productId, jobId, token } = job;
  return {
    jobId,
    queue: job.queue,
    jobType: job.jobType,
    attempt: job.attempt + 1,
    token,
    dataset: datasetId === null ? null : { id: datasetId, extra: job.extra },
    product: productId === null ? null : { id: productId, name: job.name ?? "", version: job.version ?? "" },
    payload: productId === null ? job.payload : job.passthrough,
    parents: job.parents,
    timeoutMs: job.timeoutMs,
    url,
    onOutput: (chunk) => jobLog.push({ jobId, token }, chunk),
  };
}

let turnEnd: Promise<null> | null = null;

/** Resolves when this turn of the event loop is over: one timer for all who wait for it. */
function endOfTurn(): Promise<null> {
  turnEnd ??= setImmediate(null).finally(() => {
    turnEnd = null;
  });
  return turnEnd;
}

/** What a function that was begun at once has come to within this turn of the event loop; null: it takes longer. */
export const quickOutcome = (running: Promise<Outcome>): Promise<Outcome | null> =>
  Promise.race([running, endOfTurn()]);

/** A command waits until its start is stored: one that kills its node must burn an attempt. */
export const isBegunAtOnce = ({ kind }: Compute): boolean => kind === "function" || kind === "internal";

/** It was told to end as the job is no longer its own; its outcome counts for nothing. */
export const isTakenAway = ({ ending }: HeldJob): boolean => ending === "cancelled" || ending === "superseded";

export function reportOf(
  { metrics, nodeId, clock }: Pick<RunParts, "metrics" | "nodeId" | "clock">,
  { job }: HeldJob,
  outcome: Outcome,
  startedAt: string,
): AttemptReport {
  metrics.jobs.attempts.labels(job.jobType, outcome.outcome).inc();
  const failed = outcome.outcome === "succeeded" || outcome.outcome === "deferred" ? null : outcome;
  return {
    attempt: job.attempt + 1,
    workerId: nodeId,
    startedAt,
    finishedAt: clock.now(),
    outcome: outcome.outcome,
    code: failed?.code ?? null,
    error: failed?.error ?? null,
    output: outcome.output,
  };
}

/** Notes what a holder did that had lost its lease, or was told to end. */
export async function keepEvidence(parts: RunParts, { job, ending }: HeldJob, report: AttemptReport): Promise<void> {
  if (ending !== "cancelled") parts.metrics.jobs.leasesLost.inc();
  const as = ending === "cancelled" ? "cancelled" : "superseded";
  await recordEvidence(parts.sql, { jobId: job.jobId, token: job.token, as, report });
}

/** Whoever was asked may have said when to ask again. */
export const laterOf = (inMs: number, outcome: Outcome): number =>
  "retryAfterMs" in outcome ? Math.max(inMs, outcome.retryAfterMs ?? 0) : inMs;

export type Unsuccessful = Exclude<Outcome, { outcome: "succeeded" }>;

/** What becomes of the job after this attempt. */
export async function nextOf(
  { claims, wakeIn }: Pick<RunParts, "claims" | "wakeIn">,
  { job }: HeldJob,
  compute: Compute,
  outcome: Unsuccessful,
): Promise<Retry> {
  const retry = retryAfter({ ...job, attempt: job.attempt + 1 }, outcome, Math.random(), compute.retry);
  if (retry.inMs === null || retry.givesBack) return retry;
  const inMs = await claims.withRetryBudget(job, laterOf(retry.inMs, outcome));
  wakeIn(inMs);
  return { ...retry, inMs };
}
