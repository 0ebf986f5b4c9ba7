/**
 * One attempt at a product: its start and its end are turns of its dataset, fenced by the lease. A function is begun
 * beside the commit of its start, and start and end of one that ends at once are one turn; a command waits for it.
 */
import type { Compute, Outcome } from "../compute/compute.ts";
import type { AttemptReport, JobCommand } from "../model/command.ts";
import type { LeasedJob } from "../store/jobs.ts";
import { isBegunAtOnce, isTakenAway, keepEvidence, nextOf, quickOutcome, reportOf, taskOf } from "./attempt-run.ts";
import type { HeldJob } from "./held-job.ts";
import { insist } from "./insist.ts";
import type { RunParts } from "./run-parts.ts";

type Fence = Pick<JobCommand, "datasetId" | "productId" | "jobId" | "token">;
type Ended = Extract<JobCommand, { type: "attempt.succeeded" | "attempt.failed" }>;

/** Throws when the outcome cannot be stored. */
export async function runProductJob(parts: RunParts, held: HeldJob, compute: Compute): Promise<void> {
  const { job } = held;
  const { supervisor, clock } = parts;
  const startedAt = clock.now();
  const task = taskOf(parts, job);

  let running: Outcome | Promise<Outcome> | null = null;
  if (isBegunAtOnce(compute)) {
    running = compute.run(task, held);
    const quick = running instanceof Promise ? await quickOutcome(running) : running;
    if (quick !== null && !isTakenAway(held)) {
      parts.onRunEnd(held);
      const report = reportOf(parts, held, quick, startedAt);
      return await settle(parts, held, { ...(await endOf(parts, held, compute, quick, report)), begins: true }, report);
    }
  }

  const started: JobCommand = { ...fenceOf(job), type: "attempt.started" };
  if (!(await insist(supervisor, started, parts.givingUp))) held.end("superseded");
  const outcome = await (running ?? compute.run(task, held));
  parts.onRunEnd(held);
  const report = reportOf(parts, held, outcome, startedAt);
  if (isTakenAway(held)) return await keepEvidence(parts, held, report);
  await settle(parts, held, await endOf(parts, held, compute, outcome, report), report);
}

async function settle(parts: RunParts, held: HeldJob, ended: Ended, report: AttemptReport): Promise<void> {
  let told: Ended = ended;
  let stored: boolean;
  try {
    stored = await insist(parts.supervisor, told, parts.givingUp);
  } catch (error) {
    if (ended.type !== "attempt.succeeded") throw error;
    // Its result cannot be stored (text that the database refuses, say): then that is why it failed, and would again.
    const why = `its result could not be stored: ${error instanceof Error ? error.message : error}`;
    const attempt: AttemptReport = { ...report, outcome: "failed", error: why };
    const { begins = false } = ended;
    told = { ...fenceOf(held.job), type: "attempt.failed", begins, attempt, retryInMs: null, reason: "not_retryable" };
    stored = await insist(parts.supervisor, told, parts.givingUp);
  }
  if (stored) count(parts, held, told);
  else await keepEvidence(parts, held, report);
}

function count({ seconds }: RunParts, { job, ranMs }: HeldJob, ended: Ended): void {
  const to = ended.type === "attempt.succeeded" ? "succeeded" : ended.retryInMs === null ? "dead" : "queued";
  seconds.ended(job.queue, ended.attempt.outcome, ranMs, to);
}

async function endOf(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  outcome: Outcome,
  attempt: AttemptReport,
): Promise<Ended> {
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
