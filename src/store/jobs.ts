/**
 * Leases of jobs: taken, renewed, given back, expired. Every lease has a token that only grows, and the database's clock
 * says when it ends. The outcome of a product's job is a turn of its dataset (plan-store.ts), never written here.
 */
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { array, type Sql } from "./sql.ts";

export interface LeaseAsk {
  readonly workerId: string;
  readonly leaseMs: number;
  /** Each compute with room for more, and for how many. */
  readonly wanted: readonly { readonly compute: string; readonly countMax: number }[];
}

/** Which lease of which job. */
export interface Lease {
  readonly jobId: JobId;
  readonly token: number;
}

export interface LeasedJob extends Lease {
  readonly compute: string;
  /** Attempts begun before this lease. */
  readonly attempt: number;
  /** Those of them that a stopping node gave back: they do not count against the maximum. */
  readonly returned: number;
  readonly attemptsMax: number;
  /** Null, as is all of the product's, for a free-standing job. */
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly payload: JsonText | null;
  /** Seconds since it was due. */
  readonly waitedS: number;
  readonly extra: JsonText | null;
  readonly name: string | null;
  readonly version: string | null;
  readonly passthrough: JsonText | null;
  /** JSON: [{id, name, version, passback}], passback as text, those that are not disabled; null if there are none. */
  readonly parents: JsonText | null;
}

/**
 * Leases due jobs, at most `countMax` of each compute, the longest due first, with all that their runs are given:
 * one statement a batch. No two callers get the same one.
 */
export function leaseJobs(sql: Sql, ask: LeaseAsk): Promise<LeasedJob[]> {
  return sql<LeasedJob>`
    with wanted as (
      select * from unnest(${array(ask.wanted.map((one) => one.compute))}::text::text[],
        ${array(ask.wanted.map((one) => one.countMax))}::text::int[]) as wanted (compute, count_max)),
    due as materialized ( -- a CTE, not "in (…)": that may run twice and pass the limit
      select one.job_id from wanted cross join lateral (
        select job_id from job
        where state = 'queued' and compute = wanted.compute and run_at <= now()
        order by run_at, job_id limit wanted.count_max for update skip locked) as one),
    leased as (
      update job set state = 'leased', token = token + 1, worker_id = ${ask.workerId}, started_at = null,
        lease_until = now() + ${ask.leaseMs}::float8 * interval '1 millisecond'
      from due where job.job_id = due.job_id
      returning job.*)
    select leased.job_id as "jobId", token, attempt, compute, leased.dataset_id as "datasetId",
      leased.product_id as "productId", attempts_max as "attemptsMax", payload,
      extract(epoch from now() - run_at)::float8 as "waitedS",
      case when attempt = 0 then 0 else
        (select count(*) from attempt where attempt.job_id = leased.job_id and outcome = 'cancelled') end as returned,
      plan.extra, own.name, own.version, own.passthrough, parents.list as parents
    from leased
    -- "limit 1" keeps these as look-ups by key, whatever the planner believes of the batch's size.
    left join lateral (select extra from dataset where dataset_id = leased.dataset_id limit 1) as plan on true
    left join lateral (
      select name, version, passthrough from product
      where dataset_id = leased.dataset_id and product_id = leased.product_id limit 1) as own on true
    left join lateral (
      select json_agg(json_build_object('id', parent.product_id, 'name', parent.name, 'version', parent.version,
        'passback', parent.passback) order by parent.name, parent.product_id)::text as list
      from dependency join product as parent
        on parent.dataset_id = dependency.dataset_id and parent.product_id = dependency.parent_id
      where dependency.dataset_id = leased.dataset_id and dependency.child_id = leased.product_id
        and parent.state <> 'disabled') as parents on true
    order by run_at, leased.job_id`;
}

/** A lease that was not renewed, and what holds the job now: a newer lease, or its end. */
export interface LostLease extends Lease {
  readonly state: string | null;
}

/**
 * Renews all leases that a node holds in one statement, in the order in which commits lock jobs; returns those that are
 * lost. One that expired is renewed too while nobody else has taken the job.
 */
export function renewLeases(sql: Sql, leases: readonly Lease[], leaseMs: number): Promise<LostLease[]> {
  return sql<LostLease>`
    with held as (
      select * from unnest(${array(leases.map((lease) => lease.jobId))}::text::uuid[],
        ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)),
    locked as materialized (
      select job.job_id, job.token, job.state from held join job on job.job_id = held.job_id
      order by job.job_id for update of job),
    renewed as (
      update job set lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
      from locked join held on held.job_id = locked.job_id and held.token = locked.token
      where job.job_id = locked.job_id and locked.state = 'leased'
      returning job.job_id)
    select held.job_id as "jobId", held.token,
      case when locked.token = held.token then locked.state else 'superseded' end as state
    from held left join locked on locked.job_id = held.job_id
    where not exists (select 1 from renewed where renewed.job_id = held.job_id)`;
}

/** Gives back jobs whose attempts have not begun, due as they were; leases that are lost are left alone. */
export async function releaseLeases(sql: Sql, leases: readonly Lease[]): Promise<void> {
  await sql`
    with held as (
      select * from unnest(${array(leases.map((lease) => lease.jobId))}::text::uuid[],
        ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)),
    locked as materialized (
      select job.job_id from held join job on job.job_id = held.job_id and job.token = held.token
      where job.state = 'leased' and job.started_at is null
      order by job.job_id for update of job)
    update job set state = 'queued', lease_until = null, worker_id = null
    from locked where job.job_id = locked.job_id`;
}

export interface ExpiredLease extends Lease {
  readonly compute: string;
  /** Attempts begun, this lease's included if it began. */
  readonly attempt: number;
  readonly returned: number;
  readonly attemptsMax: number;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly workerId: string;
  /** Null: the lease ended before its attempt began. */
  readonly startedAt: string | null;
}

/** Leases that ran out, the oldest first. */
export function expiredLeases(sql: Sql, countMax: number): Promise<ExpiredLease[]> {
  return sql<ExpiredLease>`
    select job_id as "jobId", token, compute, attempt, attempts_max as "attemptsMax", dataset_id as "datasetId",
      product_id as "productId", worker_id as "workerId",
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "startedAt",
      case when attempt = 0 then 0 else
        (select count(*) from attempt where attempt.job_id = job.job_id and outcome = 'cancelled') end as returned
    from job
    where state = 'leased' and lease_until < now()
    order by lease_until limit ${countMax}::int`;
}

/** Ends every lease now: for a process that is alone and has just started, so that its predecessor's are at once expired. */
export async function expireEveryLease(sql: Sql): Promise<void> {
  await sql`update job set lease_until = now() - interval '1 millisecond' where state = 'leased' and lease_until > now()`;
}
