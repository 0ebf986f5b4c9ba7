/** One leased job, as whoever takes its holder's report needs to know it. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { Lease } from "./jobs.ts";
import type { Sql } from "./sql.ts";

export interface LeasedRow extends Lease {
  readonly queue: string;
  readonly jobType: string;
  readonly workerId: string;
  readonly attempt: number;
  readonly returned: number;
  readonly attemptsMax: number;
  readonly startedAt: Instant | null;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly concurrencyKey: string | null;
}

/** The job under this lease; null when the lease has been superseded or has ended. */
export async function leasedJob(sql: Sql, { jobId, token }: Lease): Promise<LeasedRow | null> {
  const [row] = await sql<LeasedRow>`
    select job_id as "jobId", token, queue, job_type as "jobType", worker_id as "workerId", attempt, returned,
      attempts_max as "attemptsMax", dataset_id as "datasetId", product_id as "productId",
      concurrency_key as "concurrencyKey",
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "startedAt"
    from job where job_id = ${jobId}::uuid and token = ${token}::bigint and worker_id is not null`;
  return row ?? null;
}

/** Whether this job was cancelled: why a lease of it is gone. */
export async function isCancelled(sql: Sql, { jobId }: Pick<Lease, "jobId">): Promise<boolean> {
  const rows = await sql`select 1 from job_end where job_id = ${jobId}::uuid and state = 'cancelled'`;
  return rows.length > 0;
}
