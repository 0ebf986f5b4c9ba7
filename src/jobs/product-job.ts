/**
 * One attempt at a product: its start and its end are turns of its dataset, fenced by the lease. A function is begun
 * beside the commit of its start, and one that ends at once shares that commit; a command waits for it.
 */
import { setImmediate } from "node:timers/promises";
import type { Compute, Outcome, Parent, Task } from "../compute/compute.ts";
import type { AttemptReport, JobCommand } from "../model/command.ts";
import { LeaseLostError } from "../model/errors.ts";
import { recordEvidence } from "../store/attempts.ts";
import type { LeasedJob } from "../store/jobs.ts";
import type { HeldJob } from "./held-job.ts";
import { insist, passes, tell } from "./insist.ts";
import { retryAfterFailure } from "./retry-policy.ts";
import type { RunParts } from "./run-parts.ts";

type Fence = Pick<JobCommand, "datasetId" | "productId" | "jobId" | "token">;

/** `onRunEnd` is called once the compute is done, before its outcome is stored: the slot is free. Throws when the outcome cannot be stored. */
export async function runProductJob(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  onRunEnd: () => void,
): Promise<void> {
  const { job } = held;
  const { supervisor, clock } = parts;
  const started: JobCommand = { ...fenceOf(job), type: "attempt.started" };
  const startedAt = clock.now();
  const task = taskOf(job, parts.url);

  let running: Promise<Outcome> | null = null;
  let quick: Outcome | null = null;
  if (compute.kind === "function") {
    running = compute.run(task, held.signal);
    quick = await Promise.race([running, setImmediate(null)]);
  }
  if (quick !== null && !isTakenAway(held)) {
    onRunEnd();
    await settleQuick(parts, held, started, quick, startedAt);
    return;
  }

  if (!(await insist(supervisor, started, parts.givingUp))) held.end("superseded");
  const outcome = await (running ?? compute.run(task, held.signal));
  onRunEnd();
  const report = reportOf(parts, held, outcome, startedAt);
  if (isTakenAway(held)) return await keepEvidence(parts, held, report);
  await settle(parts, held, endOf(parts, held, outcome, report), report);
}

/** It was told to end as the job is no longer its own; its outcome counts for nothing. */
const isTakenAway = ({ ending }: HeldJob): boolean => ending === "cancelled" || ending === "superseded";

/** Start and end in one go: they are two turns, and mostly one commit. */
async function settleQuick(
  parts: RunParts,
  held: HeldJob,
  started: JobCommand,
  outcome: Outcome,
  startedAt: string,
): Promise<void> {
  const { supervisor, givingUp } = parts;
  const report = reportOf(parts, held, outcome, startedAt);
  const ended = endOf(parts, held, outcome, report);
  const [start, end] = await Promise.allSettled([tell(supervisor, started), tell(supervisor, ended)]);
  if (start.status === "fulfilled" && end.status === "fulfilled") return;
  if (start.status === "rejected") {
    if (start.reason instanceof LeaseLostError) return await keepEvidence(parts, held, report);
    // One after the other from here on, as an end may not come before its start.
    if (!passes(start.reason)) throw start.reason;
    if (!(await insist(supervisor, started, givingUp))) return await keepEvidence(parts, held, report);
  }
  await settle(parts, held, ended, report);
}

async function settle(parts: RunParts, held: HeldJob, ended: JobCommand, report: AttemptReport): Promise<void> {
  let stored: boolean;
  try {
    stored = await insist(parts.supervisor, ended, parts.givingUp);
  } catch (error) {
    if (ended.type !== "attempt.succeeded") throw error;
    // Its result cannot be stored (text that the database refuses, say): then that is why it failed.
    const why = `its result could not be stored: ${error instanceof Error ? error.message : error}`;
    const { datasetId, productId, jobId, token } = ended;
    const attempt: AttemptReport = { ...report, outcome: "failed", error: why };
    const retryInMs = retryAfterFailure(triedOf(held.job), Math.random(), parts.retryBaseMs);
    const failed: JobCommand = { type: "attempt.failed", datasetId, productId, jobId, token, attempt, retryInMs };
    stored = await insist(parts.supervisor, failed, parts.givingUp);
  }
  if (!stored) await keepEvidence(parts, held, report);
}

async function keepEvidence(parts: RunParts, { job, ending }: HeldJob, report: AttemptReport): Promise<void> {
  if (ending !== "cancelled") parts.metrics.jobs.leasesLost.inc();
  const as = ending === "cancelled" ? "cancelled" : "superseded";
  await recordEvidence(parts.sql, { ...job, as, report });
}

function endOf(parts: RunParts, held: HeldJob, outcome: Outcome, attempt: AttemptReport): JobCommand {
  const fenced = fenceOf(held.job);
  switch (outcome.outcome) {
    case "succeeded":
      return { ...fenced, type: "attempt.succeeded", attempt, link: outcome.link, passback: outcome.passback };
    case "cancelled":
      // This node is stopping: another one may go on at once.
      return { ...fenced, type: "attempt.failed", attempt, retryInMs: 0 };
    case "failed":
    case "timed_out": {
      const retryInMs = retryAfterFailure(triedOf(held.job), Math.random(), parts.retryBaseMs);
      if (retryInMs !== null) parts.wakeIn(retryInMs);
      return { ...fenced, type: "attempt.failed", attempt, retryInMs };
    }
    default:
      throw outcome satisfies never;
  }
}

function reportOf(parts: RunParts, { job }: HeldJob, outcome: Outcome, startedAt: string): AttemptReport {
  parts.metrics.jobs.attempts.labels(job.compute, outcome.outcome).inc();
  return {
    attempt: job.attempt + 1,
    workerId: parts.nodeId,
    startedAt,
    finishedAt: parts.clock.now(),
    outcome: outcome.outcome,
    error: outcome.outcome === "succeeded" ? null : outcome.error,
    output: outcome.output,
  };
}

const triedOf = (job: LeasedJob) => ({ ...job, attempt: job.attempt + 1 });

/** Which job of which product, under which lease. */
function fenceOf({ jobId, token, datasetId, productId }: LeasedJob): Fence {
  if (datasetId === null || productId === null) throw new Error(`Job ${jobId} names no product`);
  return { datasetId, productId, jobId, token };
}

function taskOf(job: LeasedJob, url: string | null): Task {
  const { datasetId, productId } = fenceOf(job);
  return {
    jobId: job.jobId,
    attempt: job.attempt + 1,
    dataset: { id: datasetId, extra: job.extra },
    product: { id: productId, name: job.name ?? "", version: job.version ?? "" },
    passthrough: job.passthrough,
    // The store's own JSON, of this shape.
    parents: job.parents === null ? [] : (JSON.parse(job.parents) as Parent[]),
    url,
  };
}
