/** What waits for a time: jobs by their ids, a plan's deadlines, a pass's lease. All by key. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { PassId } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { array, type Sql } from "./sql.ts";

export interface JobDue {
  readonly jobId: JobId;
  readonly state: "scheduled" | "queued" | "leased" | "backing-off";
  readonly runAt: Instant | null;
  readonly leaseUntil: Instant | null;
}

/** Those of the jobs that live. */
export function dueOfJobs(sql: Sql, jobIds: readonly JobId[]): Promise<JobDue[]> {
  return sql.query<JobDue>(
    `select job_id as "jobId", state, ${instantText("run_at")} as "runAt", ${instantText("lease_until")} as "leaseUntil"
       from job where job_id = any($1::text::uuid[])
     union all
     select job_id, state, null, ${instantText("lease_until")} from bundled_job where job_id = any($1::text::uuid[])`,
    [array(jobIds)],
  );
}

export interface Deadline {
  readonly productId: ProductId;
  readonly at: Instant;
}

/** Deadlines of a plan's products that were neither met nor missed, the next one first. */
export function pendingDeadlines(sql: Sql, datasetId: DatasetId, countMax: number): Promise<Deadline[]> {
  return sql.query<Deadline>(
    `select product_id as "productId", ${instantText("deadline_at")} as at from expectation
     where dataset_id = $1::uuid and is_pending order by deadline_at limit $2::int`,
    [datasetId, countMax],
  );
}

/** Until when somebody holds the pass; null: nobody does. */
export async function passLeaseEnd(sql: Sql, passId: PassId): Promise<Instant | null> {
  const [row] = await sql.query<{ until: Instant | null }>(
    `select ${instantText("lease_until")} as until from pass where pass_id = $1::uuid and node is not null`,
    [passId],
  );
  return row?.until ?? null;
}
