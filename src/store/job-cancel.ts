/** Cancels a free-standing job: its live row goes, its end stays, in one statement. */
import type { JobId } from "../model/ids.ts";
import { untieBundleOf } from "./bundles.ts";
import type { Sql } from "./sql.ts";

/** False: it is not live, or a product's. */
export async function cancelFreeJob(sql: Sql, jobId: JobId, by: string): Promise<boolean> {
  if (await cancelRow(sql, jobId, by)) return true;
  return (await untieBundleOf(sql, jobId)) > 0 && (await cancelRow(sql, jobId, by));
}

async function cancelRow(sql: Sql, jobId: JobId, by: string): Promise<boolean> {
  const rows = await sql`
    with gone as (
      delete from job where job_id = ${jobId}::uuid and dataset_id is null
      returning job_id, token, attempt, started_at)
    insert into job_end (job_id, state, reason, error, token, attempt, started_at, finished_at)
    select job_id, 'cancelled', 'cancelled', ${`cancelled by ${by}`}, token, attempt, started_at, clock_timestamp() from gone
    returning job_id`;
  return rows.length > 0;
}
