/** Decisions of guardrails and policies: append-only, read newest first by their ids, which begin with the time. */
import { firstTimeUuid, type JobId } from "../model/ids.ts";
import type { Decision } from "../model/job-view.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

export type NewDecision = Omit<Decision, "at">;

export async function storeDecisions(sql: Sql, decisions: readonly NewDecision[]): Promise<void> {
  if (decisions.length === 0) return;
  const column = (of: (decision: NewDecision) => SqlValue): string => array(decisions.map(of));
  await sql`
    insert into decision (decision_id, kind, code, queue, job_type, job_id, service, count, detail, at)
    select *, clock_timestamp() from unnest(${column((d) => d.decisionId)}::text::uuid[], ${column((d) => d.kind)}::text::text[],
      ${column((d) => d.code)}::text::text[], ${column((d) => d.queue)}::text::text[], ${column((d) => d.jobType)}::text::text[],
      ${column((d) => d.jobId)}::text::uuid[], ${column((d) => d.service)}::text::text[], ${column((d) => d.count)}::text::int[],
      ${column((d) => d.detail)}::text::text[])`;
}

const columns = `decision_id as "decisionId", kind, code, queue, job_type as "jobType", job_id as "jobId", service, count, detail,
  to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as at`;

export interface DecisionFilter {
  readonly kind: Decision["kind"];
  readonly queue: string | null;
  readonly code: string | null;
  readonly jobId: JobId | null;
  /** Older than this one. */
  readonly before: string | null;
  readonly limit: number;
}

/** A filter that few match walks far: then it is given up with 503. */
const walkDeadlineMs = 5000;

export async function listDecisions(sql: Sql, filter: DecisionFilter): Promise<Decision[]> {
  const values: SqlValue[] = [filter.kind];
  const conditions = ["kind = $1"];
  const where = (condition: string, value: SqlValue): void => {
    if (value === null) return;
    values.push(value);
    conditions.push(condition.replace("$", `$${values.length}`));
  };
  where("queue = $", filter.queue);
  where("code = $", filter.code);
  where("job_id = $::uuid", filter.jobId);
  where("decision_id < $::uuid", filter.before);
  values.push(filter.limit);
  return await sql.query<Decision>(
    `select ${columns} from decision where ${conditions.join(" and ")}
     order by decision_id desc limit $${values.length}::int`,
    values,
    walkDeadlineMs,
  );
}

/** What was decided about one job, in order; at most `countMax`, the newest ones. */
export async function decisionsOfJob(sql: Sql, jobId: JobId, countMax: number): Promise<Decision[]> {
  const rows = await sql.query<Decision>(
    `select ${columns} from decision where job_id = $1::uuid order by decision_id desc limit $2::int`,
    [jobId, countMax],
  );
  return rows.reverse();
}

/** Rows that are looked at for the last delay of a lane. */
const lookedAtMax = 10_000;

/** What last delayed a queue or a job type, within `withinMs`; null if nothing did. */
export async function lastDelay(
  sql: Sql,
  lane: { readonly queue: string; readonly jobType: string; readonly withinMs: number },
): Promise<Decision | null> {
  const since = firstTimeUuid(Date.now() - lane.withinMs);
  const [row] = await sql.query<Decision>(
    `select ${columns} from (
       select * from decision where decision_id > $1::uuid order by decision_id desc limit ${lookedAtMax}) as recent
     where kind = 'policy' and queue = $2 and (job_type is null or job_type = $3) and job_id is null
     order by decision_id desc limit 1`,
    [since, lane.queue, lane.jobType],
  );
  return row ?? null;
}
