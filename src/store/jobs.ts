/**
 * Leases of jobs: taken, renewed, given back, expired. Every lease has a token that only grows, and the database's clock
 * says when it ends. The outcome of a product's job is a turn of its dataset (plan-store.ts), never written here.
 */
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { Lane } from "../model/job.ts";
import { type Lease, type Leased, type LeasedJob, leaseStatement, runLease } from "./lease-statement.ts";
import { array, type Sql } from "./sql.ts";

export {
  firstLeased,
  type Lease,
  type Leased,
  type LeasedJob,
  type LeasedParent,
  ofNoProduct,
} from "./lease-statement.ts";

export interface LeaseAsk {
  readonly workerId: string;
  readonly leaseMs: number;
  /** What the holder is: a job may require some. */
  readonly labels: readonly string[];
  /** Each lane with room for more, and for how many; without concurrency keys and limits. */
  readonly wanted: readonly (Lane & { readonly countMax: number })[];
  /** Of all lanes together; absent: the sum of theirs. */
  readonly countMax?: number | undefined;
  /** Of the policies that `wanted` relies on: when they have changed, nothing is leased. */
  readonly policyVersion: number;
}

/** "(select …)" hides the arrays' lengths: a plan of its own for each claim, as lanes are few, takes longer than the claim. (1.1 ms.) */
const dueOfLanes = (last: string): string => `
    wanted as (
      select * from unnest((select $3::text::text[]), (select $4::text::text[]), (select $5::text::int[]))
        as wanted (queue, job_type, count_max)),
    due as materialized ( -- a CTE, not "in (…)": that may run twice and pass the limit
      select one.job_id from wanted cross join lateral (
        select job_id, priority, run_at from job
        where state = 'queued' and held_by is null and queue = wanted.queue and job_type = wanted.job_type
          and keyed = false and (requires is null or requires <@ $6::text::text[])
        order by priority desc, run_at, job_id limit wanted.count_max for update skip locked) as one
      where (select version from policy_version) = $7::bigint${last})`;

const leaseLanes = leaseStatement(dueOfLanes(""));
/** The sort is only for who asks several lanes for as many as one could give. */
const leaseLanesAtMost = leaseStatement(
  dueOfLanes(`
      order by one.priority desc, one.run_at, one.job_id limit $8::int`),
);

/**
 * Leases due jobs, at most `countMax` of each lane, the most urgent and longest due first, with all that their runs are
 * given: one statement a batch. No two callers get the same one.
 */
export async function leaseJobs(sql: Sql, ask: LeaseAsk): Promise<Leased> {
  const { countMax } = ask;
  return await runLease(sql, countMax === undefined ? leaseLanes : leaseLanesAtMost, [
    ask.workerId,
    ask.leaseMs,
    array(ask.wanted.map((one) => one.queue)),
    array(ask.wanted.map((one) => one.jobType)),
    array(ask.wanted.map((one) => one.countMax)),
    array(ask.labels),
    ask.policyVersion,
    ...(countMax === undefined ? [] : [countMax]),
  ]);
}

const leaseChosen = leaseStatement(
  `due as materialized (select job_id from unnest($3::text::uuid[]) as chosen (job_id))`,
);

/** Leases jobs that the caller's transaction has chosen and locked. */
export async function leaseThese(
  sql: Sql,
  ask: Pick<LeaseAsk, "workerId" | "leaseMs">,
  jobIds: readonly JobId[],
): Promise<LeasedJob[]> {
  return (await runLease(sql, leaseChosen, [ask.workerId, ask.leaseMs, array(jobIds)])).jobs;
}

/** A lease that was not renewed, and what became of the job: `cancelled`, or another holder has it, or it ended. */
export interface LostLease extends Lease {
  readonly why: "cancelled" | "superseded";
}

/**
 * What is leased is known here by its worker: the index of leases (`state = 'leased'`) can look cheaper than the key.
 * Renews leases that are still current; returns those that are not. A row that somebody has locked is about to change: it is
 * left alone this time, so that renewals never wait, nor deadlock, whatever order others lock in.
 */
export async function renewLeases(sql: Sql, leases: readonly Lease[], leaseMs: number): Promise<LostLease[]> {
  const rows = await sql<{ jobId: JobId }>`
    with held as (
      select * from unnest(${array(leases.map((lease) => lease.jobId))}::text::uuid[],
        ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)),
    locked as materialized (
      select own.job_id from held cross join lateral (
        select job_id from job where job_id = held.job_id and token = held.token and worker_id is not null
        limit 1 for update skip locked) as own)
    update job set lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
    where job_id = any(array(select job_id from locked))
    returning job_id as "jobId"`;
  const renewed = new Set(rows.map((row) => row.jobId));
  const lost = leases.filter(({ jobId }) => !renewed.has(jobId));
  return lost.length === 0 ? [] : await whyLost(sql, lost);
}

function whyLost(sql: Sql, lost: readonly Lease[]): Promise<LostLease[]> {
  return sql<LostLease>`
    select held.job_id as "jobId", held.token,
      case when exists (select 1 from job_end where job_end.job_id = held.job_id and state = 'cancelled' and job_end.token = held.token)
        then 'cancelled' else 'superseded' end as why
    from unnest(${array(lost.map((lease) => lease.jobId))}::text::uuid[],
      ${array(lost.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)
    where not exists (
      select 1 from job where job.job_id = held.job_id and job.token = held.token and job.worker_id is not null)`;
}

/** Gives back jobs whose attempts have not begun, due as they were; leases that are lost are left alone. */
export async function releaseLeases(sql: Sql, leases: readonly Lease[]): Promise<void> {
  await sql`
    with held as (
      select * from unnest(${array(leases.map((lease) => lease.jobId))}::text::uuid[],
        ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)),
    locked as materialized (
      select own.job_id from (select * from held order by job_id) as held cross join lateral (
        select job_id from job
        where job_id = held.job_id and token = held.token and worker_id is not null and started_at is null
        limit 1 for update) as own)
    update job set state = 'queued', lease_until = null, worker_id = null
    where job_id = any(array(select job_id from locked))`;
}

export interface ExpiredLease extends Lease {
  readonly queue: string;
  readonly jobType: string;
  /** Attempts begun, this lease's included if it began. */
  readonly attempt: number;
  readonly returned: number;
  readonly attemptsMax: number;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly workerId: string;
  /** Null: the lease ended before its attempt began. */
  readonly startedAt: string | null;
  /** Leases before this one that ran out before an attempt began. Those that were given back are none of them. */
  readonly unbegunBefore: number;
}

/** Leases that ran out, the oldest first. */
export function expiredLeases(sql: Sql, countMax: number): Promise<ExpiredLease[]> {
  return sql<ExpiredLease>`
    select job_id as "jobId", token, queue, job_type as "jobType", attempt, returned, attempts_max as "attemptsMax",
      dataset_id as "datasetId", product_id as "productId", worker_id as "workerId",
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "startedAt",
      (select count(*)::int from attempt
       where attempt.job_id = job.job_id and outcome = 'lost' and attempt.started_at is null) as "unbegunBefore"
    from job where state = 'leased' and lease_until < now()
    order by lease_until limit ${countMax}::int`;
}

/** Ends every lease now, of bundles too: for a process that is alone and has just started, so that its predecessor's are at once expired. */
export async function expireEveryLease(sql: Sql): Promise<void> {
  await sql`update job set lease_until = now() - interval '1 millisecond' where state = 'leased' and lease_until > now()`;
  await sql`update bundle set lease_until = now() - interval '1 millisecond' where lease_until > now()`;
}
