/**
 * Runs jobs on this node: leases what is due in batches, as many as there is room for, renews, runs, and gives back what is
 * not done when it stops. Woken by this node's commits and other nodes' hints; a poll a second finds everything without them.
 */
import type { JobId } from "../model/ids.ts";
import type { DueLane } from "../model/job.ts";
import { expireEveryLease, type LeasedJob, releaseLeases } from "../store/jobs.ts";
import { createAttemptWriter } from "./attempts.ts";
import { Bundles } from "./bundles.ts";
import { ClaimLoop } from "./claim-loop.ts";
import { Claims } from "./claims.ts";
import { startDuties } from "./duties.ts";
import { runFreeJob } from "./free-job.ts";
import { type Ending, HeldJob } from "./held-job.ts";
import { createJobLog } from "./job-log.ts";
import { type Lane, Lanes } from "./lanes.ts";
import type { KeptPlaces } from "./places.ts";
import { runProductJob } from "./product-job.ts";
import { createQueueSeconds } from "./queue-seconds.ts";
import { createRemoteLeases, type RemoteLeases } from "./remote-leases.ts";
import type { Repeating } from "./repeat.ts";
import { RoomMaker } from "./room-maker.ts";
import type { RunParts } from "./run-parts.ts";
import { type JobRunnerParts, remoteLookMs, runnerDefaults } from "./runner-parts.ts";

export interface JobRunner {
  /** For workers that pull over HTTP. */
  readonly remote: RemoteLeases;
  start(): Promise<void>;
  /** For jobs that are about to be stored, and can run here at once. */
  readonly places: Pick<KeptPlaces, "keep">;
  /** Gives back what has not begun, lets the rest end for a moment, then ends it and gives that back too. */
  stop(): Promise<void>;
}

/** Leases that a node holds at most, those whose outcome waits to be stored included. */
const heldMax = 4000;

export const createJobRunner = (parts: JobRunnerParts): JobRunner => new Runner(parts);

/** Runs are started for so long in one go. */
const sliceMs = 2;

class Runner implements JobRunner {
  readonly remote: RemoteLeases;
  readonly places: KeptPlaces;
  readonly #parts: Required<JobRunnerParts>;
  readonly #run: RunParts;
  readonly #claims: Claims;
  readonly #lanes: Lanes;
  readonly #loop: ClaimLoop;
  readonly #held = new Map<JobId, HeldJob>();
  readonly #givingUp = new AbortController();
  #duties: readonly Repeating[] = [];
  #unsubscribe = (): void => {};
  readonly #wakeTimers = new Set<NodeJS.Timeout>();
  readonly #roomMaker: RoomMaker;
  #running = 0;
  /** Where the search for the next run begins, so that no lane starves another. */
  #nextLane = 0;
  #isDispatching = false;
  #isDraining = false;
  #stopping = false;
  #onIdle: (() => void) | null = null;

  constructor(given: JobRunnerParts) {
    const parts = { ...runnerDefaults, ...given };
    this.#parts = parts;
    const { database, clock, log, nodeId, computes } = parts;
    const { sql } = database;
    const givingUp = this.#givingUp.signal;
    this.#claims = new Claims(sql, clock);
    this.#roomMaker = new RoomMaker(this.#claims, () => {
      this.#hear(null);
      parts.due.tellOthers();
    });
    this.#lanes = new Lanes(
      (jobType) => (computes.runsHere(jobType) ? computes.get(jobType) : undefined),
      (jobType) => parts.metrics.jobs.seconds.labels(jobType),
    );
    this.#run = {
      ...parts,
      sql,
      givingUp,
      claims: this.#claims,
      attempts: createAttemptWriter(sql, givingUp),
      bundles: new Bundles(sql, log, givingUp),
      jobLog: createJobLog(database, clock, log),
      seconds: createQueueSeconds(sql, nodeId, log),
      onRunEnd: (held) => this.#onRunEnd(held),
      wakeIn: (ms) => this.#wakeIn(ms),
    };
    const { due, leaseMs, labels, metrics } = parts;
    this.#loop = new ClaimLoop({
      claims: this.#claims,
      lanes: this.#lanes,
      holder: { workerId: nodeId, leaseMs, labels },
      log,
      isOpen: () => !this.#stopping && !this.#isDraining,
      room: () => ({ slots: parts.concurrency - this.#running, leases: heldMax - this.#held.size }),
      onLeased: (job, lane) => this.#hold(job, lane),
      onBatch: (count, retryInMs) => {
        metrics.jobs.leased.inc(count);
        if (retryInMs !== null) this.#wakeIn(retryInMs);
        this.#dispatch();
      },
    });
    this.places = this.#loop.places;
    this.remote = createRemoteLeases({
      run: this.#run,
      claims: this.#claims,
      computes,
      due,
      leaseMs,
      lookMs: remoteLookMs,
    });
  }

  async start(): Promise<void> {
    const { database, supervisor, due, metrics } = this.#parts;
    metrics.sampled(metrics.jobs.running, () => this.#running);
    await this.#claims.reload();
    supervisor.leaseNewJobs((jobs) => this.places.keep(jobs));
    this.#unsubscribe = due.subscribe({
      onDue: (lane) => this.#hear(lane),
      onCancelled: (jobId) => this.#cancel(jobId),
    });
    // Nobody else can hold a lease of an embedded store: those that are left are a dead predecessor's.
    if (database.kind === "embedded") await expireEveryLease(database.sql);
    this.#duties = await startDuties({
      ...this.#parts,
      held: this.#held,
      bundles: this.#run.bundles,
      claims: this.#claims,
      lanes: this.#lanes,
      onLost: (held, why) => this.#end(held, why),
      onWork: () => this.#loop.start(),
      onPresence: (isDraining) => this.#drain(isDraining),
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const { stopMs, log, due } = this.#parts;
    for (const timer of this.#wakeTimers) clearTimeout(timer);
    this.#unsubscribe();
    await this.#loop.settled();
    await this.#release().catch((error: unknown) => log.warn({ err: error }, "leases are left to run out"));

    await this.#idleWithin(stopMs / 3);
    for (const held of this.#held.values()) held.end("stopping");
    await this.#idleWithin(stopMs / 2);
    this.#givingUp.abort();
    await this.#idleWithin(stopMs / 6);
    await Promise.all(this.#duties.map((duty) => duty.stop()));
    await Promise.all([this.#run.jobLog.stop(), this.#run.seconds.stop()]);
    due.tellOthers();
  }

  /** True: a slot is free for it here. */
  #hear(due: DueLane | null): boolean {
    const lanes = due === null ? this.#lanes.all() : [this.#lanes.wake(due)];
    for (const lane of lanes) if (lane) lane.mayHaveMore = true;
    this.#loop.start();
    const [only] = lanes;
    return due !== null && only !== undefined && !only.isFull && !this.#isDraining && !this.#stopping;
  }

  #cancel(jobId: JobId): boolean {
    const held = this.#held.get(jobId);
    if (held) this.#end(held, "cancelled");
    return held !== undefined;
  }

  #end(held: HeldJob, why: Ending): void {
    const isWaiting = held.phase === "waiting";
    held.end(why);
    // Its lane drops it when its turn comes.
    if (isWaiting) {
      this.#run.bundles.over(held);
      this.#held.delete(held.job.jobId);
    }
  }

  #drain(isDraining: boolean): void {
    if (isDraining === this.#isDraining) return;
    this.#isDraining = isDraining;
    this.#parts.log.info({ isDraining }, isDraining ? "draining: no more jobs are taken" : "taking jobs again");
    if (isDraining)
      void this.#release().catch(() => undefined); // they run out by themselves
    else this.#loop.start();
  }

  #wakeIn(ms: number): void {
    if (this.#stopping || ms > this.#parts.pollMs) return; // the poll is soon enough
    const timer = setTimeout(() => {
      this.#wakeTimers.delete(timer);
      this.#duties.find((duty) => duty.name === "poll")?.now();
    }, ms + 1);
    this.#wakeTimers.add(timer);
  }

  #hold(job: LeasedJob, lane: Lane): void {
    const bundle = job.bundleId === null ? null : this.#run.bundles.of(job.bundleId);
    const held = new HeldJob(job, lane, bundle);
    this.#held.set(job.jobId, held);
    this.#run.seconds.leased(job);
    lane.add(held);
  }

  /** Starts runs, one lane after the other, while there are slots; others have their turn once in a while. */
  #dispatch(): void {
    if (this.#isDispatching || this.#stopping) return; // a run that is over at once frees its slot within its start
    this.#isDispatching = true;
    const lanes = this.#lanes.all();
    const beganMs = this.#parts.clock.monotonicMs();
    let idle = 0;
    while (idle < lanes.length && this.#running < this.#parts.concurrency) {
      const lane = lanes[this.#nextLane % lanes.length];
      this.#nextLane = (this.#nextLane + 1) % lanes.length;
      const held = lane?.take();
      if (held) {
        idle = 0;
        this.#begin(held);
        if (held.startedMs - beganMs > sliceMs) {
          setImmediate(() => this.#dispatch());
          break;
        }
      } else {
        idle += 1;
      }
    }
    this.#isDispatching = false;
    this.#loop.start();
  }

  #begin(held: HeldJob): void {
    const { clock, metrics, computes } = this.#parts;
    const { job, lane } = held;
    held.startedMs = clock.monotonicMs();
    metrics.jobs.startSeconds.observe(job.waitedS);
    held.phase = "running";
    this.#running += 1;
    const compute = computes.get(job.jobType) ?? lane.compute;
    const run = job.datasetId === null ? runFreeJob : runProductJob;
    run(this.#run, held, compute).then(
      () => this.#forget(held),
      (error: unknown) => {
        // Its lease is no longer renewed and runs out; the reaper says what becomes of it.
        this.#parts.log.error({ err: error, jobId: job.jobId }, "the outcome of a job could not be stored");
        this.#run.bundles.abandon(held);
        this.#forget(held);
      },
    );
  }

  #onRunEnd(held: HeldJob): void {
    if (held.phase !== "running") return;
    held.phase = "settling";
    this.#running -= 1;
    held.ranMs = this.#parts.clock.monotonicMs() - held.startedMs;
    held.lane.free(held.ranMs);
    held.lane.runSeconds.observe(held.ranMs / 1000);
    this.#dispatch();
  }

  #forget(held: HeldJob): void {
    const { job, lane } = held;
    this.#onRunEnd(held);
    this.#run.jobLog.end(job);
    this.#run.bundles.over(held);
    if (this.#held.get(job.jobId) === held) this.#held.delete(job.jobId);
    if (this.#held.size === 0) this.#onIdle?.();
    if (this.#claims.isLimited(lane)) this.#roomMaker.ended(job);
  }

  /** Gives back all that waits for a slot. */
  async #release(): Promise<void> {
    const idle = this.#lanes.all().flatMap((lane) => lane.drain());
    for (const held of idle) this.#held.delete(held.job.jobId);
    await this.#run.bundles.untieAll();
    if (idle.length > 0)
      await releaseLeases(
        this.#parts.database.sql,
        idle.map(({ job }) => job),
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
