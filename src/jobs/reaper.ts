/**
 * Finds leases that ran out on any node. A product's job is never edited here: its dataset is told, and its turn decides,
 * fenced by the token. Free-standing jobs are moved by fenced SQL. All nodes reap; the second one changes nothing.
 */
import type { Computes } from "../compute/compute.ts";
import type { Clock } from "../model/clock.ts";
import type { AttemptReport } from "../model/command.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { JobId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { untieExpiredBundles } from "../store/bundles.ts";
import { endFreeJobs, type FreeJobEnd } from "../store/free-jobs.ts";
import { type ExpiredLease, expiredLeases } from "../store/jobs.ts";
import type { Sql } from "../store/sql.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { HeldJob } from "./held-job.ts";
import { type Retry, retryAfterExpiry } from "./retry-policy.ts";

/** Leases reaped at once. */
const batchMax = 100;

export interface ReaperParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "submit">;
  readonly computes: Pick<Computes, "get">;
  readonly clock: Clock;
  readonly log: Log;
  /** This node's own: the heartbeat renews those. */
  readonly held: ReadonlyMap<JobId, HeldJob>;
}

/** Reaps until no expired lease is left; returns how many jobs it moved. */
export async function reap(parts: ReaperParts): Promise<number> {
  await untieExpiredBundles(parts.sql);
  let moved = 0;
  for (;;) {
    const expired = await expiredLeases(parts.sql, batchMax);
    const foreign = expired.filter(({ jobId, token }) => parts.held.get(jobId)?.job.token !== token);
    const free = foreign.filter(({ datasetId }) => datasetId === null);
    const ends = free.map((lease) => freeEnd(parts, lease));
    const lost = await endFreeJobs(parts.sql, ends, true);
    const told = await Promise.all(foreign.map((lease) => expireProduct(parts, lease)));
    const movedNow = free.length - lost.size + told.filter(Boolean).length;
    moved += movedNow;
    // Without progress the same leases would come again: the next round is soon enough.
    if (expired.length < batchMax || movedNow === 0) return moved;
  }
}

function freeEnd(parts: ReaperParts, lease: ExpiredLease): FreeJobEnd {
  const { inMs, reason } = retryOf(parts, lease);
  return {
    jobId: lease.jobId,
    token: lease.token,
    to: inMs === null ? "dead" : "queued",
    runInMs: inMs ?? 0,
    begins: false,
    givesBack: false,
    reason,
    result: null,
    report: reportOf(lease, parts.clock),
  };
}

async function expireProduct(parts: ReaperParts, lease: ExpiredLease): Promise<boolean> {
  const { jobId, token, datasetId, productId } = lease;
  if (datasetId === null || productId === null) return false;
  const { inMs, reason } = retryOf(parts, lease);
  try {
    await parts.supervisor.submit(
      {
        type: "lease.expired",
        datasetId,
        productId,
        jobId,
        token,
        attempt: reportOf(lease, parts.clock),
        retryInMs: inMs,
        reason: reason ?? "attempts_exhausted",
      },
      { service: "orrery", cause: "lease.expired" },
    );
    return true;
  } catch (error) {
    // Renewed, ended or reaped by another node meanwhile; or the store is busy, and the next round comes.
    if (!(error instanceof LeaseLostError))
      parts.log.warn({ err: error, jobId }, "an expired lease could not be ended yet");
    return false;
  }
}

function retryOf({ computes }: ReaperParts, lease: ExpiredLease): Retry {
  const rule = computes.get(lease.jobType)?.retry;
  return retryAfterExpiry({ ...lease, begun: lease.startedAt !== null }, Math.random(), rule);
}

function reportOf(lease: ExpiredLease, clock: Clock): AttemptReport {
  const begun = lease.startedAt !== null;
  return {
    attempt: begun ? lease.attempt : lease.attempt + 1,
    workerId: lease.workerId,
    startedAt: lease.startedAt,
    finishedAt: clock.now(),
    outcome: "lost",
    code: null,
    error: begun
      ? "its worker was not heard of in time"
      : "its worker was not heard of in time, the attempt had not begun",
    output: "",
  };
}
