/**
 * One attempt at a product: its start and its end are turns of its dataset, fenced by the lease. A function is begun
 * beside the commit of its start, and one that ends at once shares that commit; a command waits for it.
 */
import type { Compute, Outcome } from "../compute/compute.ts";
import type { AttemptReport, JobCommand } from "../model/command.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { LeasedJob } from "../store/jobs.ts";
import { isBegunAtOnce, isTakenAway, keepEvidence, nextOf, quickOutcome, reportOf, taskOf } from "./attempt-run.ts";
import type { HeldJob } from "./held-job.ts";
import { insist, passes, tell } from "./insist.ts";
import type { RunParts } from "./run-parts.ts";

type Fence = Pick<JobCommand, "datasetId" | "productId" | "jobId" | "token">;

/** Throws when the outcome cannot be stored. */
export async function runProductJob(parts: RunParts, held: HeldJob, compute: Compute): Promise<void> {
  const { job } = held;
  const { supervisor, clock } = parts;
  const started: JobCommand = { ...fenceOf(job), type: "attempt.started" };
  const startedAt = clock.now();
  const task = taskOf(parts, job);

  let running: Outcome | Promise<Outcome> | null = null;
  if (isBegunAtOnce(compute)) {
    running = compute.run(task, held);
    const quick = running instanceof Promise ? await quickOutcome(running) : running;
    if (quick !== null && !isTakenAway(held)) {
      parts.onRunEnd(held);
      await settleQuick(parts, held, compute, started, quick, startedAt);
      return;
    }
  }

  if (!(await insist(supervisor, started, parts.givingUp))) held.end("superseded");
  const outcome = await (running ?? compute.run(task, held));
  parts.onRunEnd(held);
  const report = reportOf(parts, held, outcome, startedAt);
  if (isTakenAway(held)) return await keepEvidence(parts, held, report);
  await settle(parts, held, await endOf(parts, held, compute, outcome, report), report);
}

/** Start and end in one go: they are two turns, and mostly one commit. */
async function settleQuick(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  started: JobCommand,
  outcome: Outcome,
  startedAt: string,
): Promise<void> {
  const { supervisor, givingUp } = parts;
  const report = reportOf(parts, held, outcome, startedAt);
  const ended = await endOf(parts, held, compute, outcome, report);
  const [start, end] = await Promise.allSettled([tell(supervisor, started), tell(supervisor, ended)]);
  if (start.status === "fulfilled" && end.status === "fulfilled") return count(parts, held, ended);
  if (start.status === "rejected") {
    if (start.reason instanceof LeaseLostError) return await keepEvidence(parts, held, report);
    // One after the other from here on, as an end may not come before its start.
    if (!passes(start.reason)) throw start.reason;
    if (!(await insist(supervisor, started, givingUp))) return await keepEvidence(parts, held, report);
  }
  await settle(parts, held, ended, report);
}

async function settle(parts: RunParts, held: HeldJob, ended: JobCommand, report: AttemptReport): Promise<void> {
  let told = ended;
  let stored: boolean;
  try {
    stored = await insist(parts.supervisor, told, parts.givingUp);
  } catch (error) {
    if (ended.type !== "attempt.succeeded") throw error;
    // Its result cannot be stored (text that the database refuses, say): then that is why it failed, and would again.
    const why = `its result could not be stored: ${error instanceof Error ? error.message : error}`;
    const attempt: AttemptReport = { ...report, outcome: "failed", error: why };
    told = { ...fenceOf(held.job), type: "attempt.failed", attempt, retryInMs: null, reason: "not_retryable" };
    stored = await insist(parts.supervisor, told, parts.givingUp);
  }
  if (stored) count(parts, held, told);
  else await keepEvidence(parts, held, report);
}

function count({ seconds }: RunParts, { job, ranMs }: HeldJob, ended: JobCommand): void {
  if (!("attempt" in ended)) return;
  const to = ended.type === "attempt.succeeded" ? "succeeded" : ended.retryInMs === null ? "dead" : "queued";
  seconds.ended(job.queue, ended.attempt.outcome, ranMs, to);
}

async function endOf(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  outcome: Outcome,
  attempt: AttemptReport,
): Promise<JobCommand> {
  const fenced = fenceOf(held.job);
  if (outcome.outcome === "succeeded") {
    return { ...fenced, type: "attempt.succeeded", attempt, link: outcome.link, passback: outcome.passback };
  }
  const { inMs, reason } = await nextOf(parts, held, compute, outcome);
  return { ...fenced, type: "attempt.failed", attempt, retryInMs: inMs, reason: reason ?? "attempts_exhausted" };
}

/** Which job of which product, under which lease. */
function fenceOf({ jobId, token, datasetId, productId }: LeasedJob): Fence {
  if (datasetId === null || productId === null) throw new Error(`Job ${jobId} names no product`);
  return { jobId, token, datasetId, productId };
}
