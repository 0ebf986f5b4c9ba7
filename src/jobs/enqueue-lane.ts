/**
 * Gathers requests to enqueue into few statements: one starts at the end of the tick that brought it, two may be in flight, what
 * comes meanwhile shares the next. A statement whose outcome is unknown is asked about, request by request, until it is known.
 */
import { setTimeout } from "node:timers/promises";
import { StoreUnavailableError } from "../model/errors.ts";
import { EnqueueUnknownError } from "../model/job-errors.ts";
import {
  type EnqueueLimit,
  type EnqueueOutcome,
  type EnqueueRequest,
  enqueue,
  ensureBuckets,
  isStored,
  type NewJob,
} from "../store/enqueue.ts";
import { firstLeased, type LeasedJob, ofNoProduct } from "../store/jobs.ts";
import { type Sql, SqlError, type SqlFault, uniqueViolation } from "../store/sql.ts";
import { leaveAll, type Places, placedJobs } from "../supervisor/places.ts";
import type { NewcomerJob } from "./places.ts";

/** `there`: an earlier try has stored it, so what the store holds is the answer. `isTaken`: all of it is about to run here. */
export type LaneOutcome =
  | (EnqueueOutcome & { readonly isTaken?: boolean })
  | { readonly outcome: "there"; readonly isTaken?: false };

/** Places for those of these jobs, about to be stored, that can run here at once. */
export type KeepPlaces = (jobs: readonly NewcomerJob[]) => Places;

interface Waiting {
  readonly request: EnqueueRequest;
  readonly sizeBytes: number;
  resolve(outcome: LaneOutcome): void;
  reject(error: unknown): void;
}

const inFlightMax = 2;
/** Of one statement. A single request may be larger. */
const requestsMax = 500;
const jobsMax = 10_000;
const sizeBytesMax = 8 * 1024 * 1024;
const triesMax = 5;
/** Jobs of one statement that are leased by it. */
const placedMax = 32;

export class EnqueueLane {
  readonly #sql: Sql;
  readonly #limits: () => Promise<ReadonlyMap<string, EnqueueLimit>>;
  readonly #doubtMs: number;
  readonly #keepPlaces: KeepPlaces;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;
  /** Queues whose buckets are there. */
  readonly #buckets = new Set<string>();

  /** `limits` of the queues whose requests come here, as they are now. `doubtMs`: how long an unknown outcome is asked about. */
  constructor(
    sql: Sql,
    limits: () => Promise<ReadonlyMap<string, EnqueueLimit>>,
    doubtMs: number,
    keepPlaces: KeepPlaces,
  ) {
    this.#sql = sql;
    this.#keepPlaces = keepPlaces;
    this.#doubtMs = doubtMs;
    this.#limits = limits;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#waiting.length === 0;
  }

  add(request: EnqueueRequest, sizeBytes: number): Promise<LaneOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, sizeBytes, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= inFlightMax) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#waiting.length === 0 || this.#inFlight >= inFlightMax) return;
    const batch = this.#take();
    this.#inFlight += 1;
    try {
      await this.#store(batch);
    } finally {
      this.#inFlight -= 1;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }

  /** A second request under one key waits for the next statement, where it finds the first one's answer. */
  #take(): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const keys = new Set<string>();
    let [jobs, sizeBytes] = [0, 0];
    let isFull = false;
    for (const waiting of this.#waiting) {
      const { idempotency: key } = waiting.request;
      const name = key === null ? null : `${key.scope} ${key.service}\n${key.route}\n${key.key}`;
      jobs += waiting.request.jobs.length;
      sizeBytes += waiting.sizeBytes;
      isFull ||= batch.length > 0 && (batch.length >= requestsMax || jobs > jobsMax || sizeBytes > sizeBytesMax);
      if (isFull || (name !== null && keys.has(name))) {
        left.push(waiting);
        continue;
      }
      if (name !== null) keys.add(name);
      batch.push(waiting);
    }
    this.#waiting = left;
    return batch;
  }

  async #store(batch: readonly Waiting[]): Promise<void> {
    const places = this.#placesFor(batch);
    try {
      const outcomes = await this.#enqueue(batch.map(({ request }) => withLeases(request, places)));
      for (const [i, { request, resolve }] of batch.entries()) {
        const outcome = outcomes[i];
        resolve(outcome === undefined ? { outcome: "there" } : taken(request, outcome, places));
      }
      leaveAll(places);
    } catch (error) {
      leaveAll(places); // if it came through after all, the leases run out by themselves
      const fault = error instanceof SqlError ? error.fault : "defect";
      if (fault === "unknown") await this.#findOut(batch);
      else if (fault === "data" && batch.length > 1) for (const waiting of batch) await this.#store([waiting]);
      else for (const { reject } of batch) reject(isOurs(fault) ? error : new StoreUnavailableError(error));
    }
  }

  /** Many together are better claimed: in bundles, by all nodes. */
  #placesFor(batch: readonly Waiting[]): Places {
    const jobs = batch.flatMap(({ request }) => request.jobs);
    if (jobs.length > placedMax) return new Map();
    const due = jobs.filter((job) => job.runAt === null && job.delayMs === null && job.concurrencyKey === null);
    return this.#keepPlaces(due.map((job) => ({ ...job, state: "queued" })));
  }

  /** Tries again while the store says that nothing was done. */
  async #enqueue(requests: readonly EnqueueRequest[]): Promise<EnqueueOutcome[]> {
    const limits = await this.#limits();
    const isNew = [...limits.keys()].filter((queue) => !this.#buckets.has(queue));
    if (isNew.length > 0) {
      await ensureBuckets(this.#sql, limits);
      for (const queue of isNew) this.#buckets.add(queue);
    }
    for (let tries = 1; ; tries++) {
      try {
        return await enqueue(this.#sql, requests, limits);
      } catch (error) {
        if (!(error instanceof SqlError && error.fault === "retry") || tries === triesMax) throw error;
        await setTimeout(Math.random() * 20 * tries);
      }
    }
  }

  async #findOut(batch: readonly Waiting[]): Promise<void> {
    const endMs = performance.now() + this.#doubtMs;
    for (const waiting of batch) await this.#insist(waiting, endMs);
  }

  /** Stores it again under the same ids: if the first try comes through, the ids are taken, or its key is. */
  async #insist({ request, resolve, reject }: Waiting, endMs: number): Promise<void> {
    for (let waitMs = 100; performance.now() < endMs; waitMs *= 2) {
      try {
        const [outcome] = await this.#enqueue([request]);
        // Its ghost may be what emptied the bucket.
        if (outcome?.outcome === "refused" && (await isStored(this.#sql, request)))
          return resolve({ outcome: "there" });
        return resolve(outcome ?? { outcome: "there" });
      } catch (error) {
        if (!(error instanceof SqlError)) return reject(error);
        if (error.sqlState === uniqueViolation) return resolve({ outcome: "there" });
        if (isOurs(error.fault)) return reject(error);
        await setTimeout(waitMs);
      }
    }
    reject(new EnqueueUnknownError());
  }
}

const withLeases = (request: EnqueueRequest, places: Places): EnqueueRequest =>
  places.size === 0 ? request : { ...request, jobs: placedJobs(request.jobs, places) };

/** Hands over those of its jobs that were stored with their lease. */
function taken({ jobs }: EnqueueRequest, outcome: EnqueueOutcome, places: Places): LaneOutcome {
  if (outcome.outcome !== "stored" || !outcome.leases) return outcome;
  let isTaken = true;
  for (const job of jobs) {
    const place = places.get(job.jobId);
    if (place === undefined) isTaken = false;
    else {
      places.delete(job.jobId);
      place.take(leasedAtOnce(job));
    }
  }
  return { ...outcome, isTaken };
}

/** What a claim would bring of it. */
const leasedAtOnce = ({ jobId, queue, jobType, attemptsMax, payload, timeoutMs }: NewJob): LeasedJob => ({
  ...firstLeased,
  ...ofNoProduct,
  ...{ jobId, queue, jobType, attemptsMax, payload, timeoutMs },
});

const isOurs = (fault: SqlFault): boolean => fault === "data" || fault === "defect";
