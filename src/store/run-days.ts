/** How the runs of a template went lately, by the time that they are for: counted in quarters of an hour, which make days in any zone. */
import type { Instant } from "../model/clock.ts";
import type { Sql } from "./sql.ts";
import type { RunState } from "./template-runs.ts";

export interface RunQuarter {
  /** Ms since 1970, of its beginning. */
  readonly atMs: number;
  readonly state: RunState;
  readonly count: number;
}

/** Runs looked at, the newest. */
const runsMax = 20_000;

export function countRunQuarters(sql: Sql, templateId: string, since: Instant): Promise<RunQuarter[]> {
  return sql<RunQuarter>`
    select (floor(extract(epoch from at) / 900) * 900000)::float8 as "atMs", state, count(*)::int as count
    from (
      select coalesce(at, created_at) as at, state from template_run
      where template_id = ${templateId} and created_at >= ${since}::timestamptz
      order by created_at desc, run_id desc limit ${runsMax}::int) as recent
    group by 1, 2`;
}
