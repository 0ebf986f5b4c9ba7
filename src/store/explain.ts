/** What the tables of jobs tell of one product's job: where it is, what holds it, how its last attempt ended. Reads only. */

import type { Instant } from "../model/clock.ts";
import { type DatasetId, firstTimeUuid, type JobId, type ProductId } from "../model/ids.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

export interface ToldJob {
  readonly jobId: JobId;
  readonly queue: string;
  readonly jobType: string;
  /** scheduled | queued | leased | backing-off, or null: it has ended. */
  readonly liveState: string | null;
  readonly heldBy: string | null;
  readonly runAt: Instant | null;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly workerId: string | null;
  readonly startedAt: Instant | null;
  readonly requires: readonly string[];
  readonly endState: string | null;
  readonly endReason: string | null;
  readonly endError: string | null;
  readonly lastError: string | null;
  readonly lastCode: string | null;
}

const jobStatement = (which: string): string => `
  select r.job_id as "jobId", r.queue, r.job_type as "jobType", coalesce(j.state, b.state) as "liveState", j.held_by as "heldBy",
    ${instantText("j.run_at")} as "runAt", coalesce(j.attempt, e.attempt, b.attempt, 0) as "attempt", r.attempts_max as "attemptsMax",
    coalesce(j.worker_id, b.worker_id) as "workerId", ${instantText("j.started_at")} as "startedAt",
    coalesce(array_to_json(r.requires)::text, '[]') as "requires",
    e.state as "endState", e.reason as "endReason", e.error as "endError", a.error as "lastError", a.code as "lastCode"
  from job_record r
  left join job j on j.job_id = r.job_id
  left join job_end e on e.job_id = r.job_id
  left join lateral (
    select * from bundled_job where bundled_job.job_id = r.job_id and j.job_id is null and e.job_id is null limit 1) as b on true
  left join lateral (
    select error, code from every_attempt a
    where a.job_id = r.job_id and a.outcome in ('failed', 'timed_out', 'lost')
    order by token desc limit 1) a on true
  where ${which}`;
const byId = jobStatement("r.job_id = $1::uuid");
const latest = jobStatement(`r.job_id = (
    select job_id from job_record where dataset_id = $1::uuid and product_id = $2::uuid order by job_id desc limit 1)`);

type JobColumns = Omit<ToldJob, "requires"> & { readonly requires: string };

const jobOf = (row: JobColumns | undefined): ToldJob | null =>
  row === undefined ? null : { ...row, requires: JSON.parse(row.requires) as string[] }; // our own statement's JSON

export async function tellJob(sql: Sql, jobId: JobId): Promise<ToldJob | null> {
  const [row] = await sql.query<JobColumns>(byId, [jobId]);
  return jobOf(row);
}

/** The last job that the product had, ended or not. */
export async function tellLatestJob(sql: Sql, datasetId: DatasetId, productId: ProductId): Promise<ToldJob | null> {
  const [row] = await sql.query<JobColumns>(latest, [datasetId, productId]);
  return jobOf(row);
}

/** A queue or a job type takes no more for now. */
export interface Pause {
  readonly scope: "queue" | "job_type";
  readonly subject: string;
}

/** A row of its own comes before the one for all. */
export async function findPause(sql: Sql, queue: string, jobType: string): Promise<Pause | null> {
  const rows = await sql<Pause & { paused: boolean }>`
    select distinct on (scope) scope, subject, paused from policy
    where (scope = 'queue' and subject in (${queue}, '*')) or (scope = 'job_type' and subject in (${jobType}, '*'))
    order by scope, subject = '*'`;
  return rows.find(({ paused }) => paused) ?? null;
}

/** Of any policy, in the last minute: of this job, of its queue or of its type. */
export async function findDelay(
  sql: Sql,
  job: Pick<ToldJob, "jobId" | "queue" | "jobType">,
  nowMs: number,
): Promise<{ code: string; detail: string } | null> {
  const [row] = await sql<{ code: string; detail: string }>`
    select code, detail from (
      select code, detail, queue, job_type, job_id, kind from decision
      where decision_id >= ${firstTimeUuid(nowMs - 60_000)}::uuid order by decision_id desc limit 2000) d
    where kind = 'policy' and (job_id = ${job.jobId}::uuid or (job_id is null and queue = ${job.queue}
      and (job_type is null or job_type = ${job.jobType})))
    limit 1`;
  return row ?? null;
}

/** Workers that were heard of lately, take the queue, and have the labels. */
export async function countWorkers(
  sql: Sql,
  ask: { readonly kind: "node" | "remote"; readonly queue: string; readonly requires: readonly string[] },
): Promise<{ able: number; draining: number }> {
  const [row] = await sql<{ able: number; draining: number }>`
    select count(*) filter (where draining_since is null)::int as able,
      count(*) filter (where draining_since is not null)::int as draining
    from worker
    where kind = ${ask.kind} and seen_at > now() - interval '30 seconds'
      and (queues is null or cardinality(queues) = 0 or ${ask.queue} = any(queues))
      and (select coalesce(array_agg(l), '{}') from json_array_elements_text(${JSON.stringify(ask.requires)}::json) l) <@ labels`;
  return row ?? { able: 0, draining: 0 };
}
