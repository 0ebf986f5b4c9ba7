/** Which of the jobs that are due may start under the limits: pure, so that every rule is tested without a store. */
import type { JobId } from "../model/ids.ts";
import { dueLaneKey, type Lane } from "../model/job.ts";
import { type Policies, policyOf } from "../model/policy.ts";
import { keyConcurrencyDefault } from "../model/policy-limits.ts";
import type { Candidate, Delay, Rate, RunningCount } from "../store/limited-leases.ts";

export interface AdmissionAsk {
  readonly policies: Policies;
  /** Lane by lane, each in its order. */
  readonly candidates: readonly Candidate[];
  /** How many of each lane, by its key. */
  readonly wanted: ReadonlyMap<string, number>;
  readonly running: readonly RunningCount[];
  /** By name, as `ratesOf` lists them. */
  readonly levels: ReadonlyMap<string, number>;
}

export interface Admission {
  readonly lease: JobId[];
  /** Jobs to be set apart, and the limit that each one waits for. */
  readonly hold: Map<JobId, string>;
  /** What is left in the buckets that were drawn from. */
  readonly levels: Map<string, number>;
  readonly delays: Delay[];
  /** Milliseconds until a rate allows the next start; null when no rate stands in the way. */
  readonly retryInMs: number | null;
}

/** Nothing of it may be leased: its queue or its type is paused. */
export function isPaused(policies: Policies, { queue, jobType }: Lane): boolean {
  return (
    policyOf(policies, "queue", queue)?.paused === true || policyOf(policies, "job_type", jobType)?.paused === true
  );
}

/** Whether leasing from the lane needs a look at what runs elsewhere. */
export function isLimited(policies: Policies, lane: Lane & { readonly keyed: boolean }): boolean {
  if (lane.keyed) return true;
  return (
    laneLimits(policies, lane).some((limit) => limit.concurrencyMax !== null || limit.rate !== null) ||
    policies.all.some(({ scope, concurrencyMax }) => scope === "dataset" && concurrencyMax !== null)
  );
}

/** The rates that the candidates draw from. */
export function ratesOf(policies: Policies, lanes: readonly Lane[]): Rate[] {
  const rates = new Map<string, Rate>();
  for (const lane of lanes)
    for (const { rate } of laneLimits(policies, lane)) if (rate !== null) rates.set(rate.name, rate);
  return [...rates.values()];
}

/** Leased now, or leased by this decision, by the limit's name. */
class Tally {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(job: Omit<Candidate, "jobId">, count: number): void {
    for (const name of namesOf(job)) this.#counts.set(name, this.of(name) + count);
  }
}

export function admit({ policies, candidates, wanted, running, levels }: AdmissionAsk): Admission {
  const tally = new Tally();
  for (const { count, ...job } of running) tally.add(job, count);
  const left = new Map(levels);
  const room = new Map(wanted);
  const lease: JobId[] = [];
  const hold = new Map<JobId, string>();
  const delays: Delay[] = [];
  const blocked = new Map<string, Block>();
  let retryInMs: number | null = null;

  for (const job of candidates) {
    const lane = dueLaneKey({ ...job, keyed: job.concurrencyKey !== null });
    if ((room.get(lane) ?? 0) <= 0) continue;
    const stop = blocked.get(lane) ?? laneBlock(policies, job, tally, left);
    if (stop !== null) {
      blocked.set(lane, { ...stop, count: stop.count + 1 });
      if (stop.retryInMs !== null) retryInMs = Math.min(retryInMs ?? stop.retryInMs, stop.retryInMs);
      continue;
    }
    const held = jobHold(policies, job, tally);
    if (held !== null) {
      hold.set(job.jobId, held.limit);
      delays.push(held.delay);
      continue;
    }
    lease.push(job.jobId);
    room.set(lane, (room.get(lane) ?? 0) - 1);
    tally.add(job, 1);
    for (const { rate } of laneLimits(policies, job)) {
      if (rate !== null) left.set(rate.name, (left.get(rate.name) ?? rate.burst) - 1);
    }
  }
  for (const { retryInMs: _, ...delay } of blocked.values()) delays.push(delay);
  return { lease, hold, levels: left, delays, retryInMs };
}

/** How many more each of these limits (`key:…`, `dataset:…`) admits now. */
export function roomOf(
  policies: Policies,
  limits: readonly string[],
  running: readonly RunningCount[],
): Map<string, number> {
  const tally = new Tally();
  for (const { count, ...job } of running) tally.add(job, count);
  const room = new Map<string, number>();
  for (const limit of limits) {
    const free = maxOf(policies, limit) - tally.of(limit);
    if (free > 0) room.set(limit, Math.min(free, roomMax));
  }
  return room;
}

/** Let go of one limit at once, when there is no bound any more. */
const roomMax = 1000;

interface LaneLimit {
  readonly name: string;
  readonly what: string;
  readonly code: "QUEUE" | "TYPE";
  readonly concurrencyMax: number | null;
  readonly rate: Rate | null;
}

/** Why nothing more of a lane may start. */
type Block = Delay & { readonly retryInMs: number | null };

/** Those that hold all of a lane, and are looked at first. */
function laneLimits(policies: Policies, { queue, jobType }: Lane): LaneLimit[] {
  const limits: LaneLimit[] = [];
  for (const [scope, subject, code] of [
    ["queue", queue, "QUEUE"],
    ["job_type", jobType, "TYPE"],
  ] as const) {
    const policy = policyOf(policies, scope, subject);
    if (policy === null) continue;
    const { concurrencyMax, ratePerS: perS, rateBurst } = policy;
    const name = `${scope}:${subject}`;
    const rate = perS === null ? null : { name: `rate:${name}`, perS, burst: rateBurst ?? Math.max(1, perS) };
    limits.push({ name, what: `${scope.replace("_", " ")} "${subject}"`, code, concurrencyMax, rate });
  }
  return limits;
}

function laneBlock(
  policies: Policies,
  job: Candidate,
  tally: Tally,
  levels: ReadonlyMap<string, number>,
): Block | null {
  const { queue, jobType } = job;
  const about = { queue, jobType, jobId: null, count: 0 };
  for (const { name, what, code, concurrencyMax, rate } of laneLimits(policies, job)) {
    if (concurrencyMax !== null && tally.of(name) >= concurrencyMax) {
      const detail = `${what} runs ${concurrencyMax} at once at most`;
      return { ...about, code: `${code}_CONCURRENCY`, detail, retryInMs: null };
    }
    const level = rate === null ? 1 : (levels.get(rate.name) ?? rate.burst);
    if (rate !== null && level < 1) {
      const detail = `${what} starts ${rate.perS} a second at most`;
      return { ...about, code: `${code}_RATE`, detail, retryInMs: ((1 - level) / rate.perS) * 1000 };
    }
  }
  return null;
}

function jobHold(policies: Policies, job: Candidate, tally: Tally): { limit: string; delay: Delay } | null {
  const { queue, jobType, jobId, concurrencyKey: key, datasetId } = job;
  const about = { queue, jobType, jobId, count: 1 };
  if (key !== null) {
    const limit = keyLimit(queue, key);
    const max = maxOf(policies, limit);
    if (tally.of(limit) >= max) {
      const detail = `concurrency key "${key}" of queue "${queue}" runs ${max} at once at most`;
      return { limit, delay: { ...about, code: "KEY_CONCURRENCY", detail } };
    }
  }
  if (datasetId !== null) {
    const limit = datasetLimit(datasetId);
    const max = maxOf(policies, limit);
    if (tally.of(limit) >= max) {
      const detail = `dataset ${datasetId} runs ${max} at once at most`;
      return { limit, delay: { ...about, code: "DATASET_CONCURRENCY", detail } };
    }
  }
  return null;
}

const keyLimit = (queue: string, key: string): string => `key:${queue.length}:${queue}:${key}`;
const datasetLimit = (datasetId: string): string => `dataset:${datasetId}`;

/** The limits of single jobs that one counts against when it ends: what they hold may have room then. */
export function jobLimitsOf(job: Pick<Candidate, "queue" | "concurrencyKey" | "datasetId">): string[] {
  const limits: string[] = [];
  if (job.concurrencyKey !== null) limits.push(keyLimit(job.queue, job.concurrencyKey));
  if (job.datasetId !== null) limits.push(datasetLimit(job.datasetId));
  return limits;
}

const namesOf = (job: Omit<Candidate, "jobId">): string[] => [
  `queue:${job.queue}`,
  `job_type:${job.jobType}`,
  ...jobLimitsOf(job),
];

/** At once, by a limit's name as `keyLimit` and `datasetLimit` make it. */
function maxOf(policies: Policies, limit: string): number {
  if (limit.startsWith("dataset:")) {
    return policyOf(policies, "dataset", limit.slice("dataset:".length))?.concurrencyMax ?? Number.POSITIVE_INFINITY;
  }
  const [, length = "", rest = ""] = /^key:(\d+):([\s\S]*)$/.exec(limit) ?? [];
  return policyOf(policies, "queue", rest.slice(0, Number(length)))?.keyConcurrencyMax ?? keyConcurrencyDefault;
}
