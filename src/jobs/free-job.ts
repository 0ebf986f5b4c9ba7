/**
 * One attempt at a free-standing job. Its start and its end are written by fenced SQL, gathered with those of others; the start
 * of one that ends at once is written with its end.
 */
import type { Compute, Outcome } from "../compute/compute.ts";
import type { AttemptReport } from "../model/command.ts";
import type { FreeJobEnd } from "../store/free-jobs.ts";
import { SqlError } from "../store/sql.ts";
import { isBegunAtOnce, isTakenAway, keepEvidence, nextOf, reportOf, runAtOnce, taskOf } from "./attempt-run.ts";
import type { HeldJob } from "./held-job.ts";
import type { RunParts } from "./run-parts.ts";

/** `onRunEnd` is called once the compute is done, before its outcome is stored: the slot is free. */
export async function runFreeJob(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  onRunEnd: () => void,
): Promise<void> {
  const { job } = held;
  const { attempts, clock } = parts;
  const startedAt = clock.now();
  const task = taskOf(parts, job);
  let running: Promise<Outcome> | null = null;
  let outcome: Outcome | null = null;
  let begins = true;
  if (isBegunAtOnce(compute)) {
    const begun = await runAtOnce(compute, task, held.signal);
    running = begun.running;
    outcome = begun.quick;
  }
  if (outcome === null) {
    begins = false;
    if (!(await attempts.begin(job))) held.end("superseded");
    outcome = await (running ?? compute.run(task, held.signal));
  }
  onRunEnd();
  const report = reportOf(parts, held, outcome, startedAt);
  if (isTakenAway(held)) return await keepEvidence(parts, held, report);
  const end = await endOf(parts, held, compute, outcome, report, begins);
  if (!(await store(parts, end))) await keepEvidence(parts, held, report);
  else parts.seconds.ended(job.queue, report.outcome, held.ranMs, end.to);
}

async function endOf(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  outcome: Outcome,
  report: AttemptReport,
  begins: boolean,
): Promise<FreeJobEnd> {
  const { jobId, token } = held.job;
  const own = { jobId, token, begins, onlyIfExpired: false, report };
  const retry = await nextOf(parts, held, compute, outcome);
  if (retry === null) {
    const result = outcome.outcome === "succeeded" ? outcome.passback : null;
    return { ...own, to: "succeeded", runInMs: 0, givesBack: false, reason: null, result };
  }
  const to = retry.inMs === null ? "dead" : "queued";
  return { ...own, to, runInMs: retry.inMs ?? 0, givesBack: retry.givesBack, reason: retry.reason, result: null };
}

/** What cannot be stored as it is (text that the database refuses, say) is stored as the reason why the job is dead. */
async function store({ attempts }: RunParts, end: FreeJobEnd): Promise<boolean> {
  try {
    return await attempts.end(end);
  } catch (error) {
    if (!(error instanceof SqlError) || error.fault !== "data") throw error;
    const why = `its result could not be stored: ${error.message}`;
    const report: AttemptReport = { ...end.report, outcome: "failed", code: null, error: why, output: "" };
    return await attempts.end({ ...end, to: "dead", reason: "not_retryable", result: null, report });
  }
}
