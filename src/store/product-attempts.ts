/** Attempts at a plan's products, those under way too: the newest few of each, however many there were before. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import { instantText } from "./instants.ts";
import { array, type Sql } from "./sql.ts";

export interface ProductAttempt {
  readonly productId: ProductId;
  readonly jobId: JobId;
  readonly token: number;
  readonly attempt: number;
  readonly workerId: string | null;
  readonly startedAt: Instant | null;
  /** Null: it runs. */
  readonly finishedAt: Instant | null;
  /** running | succeeded | failed | timed_out | cancelled | lost | superseded */
  readonly outcome: string;
  readonly code: string | null;
  readonly error: string | null;
  /** The last of its output. */
  readonly outputTail: string;
}

export interface AttemptsAsk {
  readonly datasetId: DatasetId;
  readonly productIds: readonly ProductId[];
  /** The newest jobs of each product, and the newest attempts of each job. */
  readonly jobsMax: number;
  readonly attemptsMax: number;
  /** Characters of output; 0: none. */
  readonly tailLengthMax: number;
}

/** In order of their start. */
export async function attemptsOfProducts(sql: Sql, ask: AttemptsAsk): Promise<ProductAttempt[]> {
  return sql.query<ProductAttempt>(
    `select p.product_id as "productId", r.job_id as "jobId", t.token, t.attempt, t.worker_id as "workerId",
       ${instantText("t.started_at")} as "startedAt", ${instantText("t.finished_at")} as "finishedAt",
       t.outcome, t.code, t.error, right(t.output, $5::int) as "outputTail"
     from unnest($2::text::uuid[]) as p (product_id)
     join lateral (
       select job_id from job_record where dataset_id = $1::uuid and job_record.product_id = p.product_id
       order by job_id desc limit $3::int) as r on true
     join lateral (
       (select token, attempt, worker_id, started_at, finished_at, outcome, code, error, output
        from every_attempt where every_attempt.job_id = r.job_id order by token desc, finished_at desc limit $4::int)
       union all
       select token, attempt, worker_id, started_at, null, 'running', null, null, ''
       from job where job.job_id = r.job_id and state = 'leased' and started_at is not null) as t on true
     order by coalesce(t.started_at, t.finished_at), r.job_id, t.token`,
    [ask.datasetId, array(ask.productIds), ask.jobsMax, ask.attemptsMax, ask.tailLengthMax],
  );
}
