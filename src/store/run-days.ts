/** How the runs of a template went lately, by the day that they are for. */
import { instantOf } from "../model/clock.ts";
import { array, type Sql } from "./sql.ts";
import type { RunState } from "./template-runs.ts";

export interface RunDay {
  /** Which of the days, from 0. */
  readonly day: number;
  readonly state: RunState;
  readonly count: number;
}

/** Runs looked at, the newest: some 100 ms at most. */
const runsMax = 10_000;

/** `beginsMs`: when each day begins, in order, and when the last one ends. */
export function countRunDays(sql: Sql, templateId: string, beginsMs: readonly number[]): Promise<RunDay[]> {
  return sql<RunDay>`
    with span as materialized ( -- read once, not for each run
      select ${array(beginsMs)}::text::float8[] as begins),
    recent as (
      select coalesce(at, created_at) as at, state from template_run
      where template_id = ${templateId} and created_at >= ${instantOf(beginsMs[0] ?? 0)}::timestamptz
      order by created_at desc, run_id desc limit ${runsMax}::int)
    select day - 1 as day, state, count
    from (
      select width_bucket((extract(epoch from at) * 1000)::float8, span.begins) as day, state, count(*)::int as count
      from span, recent group by 1, 2) as counted
    where day between 1 and ${beginsMs.length - 1}::int`;
}
