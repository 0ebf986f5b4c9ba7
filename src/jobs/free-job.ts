/**
 * One attempt at a free-standing job. Its start and its end are written by fenced SQL, gathered with those of others; the start
 * of one that ends at once is written with its end.
 */
import type { Compute, Outcome } from "../compute/compute.ts";
import type { Instant } from "../model/clock.ts";
import type { AttemptReport } from "../model/command.ts";
import type { FreeJobEnd } from "../store/free-jobs.ts";
import { SqlError } from "../store/sql.ts";
import {
  isBegunAtOnce,
  isTakenAway,
  keepEvidence,
  nextOf,
  quickOutcome,
  reportOf,
  taskOf,
  type Unsuccessful,
} from "./attempt-run.ts";
import type { HeldJob } from "./held-job.ts";
import type { RunParts } from "./run-parts.ts";

export function runFreeJob(parts: RunParts, held: HeldJob, compute: Compute): Promise<void> {
  const startedAt = parts.clock.now();
  const task = taskOf(parts, held.job);
  if (!isBegunAtOnce(compute)) return runLong(parts, held, compute, () => compute.run(task, held), startedAt);
  const begun = compute.run(task, held);
  return begun instanceof Promise
    ? runBegun(parts, held, compute, begun, startedAt)
    : settle(parts, held, compute, begun, startedAt, true);
}

/** Its start is written with its end if it is quick, and beside it otherwise. */
async function runBegun(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  running: Promise<Outcome>,
  startedAt: Instant,
): Promise<void> {
  const quick = await quickOutcome(running);
  if (quick === null) await runLong(parts, held, compute, () => running, startedAt);
  else await settle(parts, held, compute, quick, startedAt, true);
}

async function runLong(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  run: () => Outcome | Promise<Outcome>,
  startedAt: Instant,
): Promise<void> {
  held.lane.tooLong();
  await parts.bundles.untie(held);
  if (!(await parts.attempts.begin(held.job))) held.end("superseded");
  await settle(parts, held, compute, await run(), startedAt, false);
}

/** No more promises than it takes: this is the path of every quick job. `begins`: its start is yet to be counted. */
function settle(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  outcome: Outcome,
  startedAt: Instant,
  begins: boolean,
): Promise<void> {
  parts.onRunEnd(held);
  const report = reportOf(parts, held, outcome, startedAt);
  if (isTakenAway(held)) return keepEvidence(parts, held, report);
  if (outcome.outcome !== "succeeded") return settleFailure(parts, held, compute, outcome, report, begins);
  if (begins) held.lane.overAtOnce();
  const own = { jobId: held.job.jobId, token: held.job.token, bundleId: held.bundleId };
  return store(parts, held, {
    ...own,
    ...over,
    begins,
    to: "succeeded",
    reason: null,
    result: outcome.passback,
    report,
  });
}

const over = { runInMs: 0, givesBack: false } as const;

async function settleFailure(
  parts: RunParts,
  held: HeldJob,
  compute: Compute,
  outcome: Unsuccessful,
  report: AttemptReport,
  begins: boolean,
): Promise<void> {
  held.lane.tooLong();
  await parts.bundles.untie(held);
  const { jobId, token } = held.job;
  const { inMs, givesBack, reason } = await nextOf(parts, held, compute, outcome);
  const to = inMs === null ? "dead" : "queued";
  await store(parts, held, { jobId, token, begins, to, runInMs: inMs ?? 0, givesBack, reason, result: null, report });
}

function store(parts: RunParts, held: HeldJob, end: FreeJobEnd): Promise<void> {
  return parts.attempts.end(end).then(
    (isStored) => stored(parts, held, end, isStored),
    (error: unknown) => storeWhyNot(parts, held, end, error),
  );
}

function stored(parts: RunParts, held: HeldJob, { to, report }: FreeJobEnd, isStored: boolean): Promise<void> | void {
  if (!isStored) return keepEvidence(parts, held, report);
  parts.seconds.ended(held.job.queue, report.outcome, held.ranMs, to);
}

/** What cannot be stored as it is (text that the database refuses, say) is stored as the reason why the job is dead. */
async function storeWhyNot(parts: RunParts, held: HeldJob, end: FreeJobEnd, error: unknown): Promise<void> {
  if (!(error instanceof SqlError) || error.fault !== "data") throw error;
  const why = `its result could not be stored: ${error.message}`;
  const report: AttemptReport = { ...end.report, outcome: "failed", code: null, error: why, output: "" };
  const dead: FreeJobEnd = { ...end, ...over, to: "dead", reason: "not_retryable", result: null, report };
  await stored(parts, held, dead, await parts.attempts.end(dead));
}
