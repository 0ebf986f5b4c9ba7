/**
 * Free-standing jobs: no product waits for them. Their holder begins and ends them itself, fenced by its token, many in one
 * statement: each attempt is recorded, and a job that ends leaves the table of live jobs. Each statement returns the jobs whose
 * lease was not current any more: nothing of them was changed.
 */
import type { AttemptReport } from "../model/command.ts";
import type { JobId } from "../model/ids.ts";
import type { EndReason } from "../model/job.ts";
import type { JsonText } from "../model/json.ts";
import type { Lease } from "./jobs.ts";
import { parametersOf, parameterTable } from "./parameter-table.ts";
import { array, type Sql, SqlError, type SqlValue, uniqueViolation } from "./sql.ts";

const none: ReadonlySet<JobId> = new Set();

/** Counts attempts and notes their start. */
export async function beginFreeJobs(sql: Sql, begun: readonly Lease[]): Promise<ReadonlySet<JobId>> {
  const leases = sorted(begun);
  const ids = array(leases.map((lease) => lease.jobId));
  const rows = await sql<{ jobId: JobId }>`
    update job set attempt = attempt + (started_at is null)::int, started_at = coalesce(started_at, now())
    from unnest(${ids}::text::uuid[], ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (job_id, token)
    where job.job_id = any(${ids}::text::uuid[]) and job.job_id = held.job_id and job.token = held.token and worker_id is not null and dataset_id is null
    returning job.job_id as "jobId"`;
  if (rows.length === leases.length) return none;
  const current = new Set(rows.map((row) => row.jobId));
  return new Set(leases.map((lease) => lease.jobId).filter((jobId) => !current.has(jobId)));
}

/** How one attempt moves its job. */
export interface FreeJobEnd extends Lease {
  /** The bundle that it was leased in, as far as its holder knows. */
  readonly bundleId?: string | null;
  /** `queued`: again, `runInMs` from now. */
  readonly to: "succeeded" | "dead" | "queued";
  readonly runInMs: number;
  /** Its start was not written before: attempt and start are counted now. */
  readonly begins: boolean;
  /** The attempt counts as none. */
  readonly givesBack: boolean;
  readonly reason: EndReason | null;
  readonly result: JsonText | null;
  readonly report: AttemptReport;
}

type Column = readonly [name: string, type: string, of: (end: FreeJobEnd) => SqlValue];

const attemptColumns: readonly Column[] = [
  ["job_id", "uuid", (end) => end.jobId],
  ["token", "bigint", (end) => end.token],
  ["attempt", "int", (end) => end.report.attempt],
  ["worker_id", "text", (end) => end.report.workerId],
  ["started_at", "timestamptz", (end) => end.report.startedAt],
  ["finished_at", "timestamptz", (end) => end.report.finishedAt],
  ["outcome", "text", (end) => end.report.outcome],
  ["code", "text", (end) => end.report.code],
  ["error", "text", (end) => end.report.error],
  ["output", "text", (end) => end.report.output],
];
const finishColumns: readonly Column[] = [
  ...attemptColumns,
  ["state", "text", (end) => end.to],
  ["reason", "text", (end) => end.reason],
  ["result", "text", (end) => end.result],
  // An attempt that was lost before it began counts as none.
  ["attempts", "int", (end) => (end.report.startedAt === null ? end.report.attempt - 1 : end.report.attempt)],
];
const bundledColumns: readonly Column[] = [...finishColumns, ["bundle_id", "uuid", (end) => end.bundleId ?? null]];
const retryColumns: readonly Column[] = [
  ...attemptColumns,
  ["run_in_ms", "float8", (end) => end.runInMs],
  ["begins", "boolean", (end) => end.begins],
  ["gives_back", "boolean", (end) => end.givesBack],
];

/** A relation `e` of the columns, as parameters from `$first` on. */
const given = (columns: readonly Column[], first: number): string =>
  `e as materialized (select * from ${parameterTable(Object.fromEntries(columns.map(([name, type]) => [name, type])), first)} as e)`;

/** The ends of those of `e` that a condition says are still their holder's, and the ids of the others. */
const finish = (isCurrent: string): string => `
    add_end as (
      insert into job_end (job_id, state, reason, error, token, attempt, result, started_at, finished_at, worker_id, outcome,
        code, output)
      select job_id, state, reason, error, token, attempts, result, started_at, finished_at, worker_id, outcome, code, output
      from e where ${isCurrent} is true)
    select string_agg(job_id::text, ',') as "lost" from e where ${isCurrent} is not true`;

/**
 * Succeeded or dead. The rows are deleted by key (the array says so to a plan that was made while the table was empty, too),
 * and what was deleted is looked up in a hash, which only "(… in …) is true" makes sure of: joins of CTEs would be a loop in a
 * loop. (Measured: 1 s for 500.) `worker_id` stands for `state = 'leased'`, whose index can look cheaper than the key.
 */
const finishStatement = `
    with ${given(finishColumns, 2)},
    gone as (
      delete from job
      where job_id = any(array(select job_id from e)) and ((job_id, token) in (select job_id, token from e)) is true
        and worker_id is not null and dataset_id is null and (not $1::boolean or lease_until < now())
      returning job_id),${finish("(job_id in (select job_id from gone))")}`;

/** The same for jobs in bundles: those are their holder's while the bundle is there, which is locked so that nobody unties it now. */
const finishBundledStatement = `
    with ${given(bundledColumns, 1)},
    current as materialized (
      select bundle_id from bundle
      where bundle_id = any(array(select distinct bundle_id from e))
      order by bundle_id for share),${finish("(bundle_id in (select bundle_id from current))")}`;

/** To be run again: each job is looked up by its key ("limit 1"), and carries its report along. */
const retryStatement = `
    with ${given(retryColumns, 2)},
    held as materialized (
      select e.*, own.attempts from e cross join lateral (
        select job.attempt + (e.begins and job.started_at is null)::int as attempts
        from job where job.job_id = e.job_id and job.token = e.token and job.worker_id is not null and job.dataset_id is null
          and (not $1::boolean or job.lease_until < now())
        limit 1 for update) as own),
    kept as (
      update job set state = case when held.run_in_ms > 0 then 'backing-off' else 'queued' end,
        run_at = now() + held.run_in_ms * interval '1 millisecond', lease_until = null, worker_id = null,
        attempt = held.attempts, returned = job.returned + held.gives_back::int
      from held where job.job_id = held.job_id and job.job_id = any(array(select job_id from held))),
    add_attempt as (
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
      select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output from held)
    select string_agg(job_id::text, ',') as "lost" from e where (job_id in (select job_id from held)) is not true`;

/**
 * Moves jobs and records their attempts, in one statement for those that end and one for those that run again.
 * `onlyIfExpired`: not those whose holder has renewed its lease meanwhile.
 */
export async function endFreeJobs(
  sql: Sql,
  ends: readonly FreeJobEnd[],
  onlyIfExpired = false,
): Promise<ReadonlySet<JobId>> {
  const again = ends.filter(runsAgain);
  const over = again.length === 0 ? ends : ends.filter((end) => !runsAgain(end));
  const lost = await run(sql, finishStatement, finishColumns, over, [onlyIfExpired]);
  if (again.length === 0) return lost;
  return new Set([...lost, ...(await run(sql, retryStatement, retryColumns, sorted(again), [onlyIfExpired]))]);
}

export const runsAgain = ({ to }: FreeJobEnd): boolean => to === "queued";

/**
 * The same for jobs in bundles that end: a bundle that is there no more was untied, and its jobs are rows as any other. While it
 * is there, nobody but its holder ends one: an end that is stored already is its own, sent again as its outcome was not known.
 */
export async function endBundledJobs(sql: Sql, ends: readonly FreeJobEnd[]): Promise<ReadonlySet<JobId>> {
  try {
    return await run(sql, finishBundledStatement, bundledColumns, ends, []);
  } catch (error) {
    if (ends.length === 1 && error instanceof SqlError && error.sqlState === uniqueViolation) return none;
    throw error; // of several: whoever tries each one alone finds out which
  }
}

async function run(
  sql: Sql,
  statement: string,
  columns: readonly Column[],
  ends: readonly FreeJobEnd[],
  first: readonly SqlValue[],
): Promise<ReadonlySet<JobId>> {
  if (ends.length === 0) return none;
  const [row] = await sql.query<{ lost: string | null }>(statement, [
    ...first,
    ...parametersOf(columns.map(([, , of]) => ends.map(of))),
  ]);
  return row?.lost ? new Set(row.lost.split(",")) : none;
}

/** Rows are locked in the order of their ids by everybody. */
function sorted<One extends Lease>(all: readonly One[]): One[] {
  return [...all].sort((one, other) => (one.jobId < other.jobId ? -1 : 1));
}
