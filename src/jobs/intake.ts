/**
 * Takes jobs in: checks them against the guardrails, stores them with others that come at the same time, wakes who runs them.
 * Each refusal is a stored decision. A request under a key that was used before gets what the first one made.
 */
import type { Clock, Instant } from "../model/clock.ts";
import { IdempotencyKeyReusedError, OverloadedError } from "../model/errors.ts";
import { derivedUuid, type JobId } from "../model/ids.ts";
import { type DueLane, dueLaneKey } from "../model/job.ts";
import { EnqueueRateError, QueueDepthError } from "../model/job-errors.ts";
import type { Policies } from "../model/policy.ts";
import { defaultGuardrails, limitsOf } from "../model/policy-limits.ts";
import { createTimeIds } from "../model/time-ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type EnqueueLimit, type EnqueueRequest, findEnqueued, type NewJob } from "../store/enqueue.ts";
import type { Database } from "../store/sql.ts";
import { EnqueueLane, type KeepPlaces, type LaneOutcome } from "./enqueue-lane.ts";
import { checkSizes, limitOf, withTypes } from "./guardrails.ts";
import type { JobTypes } from "./known-types.ts";
import { createPolicyCache, type PolicyCache } from "./policy-cache.ts";
import { createQueueDepths, type QueueDepths } from "./queue-depths.ts";
import { createRefusals, type Refusals } from "./refusals.ts";

/** A job to be; absent attempts are the job type's, its labels are added to the type's. */
export type JobOrder = Omit<NewJob, "jobId" | "attemptsMax"> & { readonly attemptsMax: number | null };

export interface EnqueueOrder {
  readonly jobs: readonly JobOrder[];
  readonly service: string;
  readonly idempotency: { readonly route: string; readonly key: string; readonly digest: string } | null;
  /** What a job's fields are called in errors: `jobs.3.` of a batch, nothing of a single one. */
  fieldOf(index: number): string;
}

export interface Enqueued {
  readonly jobIds: readonly JobId[];
  /** What the first job became; null when it was enqueued before: then the store knows. */
  readonly first: { readonly job: NewJob; readonly createdAt: Instant; readonly runAt: Instant } | null;
}

/** What of a job says who runs it. */
export type Woken = Pick<NewJob, "queue" | "jobType" | "concurrencyKey">;

export interface Intake {
  /** Resolves when the jobs are stored. Rejects with an `OrreryError`; then none of them is. */
  enqueue(order: EnqueueOrder): Promise<Enqueued>;
  /** Tells who runs jobs that there are some; for jobs that were stored by other means. */
  wake(jobs: readonly Woken[]): void;
  readonly policies: PolicyCache;
  readonly depths: QueueDepths;
  readonly refusals: Refusals;
  readonly types: JobTypes;
  stop(): Promise<void>;
}

export interface IntakeParts {
  readonly database: Database;
  readonly types: JobTypes;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "jobs">;
  /** Called after the commit, with the lanes of jobs that are due now. */
  readonly onEnqueued: (lanes: Iterable<DueLane>) => void;
  /** Absent: nobody here runs jobs. */
  readonly keepPlaces?: KeepPlaces;
  /** How long a request waits while it is not known whether it was stored. */
  readonly doubtMs?: number;
}

const doubtMs = 10_000;
/** Waiting at one time; one more is refused. */
const requestsMax = 20_000;
const sizeBytesMax = 128 * 1024 * 1024;
/** Lanes of limited queues that are kept while nothing waits in them. */
const lanesMax = 1000;

export async function createIntake(parts: IntakeParts): Promise<Intake> {
  const { database, clock, log, metrics } = parts;
  const monotonicMs = (): number => clock.monotonicMs();
  const policies = await createPolicyCache(database, monotonicMs);
  return new GroupIntake(parts, {
    policies,
    depths: createQueueDepths(database.sql, monotonicMs),
    refusals: createRefusals(database.sql, log, (code, count) => metrics.jobs.refused.labels(code).inc(count)),
  });
}

class GroupIntake implements Intake {
  readonly policies: PolicyCache;
  readonly depths: QueueDepths;
  readonly refusals: Refusals;
  readonly types: JobTypes;
  readonly #parts: IntakeParts;
  readonly #nextId = createTimeIds();
  /** One for all queues without a rate; one for each set of those with one, as they wait for a lock. */
  readonly #lanes = new Map<string, EnqueueLane>();
  #requests = 0;
  #sizeBytes = 0;
  #stopping = false;

  constructor(parts: IntakeParts, own: Pick<Intake, "policies" | "depths" | "refusals">) {
    this.#parts = parts;
    this.types = parts.types;
    this.policies = own.policies;
    this.depths = own.depths;
    this.refusals = own.refusals;
  }

  async enqueue(order: EnqueueOrder): Promise<Enqueued> {
    if (this.#stopping) throw new OverloadedError("This node is stopping: send the request to another one");
    const sizes = order.jobs.map((job) => (job.payload === null ? 0 : Buffer.byteLength(job.payload)));
    const sizeBytes = sizes.reduce((sum, size) => sum + size, 0) + 200 * order.jobs.length;
    if (this.#requests >= requestsMax || this.#sizeBytes + sizeBytes > sizeBytesMax) {
      throw new OverloadedError(`${this.#requests} requests to enqueue are waiting: try again shortly`);
    }
    this.#requests += 1;
    this.#sizeBytes += sizeBytes;
    try {
      return await this.#pass(order, sizes, sizeBytes);
    } finally {
      this.#requests -= 1;
      this.#sizeBytes -= sizeBytes;
    }
  }

  async #pass(order: EnqueueOrder, sizes: readonly number[], sizeBytes: number): Promise<Enqueued> {
    const { depths } = this;
    const { refusals, types } = this;
    const known = await withTypes(order, types, refusals);
    const jobs = known.map((job): NewJob => ({ ...job, jobId: this.#nextId() }));
    const policies = await this.policies.current();
    const request = { jobs, service: order.service, idempotency: keyOf(order) };
    await checkSizes(order, sizes, policies, refusals);
    const counts = new Map<string, number>();
    for (const { queue } of jobs) counts.set(queue, (counts.get(queue) ?? 0) + 1);

    const reserved: [string, number][] = [];
    let wereStored = false;
    try {
      for (const [queue, count] of counts) {
        const depthMax = limitsOf(policies, "queue", queue).depthMax ?? defaultGuardrails.depthMax;
        if (await depths.reserve(queue, count, depthMax)) reserved.push([queue, count]);
        else return await this.#refuse(request, queue, count, new QueueDepthError(queue, depthMax));
      }
      const limited = [...counts.keys()].filter((queue) => limitOf(policies, queue) !== null).sort();
      const outcome = await this.#laneOf(limited).add(request, sizeBytes);
      wereStored = outcome.outcome === "stored" || outcome.outcome === "there";
      return await this.#answer(request, outcome, policies, counts);
    } finally {
      for (const [queue, count] of reserved) depths.settle(queue, count, wereStored);
    }
  }

  async #answer(
    request: EnqueueRequest,
    outcome: LaneOutcome,
    policies: Policies,
    counts: ReadonlyMap<string, number>,
  ): Promise<Enqueued> {
    const { jobs } = request;
    switch (outcome.outcome) {
      case "stored": {
        this.#parts.metrics.jobs.enqueued.inc(jobs.length);
        if (!outcome.isTaken) this.wake(jobs.filter((job) => job.runAt === null && job.delayMs === null));
        const [job] = jobs;
        const { createdAt, runAt } = outcome;
        return { jobIds: jobs.map(({ jobId }) => jobId), first: job === undefined ? null : { job, createdAt, runAt } };
      }
      case "there":
        this.#parts.metrics.jobs.enqueued.inc(jobs.length);
        this.wake(jobs);
        return { jobIds: jobs.map(({ jobId }) => jobId), first: null };
      case "repeated": {
        const before = await this.#before(request);
        // Its answer became too old in between: that is a day.
        if (before === null) throw new OverloadedError("The Idempotency-Key was in use: try again shortly");
        return before;
      }
      case "refused": {
        const { queue, waitS } = outcome;
        const perS = limitOf(policies, queue)?.perS ?? 0;
        const retryS = Math.min(3600, Math.max(1, Math.ceil(waitS)));
        return await this.#refuse(request, queue, counts.get(queue) ?? 1, new EnqueueRateError(queue, perS, retryS));
      }
      default:
        throw outcome satisfies never;
    }
  }

  /** What the request's key was answered with; null if it has none or is new. */
  async #before({ idempotency: key }: EnqueueRequest): Promise<Enqueued | null> {
    if (key === null) return null;
    const before = await findEnqueued(this.#parts.database.sql, key);
    if (before === null) return null;
    if (before.digest !== key.digest) throw new IdempotencyKeyReusedError(key.key);
    return { jobIds: before.jobIds, first: null };
  }

  /** Whoever was let in before is answered as before, however full it is now. */
  async #refuse(
    request: EnqueueRequest,
    queue: string,
    count: number,
    error: QueueDepthError | EnqueueRateError,
  ): Promise<Enqueued> {
    const before = await this.#before(request);
    if (before !== null) return before;
    const jobType = typeOf(request.jobs.filter((job) => job.queue === queue));
    const { code, message: detail } = error;
    await this.refusals.note({ code, queue, jobType, service: request.service, count, detail });
    throw error;
  }

  #laneOf(limited: readonly string[]): EnqueueLane {
    const name = limited.join("\n");
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      if (this.#lanes.size >= lanesMax)
        for (const [other, { isIdle }] of this.#lanes) if (isIdle) this.#lanes.delete(other);
      const { keepPlaces = () => new Map() } = this.#parts;
      lane = new EnqueueLane(
        this.#parts.database.sql,
        () => this.#limitsNow(limited),
        this.#parts.doubtMs ?? doubtMs,
        keepPlaces,
      );
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** The limits may have changed while the requests waited. */
  async #limitsNow(queues: readonly string[]): Promise<ReadonlyMap<string, EnqueueLimit>> {
    if (queues.length === 0) return noLimits;
    const policies = await this.policies.current();
    return new Map(
      queues.flatMap((queue): [string, EnqueueLimit][] => {
        const limit = limitOf(policies, queue);
        return limit === null ? [] : [[queue, limit]];
      }),
    );
  }

  wake(jobs: readonly Woken[]): void {
    const lanes = new Map<string, DueLane>();
    for (const { queue, jobType, concurrencyKey } of jobs) {
      const lane = { queue, jobType, keyed: concurrencyKey !== null };
      lanes.set(dueLaneKey(lane), lane);
    }
    if (lanes.size === 0) return;
    try {
      this.#parts.onEnqueued(lanes.values());
    } catch (error) {
      this.#parts.log.error({ err: error }, "who runs jobs could not be woken: its poll finds them");
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.refusals.stop();
    await this.policies.stop();
  }
}

const noLimits: ReadonlyMap<string, EnqueueLimit> = new Map();

/** The type that all of them have; null when they differ. */
function typeOf(jobs: readonly NewJob[]): string | null {
  const [first] = jobs;
  return first !== undefined && jobs.every((job) => job.jobType === first.jobType) ? first.jobType : null;
}

/** A key counts within the queue of the request's first job. */
function keyOf({ jobs, service, idempotency }: EnqueueOrder): EnqueueRequest["idempotency"] {
  return idempotency === null ? null : { ...idempotency, service, scope: derivedUuid("queue", jobs[0]?.queue ?? "") };
}
