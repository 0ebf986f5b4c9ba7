/** The record of attempts: append-only; read by people, pruned by age. Evidence of superseded leases is kept beside it. */
import type { Instant } from "../model/clock.ts";
import type { AttemptReport } from "../model/command.ts";
import type { JobId } from "../model/ids.ts";
import type { Lease } from "./jobs.ts";
import type { Sql } from "./sql.ts";

export interface Evidence extends Lease {
  /** `cancelled`: it was told to end. `superseded`: it ended by itself, too late, under an old token. */
  readonly as: "cancelled" | "superseded";
  readonly report: AttemptReport;
}

/** Notes what a holder did after it had lost its lease. Its own outcome, if that did count, is not noted twice. */
export async function recordEvidence(sql: Sql, evidence: Evidence): Promise<void> {
  const { report } = evidence;
  await sql`
    insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
    select ${evidence.jobId}::uuid, ${evidence.token}::bigint, ${report.attempt}::int, ${report.workerId},
      ${report.startedAt}::timestamptz, ${report.finishedAt}::timestamptz, ${evidence.as}, ${report.code}, ${report.error},
      ${report.output}
    where not exists (
      select 1 from every_attempt where job_id = ${evidence.jobId}::uuid and token = ${evidence.token}::bigint
        and outcome = ${report.outcome})
    on conflict do nothing`;
}

/** Whether this lease has ended with this outcome, and it counted. */
export async function hasEndedAs(
  sql: Sql,
  { jobId, token }: Lease,
  outcome: AttemptReport["outcome"],
): Promise<boolean> {
  const rows = await sql`
    select 1 from every_attempt where job_id = ${jobId}::uuid and token = ${token}::bigint and outcome = ${outcome}`;
  return rows.length > 0;
}

export interface AttemptRow {
  readonly jobId: JobId;
  readonly token: number;
  readonly attempt: number;
  readonly workerId: string;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant;
  readonly outcome: AttemptReport["outcome"] | "superseded";
  readonly code: string | null;
  readonly error: string | null;
  readonly output: string;
}

/** All attempts of a job, in order. */
export function attemptsOf(sql: Sql, jobId: JobId): Promise<AttemptRow[]> {
  return sql<AttemptRow>`
    select job_id as "jobId", token, attempt, worker_id as "workerId", outcome, code, error, output,
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "startedAt",
      to_char(finished_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "finishedAt"
    from every_attempt where job_id = ${jobId}::uuid order by token, finished_at`;
}
