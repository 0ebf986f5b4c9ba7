/** Leases for this node, or for a remote worker, under the policies as they are: fast where nothing limits a lane, in one fenced transaction where something does. */
import type { Clock } from "../model/clock.ts";
import { type DueLane, dueLaneKey, laneKey } from "../model/job.ts";
import { type Policies, policyOf } from "../model/policy.ts";
import { leaseBundle } from "../store/bundles.ts";
import { type LeaseAsk, type Leased, type LeasedJob, leaseJobs, leaseThese } from "../store/jobs.ts";
import {
  bucketLevels,
  candidates,
  type Delay,
  holdingLimits,
  holdJobs,
  letGo,
  lockLimits,
  recordDelays,
  runningCounts,
  setBuckets,
  takeToken,
} from "../store/limited-leases.ts";
import { readPolicies } from "../store/policies.ts";
import type { Sql } from "../store/sql.ts";
import { admit, isLimited, isPaused, jobLimitsOf, ratesOf, roomOf } from "./admission.ts";

export interface WantedLane extends DueLane {
  readonly countMax: number;
  /** Only its free-standing jobs, in a bundle. */
  readonly isBundled?: boolean;
}

export interface Claimed {
  readonly jobs: LeasedJob[];
  /** Milliseconds until a rate allows the next start. */
  readonly retryInMs: number | null;
}

/** Looked at in one claim under limits, beyond those wanted: some may have to be held. */
const lookaheadCount = 50;
const candidatesMax = 1000;
/** A lane that stays blocked is noted again after so long. */
const sameDelayMs = 10_000;
const delaysKeptMax = 1000;
const limitsMax = 10_000;
const lanesKeptMax = 10_000;

type Holder = Pick<LeaseAsk, "workerId" | "leaseMs" | "labels">;

export class Claims {
  readonly #sql: Sql;
  readonly #clock: Clock;
  #policies: Policies = { version: 0, all: [] };
  /** Lanes that the policies limit, or do not: asked for with every job that ends. */
  #limited = new Map<string, boolean>();
  /** When a lane was last noted as blocked, by what it says. */
  readonly #noted = new Map<string, number>();

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  /** Of the policies that the answers here rely on. */
  get policyVersion(): number {
    return this.#policies.version;
  }

  async reload(): Promise<void> {
    this.#take(await readPolicies(this.#sql));
  }

  #take(policies: Policies): void {
    if (policies.version !== this.#policies.version || this.#limited.size > lanesKeptMax) this.#limited = new Map();
    this.#policies = policies;
  }

  isPaused(lane: DueLane): boolean {
    return isPaused(this.#policies, lane);
  }

  /** Leasing from it takes a look at what runs elsewhere, and an end there may make room. */
  isLimited(lane: DueLane): boolean {
    const key = dueLaneKey(lane);
    let known = this.#limited.get(key);
    if (known === undefined) {
      known = isLimited(this.#policies, lane);
      this.#limited.set(key, known);
    }
    return known;
  }

  /**
   * Due jobs of these lanes, leased for `holder`; not more than `countMax` of all of them. Nothing is leased only to be given
   * back: that would use up a rate, and leave a dead row for each.
   */
  async claimAtMost(holder: Holder, wanted: readonly WantedLane[], countMax: number): Promise<LeasedJob[]> {
    const jobs: LeasedJob[] = [];
    const claim = async (lanes: readonly WantedLane[]): Promise<void> => {
      const left = countMax - jobs.length;
      if (left <= 0 || lanes.length === 0) return;
      const asked = lanes.map((lane) => ({ ...lane, countMax: Math.min(lane.countMax, left) }));
      jobs.push(...(await this.claim(holder, asked, left)).jobs);
    };
    const groups = [wanted.filter((lane) => !this.isLimited(lane))];
    for (const lane of wanted) if (this.isLimited(lane)) groups.push([lane]);
    // Whoever comes first may take all: each has its turn.
    const first = Math.floor(Math.random() * groups.length);
    for (const lanes of [...groups.slice(first), ...groups.slice(0, first)]) await claim(lanes);
    return jobs;
  }

  /** Due jobs of these lanes, leased for `holder`. `countMax`: of all lanes that no policy limits. */
  async claim(holder: Holder, wanted: readonly WantedLane[], countMax?: number): Promise<Claimed> {
    for (;;) {
      const { version } = this.#policies;
      const open = wanted.filter((lane) => !this.isPaused(lane));
      const free = open.filter((lane) => !this.isLimited(lane));
      const limited = open.filter((lane) => this.isLimited(lane));
      const { jobs, policyVersion } = await this.#leaseFree(holder, free, countMax);
      if (policyVersion !== version) {
        await this.reload();
        if (jobs.length === 0) continue;
      }
      if (limited.length === 0) return { jobs, retryInMs: null };
      // A policy that came meanwhile may have set a lane apart: what is left is for one of those.
      const left = (countMax ?? Number.POSITIVE_INFINITY) - jobs.length;
      if (left <= 0) return { jobs, retryInMs: null };
      const asked = limited.slice(0, countMax === undefined ? limited.length : 1);
      const under = await this.#claimLimited(
        holder,
        asked.map((lane) => ({ ...lane, countMax: Math.min(lane.countMax, left) })),
      );
      return { jobs: [...jobs, ...under.jobs], retryInMs: under.retryInMs };
    }
  }

  /** Of lanes that nothing limits: a statement for all of them, and one for each that is leased in bundles. */
  async #leaseFree(holder: Holder, lanes: readonly WantedLane[], countMax: number | undefined): Promise<Leased> {
    const policyVersion = this.#policies.version;
    const all: Leased[] = [];
    const wanted = lanes.filter(({ isBundled }) => !isBundled);
    if (wanted.length > 0) all.push(await leaseJobs(this.#sql, { ...holder, wanted, countMax, policyVersion }));
    for (const lane of lanes)
      if (lane.isBundled) all.push(await leaseBundle(this.#sql, { ...holder, ...lane, policyVersion }));
    return {
      jobs: all.flatMap(({ jobs }) => jobs),
      policyVersion: all.at(-1)?.policyVersion ?? policyVersion,
    };
  }

  #claimLimited(holder: Holder, lanes: readonly WantedLane[]): Promise<Claimed> {
    return this.#sql.begin(async (tx) => {
      await lockLimits(tx);
      // Under the lock: a change of a policy that was acknowledged before counts.
      this.#take(await readPolicies(tx));
      const policies = this.#policies;
      const open = lanes.filter((lane) => !isPaused(policies, lane));
      const asked = open.map((lane) => ({
        ...lane,
        countMax: Math.min(lane.countMax + lookaheadCount, candidatesMax),
      }));
      const found = await candidates(tx, asked, holder.labels);
      if (found.length === 0) return { jobs: [], retryInMs: null };
      const running = await runningCounts(tx);
      const levels = await bucketLevels(tx, ratesOf(policies, found));
      const {
        lease,
        hold,
        levels: left,
        delays,
        retryInMs,
      } = admit({
        policies,
        candidates: found,
        wanted: new Map(open.map((lane) => [dueLaneKey(lane), lane.countMax])),
        running,
        levels,
      });
      await setBuckets(tx, left);
      await holdJobs(tx, hold);
      await recordDelays(tx, this.#newDelays(delays));
      const jobs = lease.length > 0 ? await leaseThese(tx, holder, lease) : [];
      return { jobs, retryInMs };
    });
  }

  /** Jobs that these ones' ends may have made room for go back to their lanes. True: there are some. */
  async freed(ended: readonly Pick<LeasedJob, "queue" | "concurrencyKey" | "datasetId">[]): Promise<boolean> {
    const hasDatasetLimit = this.#policies.all.some(({ scope }) => scope === "dataset");
    const limits = ended.flatMap((job) => jobLimitsOf(hasDatasetLimit ? job : { ...job, datasetId: null }));
    return limits.length > 0 && (await this.#letGo([...new Set(limits)]));
  }

  /** The same for whatever is held: what a crashed node did not see to. */
  async sweepHeld(): Promise<boolean> {
    const limits = await holdingLimits(this.#sql, limitsMax);
    return limits.length > 0 && (await this.#letGo(limits));
  }

  async #letGo(limits: readonly string[]): Promise<boolean> {
    const room = roomOf(this.#policies, limits, await runningCounts(this.#sql));
    return (await letGo(this.#sql, room)) > 0;
  }

  /** A retry after `ms` under the queue's budget: later, and noted, when that is used up. */
  async withRetryBudget(job: Pick<LeasedJob, "jobId" | "queue" | "jobType">, ms: number): Promise<number> {
    const perMin = policyOf(this.#policies, "queue", job.queue)?.retriesPerMin ?? null;
    if (perMin === null) return ms;
    const rate = { name: `retry:queue:${job.queue}`, perS: perMin / 60, burst: Math.max(1, perMin) };
    const waitMs = await takeToken(this.#sql, rate);
    if (waitMs === 0) return ms;
    const detail = `queue "${job.queue}" retries ${perMin} a minute at most`;
    await recordDelays(this.#sql, [{ ...job, code: "RETRY_BUDGET", count: 1, detail }]);
    return ms + waitMs;
  }

  /** What is about a whole lane is noted once in a while, and not with every look at it. */
  #newDelays(delays: readonly Delay[]): Delay[] {
    const nowMs = this.#clock.monotonicMs();
    if (this.#noted.size > delaysKeptMax) this.#noted.clear();
    return delays.filter((delay) => {
      if (delay.jobId !== null) return true;
      const key = `${delay.code}\u0000${laneKey({ queue: delay.queue, jobType: delay.jobType ?? "" })}`;
      if (nowMs - (this.#noted.get(key) ?? Number.NEGATIVE_INFINITY) < sameDelayMs) return false;
      this.#noted.set(key, nowMs);
      return true;
    });
  }
}
