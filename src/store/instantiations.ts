/** Asks for what we do ourselves, a template's plan above all: a job of our own queue, once for each thing that asks. */
import type { Instant } from "../model/clock.ts";
import { type DatasetId, newTimeUuid } from "../model/ids.ts";
import { ownQueue } from "../model/job.ts";
import type { JsonText } from "../model/json.ts";
import type { Sql } from "./sql.ts";

/** The type of jobs that publish a template's plan. */
export const instantiateType = "orrery.instantiate";
/** With delays up to a minute these last some ten minutes. */
const attemptsMax = 12;

export interface Instantiation {
  /** What asks, and its own key: such a pair asks once, e.g. ("pass", its id). */
  readonly source: string;
  readonly sourceKey: string;
  readonly templateId: string;
  /** Null: the newest when it runs. */
  readonly version?: number | null;
  readonly datasetId: DatasetId;
  readonly params: Readonly<Record<string, unknown>>;
  readonly at: Instant;
  /** Due so much later; at once if absent. */
  readonly delayMs?: number;
}

/** Asks, in one statement, for a template's plan; does nothing if the same source has asked before. True if it is new. */
export function enqueueInstantiation(sql: Sql, ask: Instantiation): Promise<boolean> {
  const { templateId, version = null, datasetId, params, source } = ask;
  const payload = JSON.stringify({ templateId, version, datasetId, params, source });
  return enqueueOwn(sql, { ...ask, jobType: instantiateType, payload });
}

/** A job of our own. */
export interface OwnJob extends Pick<Instantiation, "source" | "sourceKey" | "at" | "delayMs"> {
  readonly jobType: string;
  readonly payload: JsonText;
}

/** Enqueues it, once for each (source, key). True if it is new. */
export async function enqueueOwn(sql: Sql, job: OwnJob): Promise<boolean> {
  const { jobType, payload, delayMs = 0 } = job;
  const rows = await sql`
    with asked as (
      insert into job_source (source, source_key, job_id, at)
      values (${job.source}, ${job.sourceKey}, ${newTimeUuid()}::uuid, now())
      on conflict do nothing returning job_id),
    recorded as (
      insert into job_record (job_id, queue, job_type, payload, priority, run_at, attempts_max, created_by, created_at)
      select job_id, ${ownQueue}, ${jobType}, ${payload}, 0,
        now() + ${delayMs}::float8 * interval '1 millisecond', ${attemptsMax}::int, 'orrery', ${job.at}::timestamptz
      from asked)
    insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max)
    select job_id, ${ownQueue}, ${jobType}, ${delayMs > 0 ? "scheduled" : "queued"}, 0,
      now() + ${delayMs}::float8 * interval '1 millisecond', ${attemptsMax}::int from asked
    returning job_id`;
  return rows.length > 0;
}
