/** Looks at the rows of jobs, as tests want to see them: a live job or how it ended. */
import type { JobId } from "../../src/model/ids.ts";
import type { Sql } from "../../src/store/sql.ts";

export interface SeenJob {
  readonly jobId: JobId;
  /** As stored: scheduled, queued, leased, backing-off; or how it ended. */
  readonly state: string;
  readonly reason: string | null;
  readonly token: number;
  readonly attempt: number;
  readonly payload: string | null;
}

const columns = `r.job_id as "jobId", coalesce(e.state, j.state) as state, e.reason, coalesce(e.token, j.token) as token,
  coalesce(e.attempt, j.attempt) as attempt, r.payload`;
const tables = "job_record r left join job j on j.job_id = r.job_id left join job_end e on e.job_id = r.job_id";

export async function jobOf(sql: Sql, jobId: JobId): Promise<SeenJob | undefined> {
  const [row] = await sql.query<SeenJob>(`select ${columns} from ${tables} where r.job_id = $1::uuid`, [jobId]);
  return row;
}

/** The newest first: one for each time that it was dispatched. */
export function jobsOfProduct(sql: Sql, product: { datasetId: string; productId: string }): Promise<SeenJob[]> {
  return sql.query<SeenJob>(
    `select ${columns} from ${tables} where r.dataset_id = $1::uuid and r.product_id = $2::uuid order by r.created_at desc, r.job_id`,
    [product.datasetId, product.productId],
  );
}

/** Those that a source asked for. */
export function jobsOfSource(sql: Sql, source: string, sourceKey: string | null = null): Promise<SeenJob[]> {
  return sql.query<SeenJob>(
    `select ${columns} from ${tables} join job_source s on s.job_id = r.job_id
     where s.source = $1 and ($2::text is null or s.source_key = $2)`,
    [source, sourceKey],
  );
}
