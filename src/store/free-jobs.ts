/**
 * Free-standing jobs: no product waits for them. Their holder begins and ends them itself, fenced by its token, many in one
 * statement: each attempt is recorded, and a job that ends leaves the table of live jobs.
 */
import type { AttemptReport } from "../model/command.ts";
import type { JobId } from "../model/ids.ts";
import type { EndReason } from "../model/job.ts";
import type { JsonText } from "../model/json.ts";
import type { Lease } from "./jobs.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

const byId = (one: Lease, other: Lease): number => (one.jobId < other.jobId ? -1 : 1);

/** Counts attempts and notes their start. Returns the jobs whose lease is still current. */
export async function beginFreeJobs(sql: Sql, begun: readonly Lease[]): Promise<Set<JobId>> {
  const leases = [...begun].sort(byId);
  const ids = array(leases.map((lease) => lease.jobId));
  const rows = await sql<{ jobId: JobId }>`
    update job set attempt = attempt + (started_at is null)::int, started_at = coalesce(started_at, now())
    from unnest(${ids}::text::uuid[], ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)
    where job.job_id = any(${ids}::text::uuid[]) and job.job_id = held.job_id and job.token = held.token and worker_id is not null and dataset_id is null
    returning job.job_id as "jobId"`;
  return new Set(rows.map((row) => row.jobId));
}

/** How one attempt moves its job. */
export interface FreeJobEnd extends Lease {
  /** `queued`: again, `runInMs` from now. */
  readonly to: "succeeded" | "dead" | "queued";
  readonly runInMs: number;
  /** Its start was not written before: attempt and start are counted now. */
  readonly begins: boolean;
  /** The attempt counts as none. */
  readonly givesBack: boolean;
  /** Do nothing when its holder has renewed the lease meanwhile. */
  readonly onlyIfExpired: boolean;
  readonly reason: EndReason | null;
  readonly result: JsonText | null;
  readonly report: AttemptReport;
}

/** By column: its type, and its value. */
const columns: readonly (readonly [name: string, type: string, of: (end: FreeJobEnd) => SqlValue])[] = [
  ["job_id", "uuid", (end) => end.jobId],
  ["token", "bigint", (end) => end.token],
  ["goes_to", "text", (end) => end.to],
  ["run_in_ms", "float8", (end) => end.runInMs],
  ["begins", "boolean", (end) => end.begins],
  ["gives_back", "boolean", (end) => end.givesBack],
  ["only_if_expired", "boolean", (end) => end.onlyIfExpired],
  ["reason", "text", (end) => end.reason],
  ["result", "text", (end) => end.result],
  ["attempt", "int", (end) => end.report.attempt],
  ["worker_id", "text", (end) => end.report.workerId],
  ["started_at", "timestamptz", (end) => end.report.startedAt],
  ["finished_at", "timestamptz", (end) => end.report.finishedAt],
  ["outcome", "text", (end) => end.report.outcome],
  ["code", "text", (end) => end.report.code],
  ["error", "text", (end) => end.report.error],
  ["output", "text", (end) => end.report.output],
];

/**
 * Each job is looked up by its key ("limit 1", and `worker_id` for `state = 'leased'`, whose index can look cheaper while
 * statistics are old), and carries its report along: joining CTEs afterwards would be a loop in a loop. (Measured: 1 s for 500.)
 * `any(array(…))` names the keys once more: a plan made while the table was empty scanned all of it for each of them. (8.7 s.)
 */
const endStatement = `
    with e as materialized (
      select * from unnest(${columns.map(([, type], i) => `$${i + 1}::text::${type}[]`).join(", ")})
        as e (${columns.map(([name]) => name).join(", ")})),
    held as materialized (
      select e.*, own.attempts, own.begun_at from e cross join lateral (
        select job.attempt + (e.begins and job.started_at is null)::int as attempts,
          case when e.begins then coalesce(job.started_at, e.started_at) else job.started_at end as begun_at
        from job where job.job_id = e.job_id and job.token = e.token and job.worker_id is not null and job.dataset_id is null
          and (not e.only_if_expired or job.lease_until < now())
        limit 1 for update) as own),
    gone as (delete from job where job_id = any(array(select job_id from held where goes_to <> 'queued'))),
    kept as (
      update job set state = case when held.run_in_ms > 0 then 'backing-off' else 'queued' end,
        run_at = now() + held.run_in_ms * interval '1 millisecond', lease_until = null, worker_id = null,
        attempt = held.attempts, returned = job.returned + held.gives_back::int
      from held where job.job_id = held.job_id and held.goes_to = 'queued'
        and job.job_id = any(array(select job_id from held where goes_to = 'queued'))),
    add_end as (
      insert into job_end (job_id, state, reason, error, token, attempt, result, started_at, finished_at)
      select job_id, goes_to, reason, error, token, attempts, result, begun_at, finished_at from held where goes_to <> 'queued'),
    add_attempt as (
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
      select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output from held)
    select string_agg(job_id::text, ',') as "jobIds" from held`;

/** Moves jobs, locked in the order of their ids, and records their attempts in one statement. Returns those whose lease was current: nothing of the others was changed. */
export async function endFreeJobs(sql: Sql, ends: readonly FreeJobEnd[]): Promise<Set<JobId>> {
  const sorted = [...ends].sort(byId);
  const [row] = await sql.query<{ jobIds: string | null }>(
    endStatement,
    columns.map(([, , of]) => array(sorted.map(of))),
  );
  return new Set(row?.jobIds?.split(",") ?? []);
}
