/**
 * A remote worker: polls a server for leases, as many as it has free slots, and runs each one. It survives a server that is away;
 * told to drain, it takes no more and ends with what it has. Embed it with any computes: `orrery worker` runs commands.
 */
import { hostname } from "node:os";
import type { Compute } from "../compute/compute.ts";
import { createBackoff, pause, within } from "../jobs/backoff.ts";
import { newUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { type Ending, giveBack, type HeldParts, holdLease } from "./held-lease.ts";
import type { Lease, LeaseApi, Polled } from "./lease-api.ts";
import { RequestRefusedError, ServerAwayError, WorkerRefusedError, WorkerStoppedError } from "./lease-errors.ts";

export interface WorkerOptions {
  readonly api: LeaseApi;
  readonly log: Log;
  readonly name: string;
  readonly version: string;
  readonly queues: readonly string[];
  /** Null: whatever the server gives to workers. */
  readonly jobTypes: readonly string[] | null;
  readonly labels: readonly string[];
  /** Jobs at once. */
  readonly slots: number;
  /** Null: this worker cannot run the type; the job is given back. */
  computeOf(jobType: string): Compute | null;
  /** How long a poll waits for work at the server, at most 60. */
  readonly waitS?: number;
  /** Between two health lines in the log. */
  readonly healthMs?: number;
}

export interface WorkerHealth {
  readonly held: number;
  readonly slots: number;
  readonly draining: boolean;
  readonly endings: Readonly<Record<Ending, number>>;
  /** Since the server last answered; null: never. */
  readonly silentMs: number | null;
}

export interface Worker {
  readonly id: string;
  /** Takes no more; ends when what it holds has ended, or after `graceMs` gives the rest back, to be tried elsewhere. */
  drain(graceMs: number): void;
  /** Kills what runs, gives it back, and ends within seconds. */
  stop(): void;
  health(): WorkerHealth;
  /** Rejects with `WorkerRefusedError` or `RequestRefusedError` when the server's first answer is a refusal. */
  readonly ended: Promise<WorkerHealth>;
}

const leasesMax = 100;
/** Beyond the wait itself. */
const pollSlackMs = 15_000;
/** A worker that is not heard of for 30 s counts as lost. */
const presenceMs = 10_000;
/** The list of workers is a courtesy: where the server does not answer in time, it shows this one as lost. */
const goodbyeMs = 2_000;
/** A server that answers "nothing" at once although it was asked to wait is not asked without pause. */
const emptyPauseMs = 500;

export function startWorker(options: WorkerOptions): Worker {
  const { api, log, slots, name, version, queues, labels, waitS = 20, healthMs = 60_000 } = options;
  const id = newUuid();
  const nowMs = (): number => performance.now();
  const draining = new AbortController();
  const stopped = new AbortController();
  const held = new Map<string, Promise<void>>();
  const endings: Record<Ending, number> = { succeeded: 0, failed: 0, stopped: 0, lost: 0, unreported: 0 };
  let answeredMs: number | null = null;
  let polling = 0;
  let grace: NodeJS.Timeout | null = null;
  let slotFreed = Promise.withResolvers<void>();

  const onContact = (): void => {
    answeredMs = nowMs();
  };
  const health = (): WorkerHealth => ({
    held: held.size,
    slots,
    draining: draining.signal.aborted,
    endings: { ...endings },
    silentMs: answeredMs === null ? null : Math.round(nowMs() - answeredMs),
  });

  function begin(lease: Lease, sentMs: number, parts: HeldParts): Promise<Ending> {
    if (held.size >= slots) return giveBack(lease, { error: "this worker has no free slot", code: "no_slot" }, parts);
    const compute = options.computeOf(lease.jobType);
    if (compute !== null) return holdLease(lease, sentMs, compute, parts);
    const error = `this worker has no command for the job type "${lease.jobType}": give it one, or name its --types`;
    return giveBack(lease, { error, code: "no_command" }, parts);
  }

  function hold(lease: Lease, sentMs: number): void {
    const work = begin(lease, sentMs, { api, log, stopped: stopped.signal, nowMs, onContact })
      .catch((error: unknown): Ending => {
        log.error(
          { err: error, job_id: lease.jobId },
          "a defect of ours ended a job: it is tried again when its lease ends",
        );
        return "unreported";
      })
      .then((ending) => {
        endings[ending] += 1;
        held.delete(lease.leaseId);
        slotFreed.resolve();
      });
    held.set(lease.leaseId, work);
  }

  async function ask(count: number, seconds: number, signal: AbortSignal | null): Promise<Polled> {
    const { jobTypes } = options;
    const who = { workerId: id, name, host: hostname(), version, queues, jobTypes, labels };
    polling += 1;
    try {
      return await within(seconds * 1000 + pollSlackMs, signal, (inTime) =>
        api.poll({ ...who, count, waitS: seconds, slots, held: held.size, draining: draining.signal.aborted }, inTime),
      );
    } finally {
      polling -= 1;
    }
  }

  function onDrain(): void {
    if (!draining.signal.aborted) log.info("the server asks this worker to drain");
    draining.abort();
  }

  /** Full or draining, it takes nothing, and would be held for lost: it asks for no job, and hears whether it is to drain. */
  async function showPresence(): Promise<void> {
    if (polling > 0) return;
    try {
      const { drain } = await ask(0, 0, stopped.signal);
      onContact();
      if (drain) onDrain();
    } catch (error) {
      log.debug(
        { reason: error instanceof Error ? error.message : String(error) },
        "the server does not hear of this worker",
      );
    }
  }

  async function sayGoodbye(): Promise<void> {
    if (answeredMs === null) return;
    await ask(0, 0, AbortSignal.timeout(goodbyeMs)).catch((error: unknown) =>
      log.debug({ reason: error instanceof Error ? error.message : String(error) }, "the server heard no goodbye"),
    );
  }

  async function poll(): Promise<void> {
    const backoff = createBackoff(500, 30_000);
    while (!draining.signal.aborted) {
      const free = slots - held.size;
      if (free <= 0) {
        slotFreed = Promise.withResolvers();
        await slotFreed.promise;
        continue;
      }
      const sentMs = nowMs();
      const seconds = answeredMs === null ? 0 : waitS; // at first only whether the server is there and takes this worker
      try {
        const { leases, drain } = await ask(Math.min(free, leasesMax), seconds, draining.signal);
        if (answeredMs === null)
          log.info({ url: api.url, worker_id: id, name, queues, labels, slots }, "worker is connected");
        onContact();
        backoff.reset();
        for (const lease of leases) hold(lease, sentMs);
        if (drain) onDrain();
        else if (leases.length === 0 && nowMs() - sentMs < Math.min(emptyPauseMs, seconds * 1000)) {
          await pause(emptyPauseMs, draining.signal);
        }
      } catch (error) {
        if (draining.signal.aborted) return;
        const isRefusal = error instanceof WorkerRefusedError || error instanceof RequestRefusedError;
        if (isRefusal && answeredMs === null) throw error;
        log.warn({ reason: error instanceof Error ? error.message : String(error) }, "cannot take work: trying again");
        await backoff.wait(draining.signal, error instanceof ServerAwayError ? error.retryAfterMs : null);
      }
    }
  }

  draining.signal.addEventListener("abort", () => slotFreed.resolve(), { once: true });
  const timer = setInterval(() => log.info(health(), "worker health"), healthMs);
  const presence = setInterval(() => void showPresence(), presenceMs);
  const ended = poll()
    .then(async () => {
      if (held.size > 0) void showPresence(); // at once: nobody is to count on it any more
      while (held.size > 0) await Promise.all(held.values());
      await sayGoodbye();
      return health();
    })
    .finally(() => {
      clearInterval(timer);
      clearInterval(presence);
      if (grace !== null) clearTimeout(grace);
    });

  return {
    id,
    drain(graceMs) {
      if (grace !== null) return;
      log.info({ held: held.size, grace_s: graceMs / 1000 }, "draining: no more work is taken");
      draining.abort();
      grace = setTimeout(() => {
        if (held.size > 0) log.warn({ held: held.size }, "the grace is over: what still runs is given back");
        stopped.abort(new WorkerStoppedError("its worker was drained before it had ended"));
      }, graceMs);
    },
    stop() {
      draining.abort();
      stopped.abort(new WorkerStoppedError("its worker was stopped"));
    },
    health,
    ended,
  };
}
