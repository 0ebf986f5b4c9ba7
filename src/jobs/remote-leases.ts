/**
 * Jobs for workers that pull them over HTTP: they are leased like any other, begun when they are handed out, renewed by the
 * worker's heartbeats, and ended by its report under the lease's token. A report under an old one is kept as evidence.
 */
import { type Compute, type Computes, judged, type Outcome } from "../compute/compute.ts";
import { epochMsOf } from "../model/clock.ts";
import type { AttemptReport, JobCommand } from "../model/command.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { DueLane } from "../model/job.ts";
import { hasEndedAs, recordEvidence } from "../store/attempts.ts";
import { dueLanes } from "../store/due-jobs.ts";
import { isCancelled, type LeasedRow, leasedJob } from "../store/held-jobs.ts";
import { type Lease, type LeasedJob, releaseLeases, renewLeases } from "../store/jobs.ts";
import { forgetWorker, notePresence, type Presence } from "../store/presence.ts";
import type { Claims } from "./claims.ts";
import type { DueSignal } from "./due-signal.ts";
import { insist } from "./insist.ts";
import { retryAfter } from "./retry-policy.ts";
import type { RunParts } from "./run-parts.ts";

export interface RemoteAsk extends Omit<Presence, "kind"> {
  readonly queues: readonly string[];
  /** Null: every type that workers run. */
  readonly jobTypes: readonly string[] | null;
  readonly countMax: number;
  /** Waits so long for work. */
  readonly waitMs: number;
  /** It takes no more. Once it holds nothing, this is its goodbye. */
  readonly draining: boolean;
}

export interface RemoteLeased {
  readonly jobs: readonly LeasedJob[];
  /** An operator wants it to end: it takes no more. */
  readonly drains: boolean;
}

export interface RemoteLeases {
  readonly leaseMs: number;
  /** Due jobs, begun; empty when nothing came in time. `gone` aborts when the worker hung up. */
  lease(ask: RemoteAsk, gone: AbortSignal): Promise<RemoteLeased>;
  /** Each throws `LeaseLostError` when the lease is not current any more. */
  renew(lease: Lease): Promise<void>;
  log(lease: Lease, text: string): Promise<void>;
  end(lease: Lease, outcome: Outcome): Promise<void>;
}

export interface RemoteParts {
  readonly run: RunParts;
  readonly claims: Claims;
  readonly computes: Pick<Computes, "get">;
  readonly due: DueSignal;
  readonly leaseMs: number;
  /** Nothing may be told to wake: the next look comes by itself. */
  readonly lookMs: number;
}

const lanesMax = 10_000;

export function createRemoteLeases(parts: RemoteParts): RemoteLeases {
  const { run, claims, computes, due, leaseMs } = parts;
  const { sql, clock } = run;

  async function claim(ask: RemoteAsk): Promise<LeasedJob[]> {
    const found = await dueLanes(sql, lanesMax);
    const lanes = found.filter((lane) => isOf(lane, ask));
    if (lanes.length === 0) return [];
    const wanted = lanes.map((lane) => ({ ...lane, countMax: ask.countMax }));
    return await claims.claimAtMost({ workerId: ask.workerId, leaseMs, labels: ask.labels }, wanted, ask.countMax);
  }

  const isOf = ({ queue, jobType }: DueLane, { queues, jobTypes }: RemoteAsk): boolean =>
    computes.get(jobType)?.kind === "worker" &&
    (queues.length === 0 || queues.includes(queue)) &&
    (jobTypes === null || jobTypes.includes(jobType));

  /** It begins as it is handed out: a worker takes no more than it has slots for. */
  async function begin(job: LeasedJob): Promise<boolean> {
    run.metrics.jobs.leased.inc();
    run.seconds.leased(job);
    if (job.datasetId === null || job.productId === null) return await run.attempts.begin(job);
    const { datasetId, productId, jobId, token } = job;
    return await insist(run.supervisor, { type: "attempt.started", datasetId, productId, jobId, token }, run.givingUp);
  }

  async function leaseBegun(ask: RemoteAsk, gone: AbortSignal): Promise<LeasedJob[]> {
    const jobs = await claim(ask);
    if (gone.aborted) {
      await releaseLeases(sql, jobs);
      return [];
    }
    const begun = await Promise.all(jobs.map(begin));
    return jobs.filter((_, i) => begun[i]);
  }

  /** A signal that a lane of the worker's has work, or that it is time to look again. */
  function somethingDue(ask: RemoteAsk, waitMs: number, gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        unsubscribe();
        gone.removeEventListener("abort", done);
        resolve();
      };
      const unsubscribe = due.subscribe({
        onDue(lane) {
          if (lane !== null && !isOf(lane, ask)) return false;
          done();
          return lane !== null;
        },
        onCancelled: () => false,
      });
      const timer = setTimeout(done, Math.max(0, waitMs));
      gone.addEventListener("abort", done, { once: true });
      if (gone.aborted) done();
    });
  }

  /** Returns only for a report that was stored before: its answer was lost, and it is sent again. */
  async function lose(lease: Lease, outcome: Outcome | null): Promise<void> {
    if (outcome !== null) {
      if (await hasEndedAs(sql, lease, outcome.outcome)) return;
      run.metrics.jobs.leasesLost.inc();
      const report = reportOf(lease, null, outcome);
      await recordEvidence(sql, { jobId: lease.jobId, token: lease.token, as: "superseded", report });
    }
    throw new LeaseLostError(lease.jobId, lease.token, (await isCancelled(sql, lease)) ? "cancelled" : "superseded");
  }

  function reportOf(lease: Lease, job: LeasedRow | null, outcome: Outcome): AttemptReport {
    const failed = outcome.outcome === "failed" || outcome.outcome === "timed_out" ? outcome : null;
    return {
      attempt: job?.attempt ?? lease.token,
      workerId: job?.workerId ?? "a worker whose lease had ended",
      startedAt: job?.startedAt ?? null,
      finishedAt: clock.now(),
      outcome: outcome.outcome,
      code: failed?.code ?? null,
      error: failed?.error ?? null,
      output: outcome.output,
    };
  }

  async function store(job: LeasedRow, outcome: Outcome, compute: Compute | undefined): Promise<boolean> {
    const { jobId, token, datasetId, productId } = job;
    const attempt = reportOf(job, job, outcome);
    const isDone = outcome.outcome === "succeeded";
    const retry = isDone ? null : retryAfter(job, outcome, Math.random(), compute?.retry);
    const inMs = retry === null || retry.inMs === null ? null : await run.claims.withRetryBudget(job, retry.inMs);
    if (inMs !== null) run.wakeIn(inMs);
    const to = isDone ? "succeeded" : inMs === null ? "dead" : "queued";
    run.metrics.jobs.attempts.labels(job.jobType, outcome.outcome).inc();
    let stored: boolean;
    if (datasetId === null || productId === null) {
      stored = await run.attempts.end({
        jobId,
        token,
        to,
        runInMs: inMs ?? 0,
        begins: false,
        givesBack: retry?.givesBack ?? false,
        reason: retry?.reason ?? null,
        result: isDone ? outcome.passback : null,
        report: attempt,
      });
    } else {
      const fenced = { jobId, token, datasetId, productId, attempt };
      const command: JobCommand = isDone
        ? { ...fenced, type: "attempt.succeeded", link: outcome.link, passback: outcome.passback }
        : { ...fenced, type: "attempt.failed", retryInMs: inMs, reason: retry?.reason ?? "attempts_exhausted" };
      stored = await insist(run.supervisor, command, run.givingUp);
    }
    const ranMs = job.startedAt === null ? 0 : epochMsOf(attempt.finishedAt) - epochMsOf(job.startedAt);
    if (stored) run.seconds.ended(job.queue, attempt.outcome, Math.max(0, ranMs), to);
    return stored;
  }

  return {
    leaseMs,
    async lease(ask, gone) {
      const endMs = clock.monotonicMs() + ask.waitMs;
      const presence = { ...ask, kind: "remote" as const };
      if (ask.draining && ask.held === 0) {
        await forgetWorker(sql, ask.workerId);
        return { jobs: [], drains: true };
      }
      // One that hung up may have said goodbye since: it is not to be listed again.
      while (!gone.aborted) {
        const drains = await notePresence(sql, presence, ask.draining);
        if (drains || ask.countMax === 0) return { jobs: [], drains };
        // Before the look: what comes in between must not be missed.
        const waitMs = Math.min(endMs - clock.monotonicMs(), parts.lookMs);
        const wait = new AbortController();
        const signal = AbortSignal.any([wait.signal, gone]);
        const wake = somethingDue(ask, waitMs, signal);
        const jobs = await leaseBegun(ask, gone).finally(() => {
          if (waitMs <= 0) wait.abort();
        });
        if (jobs.length > 0 || waitMs <= 0 || gone.aborted) {
          wait.abort();
          return { jobs, drains: false };
        }
        await wake;
      }
      return { jobs: [], drains: false };
    },
    async renew(lease) {
      const [lost] = await renewLeases(sql, [lease], leaseMs);
      if (lost) await lose(lease, null);
    },
    async log(lease, text) {
      if ((await leasedJob(sql, lease)) === null) await lose(lease, null);
      run.jobLog.push(lease, new TextEncoder().encode(text));
    },
    async end(lease, reported) {
      const job = await leasedJob(sql, lease);
      if (job === null) return await lose(lease, reported);
      const compute = computes.get(job.jobType);
      const outcome = judged(reported, compute?.noRetry ?? new Set());
      if (!(await store(job, outcome, compute))) return await lose(lease, outcome);
      run.jobLog.end(lease);
      const lane = { queue: job.queue, jobType: job.jobType, keyed: job.concurrencyKey !== null };
      if (claims.isLimited(lane)) {
        await claims.freed([job]).catch(() => undefined); // the poll sees to it
        due.announce([lane]);
        due.tellOthers();
      }
    },
  };
}
