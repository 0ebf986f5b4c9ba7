/**
 * Jobs as people see them: what was asked, where it stands, how it ended. A list begins where its filter is rarest (live jobs,
 * ends, records of a queue or a dataset), walks an index by id, the newest first, and is given up when it walks too far.
 */

import type { Instant } from "../model/clock.ts";
import { epochMsOf } from "../model/clock.ts";
import { type DatasetId, firstTimeUuid, type JobId } from "../model/ids.ts";
import type { JobState } from "../model/job.ts";
import type { JobSummary, JobView } from "../model/job-view.ts";
import { instantText } from "./instants.ts";
import type { Sql, SqlValue } from "./sql.ts";

const summaryColumns = `r.job_id as "jobId", r.queue, r.job_type as "jobType",
  coalesce(e.state, case when j.state = 'leased' and j.started_at is not null then 'running' else j.state end, b.state) as state,
  coalesce(j.priority, r.priority) as priority, ${instantText("coalesce(j.run_at, r.run_at)")} as "runAt",
  coalesce(e.attempt, j.attempt, b.attempt) as attempt, coalesce(j.attempts_max, r.attempts_max) as "attemptsMax",
  r.timeout_ms as "timeoutMs", coalesce(j.worker_id, b.worker_id) as "workerId",
  ${instantText("coalesce(j.lease_until, b.lease_until)")} as "leaseUntil", j.held_by as "heldBy",
  r.dataset_id as "datasetId", r.product_id as "productId", r.concurrency_key as "concurrencyKey",
  array_to_json(r.requires)::text as requires, r.replay_of as "replayOf", r.created_by as "createdBy",
  ${instantText("r.created_at")} as "createdAt", ${instantText("coalesce(e.started_at, j.started_at)")} as "startedAt",
  ${instantText("e.finished_at")} as "finishedAt", e.reason, e.error, e.redriven_as as "redrivenAs"`;

/** Look-ups by key, whatever the planner believes of a new table. */
const joins = `left join lateral (select * from job where job.job_id = r.job_id limit 1) as j on true
  left join lateral (select * from job_end where job_end.job_id = r.job_id limit 1) as e on true
  left join lateral (
    select * from bundled_job where bundled_job.job_id = r.job_id and j.job_id is null and e.job_id is null limit 1) as b on true`;

type Stored<View> = Omit<View, "requires" | "state"> & {
  readonly requires: string | null;
  readonly state: JobState | null;
};

/** Null: a record without a live row and without an end is one that is being forgotten. */
function viewOf<View extends JobSummary>(row: Stored<View>): View | null {
  if (row.state === null) return null;
  // An array of text as JSON.
  const requires = row.requires === null ? [] : (JSON.parse(row.requires) as string[]);
  // `Stored` is the view but for these two columns.
  return { ...row, requires, state: row.state } as unknown as View;
}

export async function findJob(sql: Sql, jobId: JobId): Promise<JobView | null> {
  const [row] = await sql.query<Stored<JobView>>(
    `select ${summaryColumns}, r.payload, e.result, ${instantText("r.run_at")} as "askedRunAt" from job_record r ${joins} where r.job_id = $1::uuid`,
    [jobId],
  );
  return row === undefined ? null : viewOf<JobView>(row);
}

export interface JobFilter {
  readonly queue: string | null;
  readonly jobType: string | null;
  readonly state: JobState | null;
  readonly datasetId: DatasetId | null;
  readonly createdAfter: Instant | null;
  readonly createdBefore: Instant | null;
  /** Older than this one, by id. */
  readonly before: JobId | null;
  readonly limit: number;
}

const walkDeadlineMs = 5000;

/** The newest first, by id. */
export function listJobs(sql: Sql, filter: JobFilter): Promise<JobSummary[]> {
  const { text, values } = listStatement(filter);
  return listedJobs(sql, text, values);
}

/** The jobs whose ids `found` selects as `job_id`, the newest first. */
export async function listedJobs(sql: Sql, found: string, values: SqlValue[]): Promise<JobSummary[]> {
  const rows = await sql.query<Stored<JobSummary>>(
    `select ${summaryColumns} from (${found}) as found
     join lateral (select * from job_record where job_record.job_id = found.job_id limit 1) as r on true
     ${joins} order by found.job_id desc`,
    values,
    walkDeadlineMs,
  );
  return rows.map((row) => viewOf<JobSummary>(row)).filter((view) => view !== null);
}

function listStatement(filter: JobFilter): { text: string; values: SqlValue[] } {
  const values: SqlValue[] = [];
  const conditions: string[] = [];
  const where = (condition: string, value: SqlValue): void => {
    if (value === null) return;
    values.push(value);
    conditions.push(condition.replace("$", `$${values.length}`));
  };
  const { state } = filter;
  const source = sourceOf(state);
  // `d` drives; a live job has these columns itself, an end has them in its record.
  const own = source === "end" ? "r" : "d";
  where(`${own}.queue = $`, filter.queue);
  where(`${own}.job_type = $`, filter.jobType);
  where(`${own}.dataset_id = $::uuid`, filter.datasetId);
  where("d.job_id < $::uuid", filter.before);
  // An id begins with the time of its making.
  where("d.job_id >= $::uuid", filter.createdAfter && firstTimeUuid(epochMsOf(filter.createdAfter)));
  where("d.job_id < $::uuid", filter.createdBefore && firstTimeUuid(epochMsOf(filter.createdBefore)));
  if (source !== "record" && state !== null) conditions.push(stateCondition(state));
  values.push(filter.limit);
  const all = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  const record =
    source === "end"
      ? "join lateral (select * from job_record where job_record.job_id = d.job_id limit 1) as r on true"
      : "";
  return {
    values,
    text: `select d.job_id from ${tables[source]} d ${record} ${all} order by d.job_id desc limit $${values.length}::int`,
  };
}

const tables = {
  live: "job",
  leased: `(
    select job_id, queue, job_type, dataset_id, state, started_at from job
    union all
    select job_id, queue, job_type, null, state, null from bundled_job)`,
  end: "job_end",
  record: "job_record",
} as const;

function sourceOf(state: JobState | null): keyof typeof tables {
  if (state === null) return "record";
  if (state === "leased") return "leased";
  return state === "succeeded" || state === "dead" || state === "cancelled" ? "end" : "live";
}

/** As the partial indexes say it. */
function stateCondition(state: JobState): string {
  switch (state) {
    case "running":
      return "d.state = 'leased' and d.started_at is not null";
    case "leased":
      return "d.state = 'leased' and d.started_at is null";
    case "scheduled":
    case "queued":
    case "backing-off":
    case "succeeded":
    case "dead":
    case "cancelled":
      return `d.state = '${state}'`;
    default:
      throw new TypeError(state satisfies never);
  }
}
