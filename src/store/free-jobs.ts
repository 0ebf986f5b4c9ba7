/** Free-standing jobs: no product waits for them. Their holder begins and finishes them itself, fenced by its token. */
import type { Instant } from "../model/clock.ts";
import type { AttemptReport } from "../model/command.ts";
import { type DatasetId, type JobId, newUuid } from "../model/ids.ts";
import type { Lease } from "./jobs.ts";
import type { Sql } from "./sql.ts";

/** The compute of jobs that publish a template's plan. */
export const instantiateCompute = "orrery.instantiate";
/** With delays up to a minute these last some ten minutes. */
const instantiateAttemptsMax = 12;

export interface Instantiation {
  /** What asks, and its own key: such a pair asks once, e.g. ("pass", its id). */
  readonly source: string;
  readonly sourceKey: string;
  readonly templateId: string;
  readonly datasetId: DatasetId;
  readonly params: Readonly<Record<string, unknown>>;
  readonly at: Instant;
}

/** Asks, in one statement, for a template's plan; does nothing if the same source has asked before. True if it is new. */
export async function enqueueInstantiation(sql: Sql, ask: Instantiation): Promise<boolean> {
  const payload = JSON.stringify({ templateId: ask.templateId, datasetId: ask.datasetId, params: ask.params });
  const rows = await sql`
    insert into job (job_id, compute, state, run_at, attempts_max, payload, source, source_key, created_at)
    values (${newUuid()}::uuid, ${instantiateCompute}, 'queued', now(), ${instantiateAttemptsMax}::int, ${payload},
      ${ask.source}, ${ask.sourceKey}, ${ask.at}::timestamptz)
    on conflict (source, source_key) where source is not null do nothing
    returning job_id`;
  return rows.length > 0;
}

/** Counts an attempt and notes its start. False: the lease is lost. */
export async function beginFreeJob(sql: Sql, { jobId, token }: Lease): Promise<boolean> {
  const rows = await sql`
    update job set attempt = attempt + 1, started_at = now()
    where job_id = ${jobId}::uuid and token = ${token}::bigint and state = 'leased' and dataset_id is null
    returning job_id`;
  return rows.length > 0;
}

export interface FreeJobEnd extends Lease {
  /** `queued`: again, `runInMs` from now. */
  readonly to: "succeeded" | "dead" | "queued";
  readonly runInMs: number;
  /** Do nothing when its holder has renewed the lease meanwhile. */
  readonly onlyIfExpired: boolean;
  readonly report: AttemptReport;
}

/** Moves the job and records the attempt in one statement. False: the lease is lost, and nothing was changed. */
export async function endFreeJob(sql: Sql, end: FreeJobEnd): Promise<boolean> {
  const { report } = end;
  const rows = await sql<{ jobId: JobId }>`
    with moved as (
      update job set state = ${end.to}, lease_until = null, worker_id = null,
        run_at = case when ${end.to} = 'queued' then now() + ${end.runInMs}::float8 * interval '1 millisecond' else run_at end,
        finished_at = case when ${end.to} = 'queued' then null else now() end
      where job_id = ${end.jobId}::uuid and token = ${end.token}::bigint and state = 'leased' and dataset_id is null
        and (not ${end.onlyIfExpired}::boolean or lease_until < now())
      returning job_id, token)
    insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, error, output)
    select job_id, token, ${report.attempt}::int, ${report.workerId}, ${report.startedAt}::timestamptz,
      ${report.finishedAt}::timestamptz, ${report.outcome}, ${report.error}, ${report.output}
    from moved
    returning job_id as "jobId"`;
  return rows.length > 0;
}
