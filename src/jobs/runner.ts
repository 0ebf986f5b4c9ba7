/**
 * Runs jobs on this node: leases what is due in batches, as many as there is room for, renews, runs, and gives back what is
 * not done when it stops. Woken by this node's commits and other nodes' hints; a poll a second finds everything without them.
 */
import type { Compute, Computes } from "../compute/compute.ts";
import type { Clock } from "../model/clock.ts";
import type { JobId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { instantiateCompute } from "../store/free-jobs.ts";
import { expireEveryLease, leaseJobs, releaseLeases } from "../store/jobs.ts";
import type { Database } from "../store/sql.ts";
import type { Committed, Supervisor } from "../supervisor/supervisor.ts";
import type { Templates } from "../templates/templates.ts";
import { runFreeJob } from "./free-job.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { type Ending, HeldJob } from "./held-job.ts";
import { Lane } from "./lane.ts";
import { runProductJob } from "./product-job.ts";
import { reap } from "./reaper.ts";
import { type Repeating, repeat } from "./repeat.ts";
import { startRetention } from "./retention.ts";
import { firstDelayMs } from "./retry-policy.ts";
import type { RunParts } from "./run-parts.ts";

export interface JobRunner {
  start(): Promise<void>;
  /** Gives back what has not begun, lets the rest end for a moment, then ends it and gives that back too. */
  stop(): Promise<void>;
}

export interface JobRunnerParts {
  readonly database: Database;
  readonly supervisor: Pick<Supervisor, "submit" | "onCommitted">;
  readonly computes: Computes;
  readonly templates: Templates;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Unique to this process, so that its leases are nobody else's. */
  readonly nodeId: string;
  /** Where this node's API answers; null without a port. */
  readonly url: string | null;
  /** A holder that is not heard of for so long loses its job. */
  readonly leaseMs?: number;
  /** Runs at once, over all computes. */
  readonly concurrency?: number;
  readonly pollMs?: number;
  readonly retryBaseMs?: number;
  /** All of a stop: the first third is for runs to end by themselves. */
  readonly stopMs?: number;
}

/** Other nodes are told here that there is work. */
const hintChannel = "orrery_jobs";
/** Leases that a node holds at most, those whose outcome waits for its commit included. */
const heldMax = 2000;
const instantiateConcurrency = 4;

const defaults = { leaseMs: 30_000, concurrency: 64, pollMs: 1_000, retryBaseMs: firstDelayMs, stopMs: 2_300 };

export function createJobRunner(parts: JobRunnerParts): JobRunner {
  return new Runner(parts);
}

class Runner implements JobRunner {
  readonly #parts: Required<JobRunnerParts>;
  readonly #run: RunParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #held = new Map<JobId, HeldJob>();
  readonly #givingUp = new AbortController();
  readonly #duties: Repeating[] = [];
  readonly #onStop: (() => void | Promise<void>)[] = [];
  readonly #wakeTimers = new Set<NodeJS.Timeout>();
  #running = 0;
  /** Where the search for the next run begins, so that no lane starves another. */
  #nextLane = 0;
  #claiming: Promise<void> | null = null;
  #stopping = false;
  #onIdle: (() => void) | null = null;

  constructor(given: JobRunnerParts) {
    const parts = { ...defaults, ...given };
    this.#parts = parts;
    this.#run = {
      ...parts,
      sql: parts.database.sql,
      givingUp: this.#givingUp.signal,
      wakeIn: (ms) => this.#wakeIn(ms),
    };
  }

  async start(): Promise<void> {
    const { database, supervisor, computes, log, leaseMs, metrics, pollMs } = this.#parts;
    const { sql } = database;
    for (const [name, { concurrency }] of computes.runnable()) this.#lanes.set(name, new Lane(name, concurrency));
    this.#lanes.set(instantiateCompute, new Lane(instantiateCompute, instantiateConcurrency));
    metrics.sampled(metrics.jobs.running, () => this.#running);

    this.#onStop.push(supervisor.onCommitted((turn) => this.#hear(turn)));
    this.#onStop.push(await database.listen(hintChannel, () => this.#wakeAll()));
    // Nobody else can hold a lease of an embedded store: those that are left are a dead predecessor's.
    if (database.kind === "embedded") await expireEveryLease(sql);
    const reaping = { ...this.#run, held: this.#held };
    const reapNow = async () => {
      if ((await reap(reaping)) > 0) this.#wakeAll();
    };
    this.#duties.push(
      startHeartbeat({ sql, log, leaseMs, held: this.#held, onLost: (held, why) => this.#end(held, why) }),
      repeat("reaper", leaseMs / 3, log, reapNow),
      repeat("poll", pollMs, log, async () => this.#wakeAll()),
      startRetention(sql, log),
    );
    await reapNow();
    this.#wakeAll();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const { stopMs, database, log } = this.#parts;
    for (const timer of this.#wakeTimers) clearTimeout(timer);
    await Promise.allSettled(this.#onStop.map((undo) => undo()));
    await this.#claiming;
    const idle = [...this.#lanes.values()].flatMap((lane) => lane.drain());
    await this.#release(idle).catch((error: unknown) => log.warn({ err: error }, "leases are left to run out"));
    for (const held of idle) this.#held.delete(held.job.jobId);

    await this.#idleWithin(stopMs / 3);
    for (const held of this.#held.values()) held.end("stopping");
    await this.#idleWithin(stopMs / 2);
    this.#givingUp.abort();
    await this.#idleWithin(stopMs / 6);
    await Promise.all(this.#duties.map((duty) => duty.stop()));
    if (database.kind === "postgres") database.notify(hintChannel, "");
  }

  #hear(turn: Committed): void {
    let hasWork = false;
    let isForOthers = false;
    for (const { compute } of turn.jobsQueued) {
      const lane = this.#lanes.get(compute);
      if (lane) lane.mayHaveMore = hasWork = true;
      if (!lane || lane.isFull) isForOthers = true;
    }
    for (const jobId of turn.jobsCancelled) {
      const held = this.#held.get(jobId);
      if (held) this.#end(held, "cancelled");
    }
    if (hasWork) this.#claim();
    if (isForOthers) this.#parts.database.notify(hintChannel, "");
  }

  #end(held: HeldJob, why: Ending): void {
    const isWaiting = held.phase === "waiting";
    held.end(why);
    // Its lane drops it when its turn comes.
    if (isWaiting) this.#held.delete(held.job.jobId);
  }

  #wakeAll(): void {
    for (const lane of this.#lanes.values()) lane.mayHaveMore = true;
    this.#claim();
  }

  #wakeIn(ms: number): void {
    if (this.#stopping || ms > this.#parts.pollMs) return; // the poll is soon enough
    const timer = setTimeout(() => {
      this.#wakeTimers.delete(timer);
      this.#wakeAll();
    }, ms + 1);
    this.#wakeTimers.add(timer);
  }

  /** One claim at a time; what is asked for meanwhile is found by its next round. */
  #claim(): void {
    if (this.#claiming !== null || this.#stopping || this.#wanted().length === 0) return;
    this.#claiming = this.#claimAll()
      .catch((error: unknown) =>
        this.#parts.log.warn({ err: error }, "jobs could not be leased: the next poll tries again"),
      )
      .finally(() => {
        this.#claiming = null;
        this.#claim(); // somebody may have asked since the last round looked
      });
  }

  async #claimAll(): Promise<void> {
    const { database, nodeId, leaseMs, metrics } = this.#parts;
    while (!this.#stopping) {
      const wanted = this.#wanted();
      if (wanted.length === 0) return;
      // Whoever hears of more while the statement is under way sets it again.
      for (const { lane } of wanted) lane.mayHaveMore = false;
      const jobs = await leaseJobs(database.sql, { workerId: nodeId, leaseMs, wanted });
      metrics.jobs.leased.inc(jobs.length);
      const left = new Map(wanted.map(({ compute, countMax }) => [compute, countMax]));
      for (const job of jobs) {
        const held = new HeldJob(job);
        this.#held.set(job.jobId, held);
        this.#lanes.get(job.compute)?.add(held);
        left.set(job.compute, (left.get(job.compute) ?? 0) - 1);
      }
      for (const { lane } of wanted) if (left.get(lane.compute) === 0) lane.mayHaveMore = true;
      if (!this.#stopping) this.#dispatch();
    }
  }

  #wanted(): { lane: Lane; compute: string; countMax: number }[] {
    let free = heldMax - this.#held.size;
    let slots = this.#parts.concurrency - this.#running;
    for (const lane of this.#lanes.values()) slots -= lane.waiting;
    const wanted: { lane: Lane; compute: string; countMax: number }[] = [];
    for (const lane of this.#lanes.values()) {
      const countMax = lane.mayHaveMore ? Math.min(lane.room(slots), free) : 0;
      if (countMax <= 0) continue;
      slots -= countMax;
      free -= countMax;
      wanted.push({ lane, compute: lane.compute, countMax });
    }
    return wanted;
  }

  /** Starts runs, one lane after the other, while there are slots. */
  #dispatch(): void {
    const lanes = [...this.#lanes.values()];
    let idle = 0;
    while (idle < lanes.length && this.#running < this.#parts.concurrency) {
      const lane = lanes[this.#nextLane % lanes.length];
      this.#nextLane = (this.#nextLane + 1) % lanes.length;
      const held = lane?.take();
      if (lane && held) {
        idle = 0;
        this.#begin(lane, held);
      } else {
        idle += 1;
      }
    }
  }

  #begin(lane: Lane, held: HeldJob): void {
    const { clock, metrics, computes, log } = this.#parts;
    const { job } = held;
    const startedMs = clock.monotonicMs();
    metrics.jobs.startSeconds.observe(job.waitedS);
    held.phase = "running";
    this.#running += 1;
    let hasSlot = true;
    const freeSlot = () => {
      if (!hasSlot) return;
      hasSlot = false;
      held.phase = "settling";
      this.#running -= 1;
      const ms = clock.monotonicMs() - startedMs;
      lane.free(ms);
      metrics.jobs.seconds.labels(job.compute).observe(ms / 1000);
      if (this.#stopping) return;
      this.#dispatch();
      this.#claim();
    };
    void this.#runJob(held, computes.get(job.compute), freeSlot)
      // Its lease is no longer renewed and runs out; the reaper says what becomes of it.
      .catch((error: unknown) =>
        log.error({ err: error, jobId: job.jobId }, "the outcome of a job could not be stored"),
      )
      .finally(() => {
        freeSlot();
        if (this.#held.get(job.jobId) === held) this.#held.delete(job.jobId);
        if (this.#held.size === 0) this.#onIdle?.();
      });
  }

  #runJob(held: HeldJob, compute: Compute | undefined, freeSlot: () => void): Promise<void> {
    if (held.job.compute === instantiateCompute) return runFreeJob(this.#run, held, freeSlot);
    if (compute === undefined) return Promise.reject(new Error(`Compute "${held.job.compute}" is not configured here`));
    return runProductJob(this.#run, held, compute, freeSlot);
  }

  async #release(idle: readonly HeldJob[]): Promise<void> {
    if (idle.length === 0) return;
    await releaseLeases(
      this.#parts.database.sql,
      idle.map(({ job: { jobId, token } }) => ({ jobId, token })),
    );
  }

  async #idleWithin(ms: number): Promise<void> {
    if (this.#held.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onIdle = null;
  }
}
