/**
 * Dead letters: jobs that ended dead and that nothing has taken the place of. A product's counts while its product is failed
 * and no newer job was made for it. A redrive makes the new job and marks the dead one in one statement, so it happens once.
 */
import type { JobId } from "../model/ids.ts";
import type { JobSummary } from "../model/job-view.ts";
import { listedJobs } from "./job-views.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

export interface DeadFilter {
  readonly queue: string | null;
  readonly jobType: string | null;
  readonly reason: string | null;
}

const walkDeadlineMs = 5000;
/** What is counted at most. */
export const deadCountMax = 100_000;

/** `d` is the end, `r` its record. */
const from = `job_end d
  join lateral (select * from job_record where job_record.job_id = d.job_id limit 1) as r on true`;

const isDead = `d.state = 'dead' and d.redriven_as is null
  and (r.dataset_id is null or (
    exists (select 1 from product p where p.dataset_id = r.dataset_id and p.product_id = r.product_id and p.state = 'failed')
    and not exists (
      select 1 from job_record n where n.dataset_id = r.dataset_id and n.product_id = r.product_id and n.job_id > r.job_id)))`;

function whereOf(filter: DeadFilter, values: SqlValue[]): string {
  const conditions = [isDead];
  const where = (condition: string, value: SqlValue): void => {
    if (value === null) return;
    values.push(value);
    conditions.push(condition.replace("$", `$${values.length}`));
  };
  where("r.queue = $", filter.queue);
  where("r.job_type = $", filter.jobType);
  where("d.reason = $", filter.reason);
  return conditions.join(" and ");
}

/** The newest first, by id. */
export async function listDead(
  sql: Sql,
  filter: DeadFilter & { readonly before: JobId | null; readonly limit: number },
): Promise<JobSummary[]> {
  const values: SqlValue[] = [];
  let where = whereOf(filter, values);
  if (filter.before !== null) {
    values.push(filter.before);
    where += ` and d.job_id < $${values.length}::uuid`;
  }
  values.push(filter.limit);
  return await listedJobs(
    sql,
    `select d.job_id from ${from} where ${where} order by d.job_id desc limit $${values.length}::int`,
    values,
  );
}

/** The oldest first: they have waited longest. */
export async function deadIds(sql: Sql, filter: DeadFilter, limit: number): Promise<JobId[]> {
  const values: SqlValue[] = [];
  const where = whereOf(filter, values);
  values.push(limit);
  const rows = await sql.query<{ jobId: JobId }>(
    `select d.job_id as "jobId" from ${from} where ${where} order by d.job_id limit $${values.length}::int`,
    values,
    walkDeadlineMs,
  );
  return rows.map((row) => row.jobId);
}

/** At most `deadCountMax`. */
export async function countDead(sql: Sql, filter: DeadFilter): Promise<number> {
  const values: SqlValue[] = [];
  const where = whereOf(filter, values);
  const [row] = await sql.query<{ count: number }>(
    `select count(*) as count from (select 1 from ${from} where ${where} limit ${deadCountMax}) as dead`,
    values,
    walkDeadlineMs,
  );
  return row?.count ?? 0;
}

export interface DeadReason {
  readonly reason: string | null;
  readonly jobType: string;
  readonly queue: string;
  readonly count: number;
}

/** Of the newest `deadCountMax`, the most frequent first. */
export async function deadReasons(sql: Sql): Promise<DeadReason[]> {
  return await sql.query<DeadReason>(
    `select reason, job_type as "jobType", queue, count(*) as count from (
       select d.reason, r.job_type, r.queue from ${from} where ${isDead} order by d.job_id desc limit ${deadCountMax}) as dead
     group by reason, job_type, queue order by count(*) desc, reason, job_type, queue limit 1000`,
    [],
    walkDeadlineMs,
  );
}

/** What a redrive needs to know of a job that it is asked to redrive. */
export interface DeadJob {
  readonly jobId: JobId;
  /** Null: it lives. */
  readonly state: string | null;
  readonly redrivenAs: JobId | null;
  readonly queue: string;
  readonly jobType: string;
  readonly concurrencyKey: string | null;
  readonly datasetId: string | null;
  readonly productId: string | null;
  /** A newer job was made for the same product. */
  readonly isReplaced: boolean;
}

export function findDead(sql: Sql, jobIds: readonly JobId[]): Promise<DeadJob[]> {
  return sql<DeadJob>`
    select r.job_id as "jobId", e.state, e.redriven_as as "redrivenAs", r.queue, r.job_type as "jobType",
      r.concurrency_key as "concurrencyKey", r.dataset_id as "datasetId", r.product_id as "productId",
      r.dataset_id is not null and exists (
        select 1 from job_record n
        where n.dataset_id = r.dataset_id and n.product_id = r.product_id and n.job_id > r.job_id) as "isReplaced"
    from unnest(${array(jobIds)}::text::uuid[]) as asked (job_id)
    join lateral (select * from job_record where job_record.job_id = asked.job_id limit 1) as r on true
    left join lateral (select * from job_end where job_end.job_id = asked.job_id limit 1) as e on true`;
}

/** A dead job, the job that takes its place, and the id of the decision to let that in. */
export interface Redrive {
  readonly jobId: JobId;
  readonly newId: JobId;
  readonly decisionId: string;
}

/** Redrives free-standing jobs that are still dead; returns those that were. Rows are locked in order: no two redrives do one twice. */
export async function redriveFree(sql: Sql, redrives: readonly Redrive[], by: string): Promise<ReadonlySet<JobId>> {
  const rows = await sql<{ jobId: JobId }>`
    with asked as materialized (
      select * from unnest(${array(redrives.map((one) => one.jobId))}::text::uuid[],
        ${array(redrives.map((one) => one.newId))}::text::uuid[],
        ${array(redrives.map((one) => one.decisionId))}::text::uuid[]) as a (job_id, new_id, decision_id)),
    dead as materialized (
      select e.job_id, asked.new_id, asked.decision_id from asked join job_end e on e.job_id = asked.job_id
      where e.state = 'dead' and e.redriven_as is null order by e.job_id for update of e),
    again as materialized (
      select dead.new_id, dead.decision_id, r.* from dead
      join lateral (
        select * from job_record where job_record.job_id = dead.job_id and dataset_id is null limit 1) as r on true),
    marked as (
      update job_end set redriven_as = again.new_id from again where job_end.job_id = again.job_id),
    put_record as (
      insert into job_record (job_id, queue, job_type, payload, priority, run_at, attempts_max, timeout_ms, concurrency_key,
        requires, replay_of, created_by, created_at)
      select new_id, queue, job_type, payload, priority, now(), attempts_max, timeout_ms, concurrency_key, requires, job_id,
        ${by}, now() from again),
    put_job as (
      insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max, concurrency_key, requires)
      select new_id, queue, job_type, 'queued', priority, now(), attempts_max, concurrency_key, requires from again),
    put_source as (
      insert into job_source (source, source_key, job_id, at)
      select 'replay:' || job_id, new_id::text, new_id, now() from again),
    put_decision as (
      insert into decision (decision_id, kind, code, queue, job_type, job_id, service, count, detail, at)
      select decision_id, 'ingest', 'ACCEPTED', queue, job_type, new_id, ${by}, 1, '1 job, as a redrive of ' || job_id, now()
      from again)
    select job_id as "jobId" from again`;
  return new Set(rows.map((row) => row.jobId));
}

/** Marks a product's dead job after its product was cleared. False: it was marked before. */
export async function markRedriven(sql: Sql, jobId: JobId, as: JobId): Promise<boolean> {
  const rows = await sql`
    update job_end set redriven_as = ${as}::uuid
    where job_id = ${jobId}::uuid and state = 'dead' and redriven_as is null returning job_id`;
  return rows.length > 0;
}
