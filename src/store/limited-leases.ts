/**
 * Leases under limits: what is due, what runs already and how many starts a rate still allows are read, chosen from and
 * written in one transaction. One claim under limits goes on at a time over all nodes, so that no limit is ever passed.
 */
import { type JobId, newTimeUuid } from "../model/ids.ts";
import type { DueLane } from "../model/job.ts";
import { array, type Sql } from "./sql.ts";

/** "orrery limit", as a key of an advisory lock. */
const lockKey = 0x6f72_6c69;

/** Waits for claims under limits that other nodes make, and for no longer than this transaction. */
export async function lockLimits(tx: Sql): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey]);
}

export interface Candidate {
  readonly jobId: JobId;
  readonly queue: string;
  readonly jobType: string;
  readonly datasetId: string | null;
  readonly concurrencyKey: string | null;
}

/** The head of each lane, locked: nobody else leases them meanwhile. "(select …)" as in jobs.ts: one plan for all. */
export function candidates(
  tx: Sql,
  lanes: readonly (DueLane & { readonly countMax: number })[],
  labels: readonly string[],
): Promise<Candidate[]> {
  return tx<Candidate>`
    with wanted as (
      select * from unnest((select ${array(lanes.map((lane) => lane.queue))}::text::text[]),
        (select ${array(lanes.map((lane) => lane.jobType))}::text::text[]),
        (select ${array(lanes.map((lane) => lane.keyed))}::text::boolean[]),
        (select ${array(lanes.map((lane) => lane.countMax))}::text::int[])) as wanted (queue, job_type, keyed, count_max))
    select one.* from wanted cross join lateral (
      select job_id as "jobId", queue, job_type as "jobType", dataset_id as "datasetId", concurrency_key as "concurrencyKey"
      from job
      where state = 'queued' and held_by is null and queue = wanted.queue and job_type = wanted.job_type
        and keyed = wanted.keyed
        and (requires is null or requires <@ ${array(labels)}::text::text[])
      order by priority desc, run_at, job_id limit wanted.count_max for update skip locked) as one`;
}

export interface RunningCount extends Omit<Candidate, "jobId"> {
  readonly count: number;
}

/** What is leased now, over all nodes: as many rows as there are kinds of it. A bundle was leased before its lane had a limit. */
export function runningCounts(tx: Sql): Promise<RunningCount[]> {
  return tx<RunningCount>`
    select queue, job_type as "jobType", dataset_id as "datasetId", concurrency_key as "concurrencyKey", count(*)::int as count
    from job where state = 'leased' group by queue, job_type, dataset_id, concurrency_key
    union all
    select queue, job_type, null, null, count(*)::int from bundled_job group by queue, job_type`;
}

export interface Rate {
  readonly name: string;
  readonly perS: number;
  readonly burst: number;
}

/** What each bucket holds now, by the database's clock; one that was never used is full. */
export async function bucketLevels(tx: Sql, rates: readonly Rate[]): Promise<Map<string, number>> {
  if (rates.length === 0) return new Map();
  const rows = await tx<{ name: string; tokens: number }>`
    select rate.name, least(rate.burst, coalesce(bucket.tokens + extract(epoch from clock_timestamp() - bucket.at) * rate.per_s,
      rate.burst))::float8 as tokens
    from unnest(${array(rates.map((rate) => rate.name))}::text::text[], ${array(rates.map((rate) => rate.perS))}::text::float8[],
      ${array(rates.map((rate) => rate.burst))}::text::float8[]) as rate (name, per_s, burst)
    left join bucket on bucket.name = rate.name`;
  return new Map(rows.map((row) => [row.name, row.tokens]));
}

/** Writes what is left in each bucket. The caller holds the lock under which it was read. */
export async function setBuckets(tx: Sql, levels: ReadonlyMap<string, number>): Promise<void> {
  if (levels.size === 0) return;
  await tx`
    insert into bucket (name, tokens, at)
    select name, tokens, clock_timestamp()
    from unnest(${array([...levels.keys()])}::text::text[], ${array([...levels.values()])}::text::float8[]) as b (name, tokens)
    on conflict (name) do update set tokens = excluded.tokens, at = excluded.at`;
}

/** Takes a token of one bucket: 0 when there was one, else the milliseconds until there is. */
export async function takeToken(sql: Sql, rate: Rate): Promise<number> {
  return await sql.begin(async (tx) => {
    await lockLimits(tx);
    const level = (await bucketLevels(tx, [rate])).get(rate.name) ?? rate.burst;
    // Into debt, so that each one that waits is given a time of its own.
    await setBuckets(tx, new Map([[rate.name, level - 1]]));
    return level >= 1 ? 0 : ((1 - level) / rate.perS) * 1000;
  });
}

/** Sets queued jobs apart until the limit that holds them has room. */
export async function holdJobs(tx: Sql, holds: ReadonlyMap<JobId, string>): Promise<void> {
  if (holds.size === 0) return;
  await tx`
    update job set held_by = hold.limit_name
    from unnest(${array([...holds.keys()])}::text::uuid[], ${array([...holds.values()])}::text::text[]) as hold (job_id, limit_name)
    where job.job_id = hold.job_id and job.state = 'queued'`;
}

/** Lets the most urgent jobs of each limit that has room go back to their lanes; returns how many. */
export async function letGo(sql: Sql, room: ReadonlyMap<string, number>): Promise<number> {
  if (room.size === 0) return 0;
  const rows = await sql`
    with free as (
      select * from unnest(${array([...room.keys()])}::text::text[], ${array([...room.values()])}::text::int[]) as free (name, room)),
    next as materialized (
      select one.job_id from free cross join lateral (
        select job_id from job where held_by = free.name
        order by priority desc, run_at, job_id limit free.room for update skip locked) as one)
    update job set held_by = null from next where job.job_id = next.job_id
    returning 1`;
  return rows.length;
}

/** The limits that hold jobs, by hops along the index. */
export async function holdingLimits(sql: Sql, countMax: number): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    with recursive hold as (
      (select held_by as name from job where held_by is not null order by held_by limit 1)
      union all
      select next.held_by from hold cross join lateral (
        select held_by from job where held_by is not null and held_by > hold.name order by held_by limit 1) as next)
    select name from hold limit ${countMax}::int`;
  return rows.map((row) => row.name);
}

/** A delay by a policy, for people: why what is due does not run. */
export interface Delay {
  readonly code: string;
  readonly queue: string;
  readonly jobType: string | null;
  readonly jobId: JobId | null;
  readonly count: number;
  readonly detail: string;
}

export async function recordDelays(tx: Sql, delays: readonly Delay[]): Promise<void> {
  if (delays.length === 0) return;
  const column = (of: (delay: Delay) => string | number | null): string => array(delays.map(of));
  await tx`
    insert into decision (decision_id, kind, code, queue, job_type, job_id, count, detail, at)
    select decision_id, 'policy', code, queue, job_type, job_id, count, detail, clock_timestamp()
    from unnest(${array(delays.map(() => newTimeUuid()))}::text::uuid[], ${column((delay) => delay.code)}::text::text[],
      ${column((delay) => delay.queue)}::text::text[], ${column((delay) => delay.jobType)}::text::text[],
      ${column((delay) => delay.jobId)}::text::uuid[], ${column((delay) => delay.count)}::text::int[],
      ${column((delay) => delay.detail)}::text::text[])
      as d (decision_id, code, queue, job_type, job_id, count, detail)`;
}
