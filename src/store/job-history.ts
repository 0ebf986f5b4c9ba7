/** What happened to one job: its attempts, what is kept of their output, who repeated it. Read by people, a bounded part at a time. */

import type { Instant } from "../model/clock.ts";
import type { JobId } from "../model/ids.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

export interface AttemptView {
  readonly token: number;
  readonly attempt: number;
  readonly workerId: string;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant;
  readonly outcome: string;
  readonly code: string | null;
  readonly error: string | null;
  /** The last of its output. */
  readonly outputTail: string;
}

/** The last `countMax` attempts, in order. */
export async function attemptViews(
  sql: Sql,
  jobId: JobId,
  { countMax, tailLengthMax }: { countMax: number; tailLengthMax: number },
): Promise<AttemptView[]> {
  const rows = await sql.query<AttemptView>(
    `select token, attempt, worker_id as "workerId", ${instantText("started_at")} as "startedAt",
       ${instantText("finished_at")} as "finishedAt", outcome, code, error, right(output, $3::int) as "outputTail"
     from every_attempt where job_id = $1::uuid order by token desc, finished_at desc, outcome desc limit $2::int`,
    [jobId, countMax, tailLengthMax],
  );
  return rows.reverse();
}

/** All that is kept of what an attempt printed; null: there is no such attempt. Evidence counts only beside nothing else. */
export async function attemptOutput(sql: Sql, jobId: JobId, token: number): Promise<string | null> {
  const [row] = await sql<{ output: string }>`
    select output from every_attempt where job_id = ${jobId}::uuid and token = ${token}::bigint
    order by output = '', outcome = 'superseded', finished_at limit 1`;
  return row?.output ?? null;
}

/** Jobs that repeat this one, in order. */
export async function replaysOf(sql: Sql, jobId: JobId, countMax: number): Promise<{ jobId: JobId; at: Instant }[]> {
  const rows = await sql.query<{ jobId: JobId; at: Instant }>(
    `select job_id as "jobId", ${instantText("at")} as at from job_source where source = $1 order by source_key desc limit $2::int`,
    [`replay:${jobId}`, countMax],
  );
  return rows.reverse();
}
