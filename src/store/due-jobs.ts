/** What is due and where: lanes with work, and jobs whose time has come. */
import type { DueLane } from "../model/job.ts";
import type { Sql } from "./sql.ts";

/** All lanes with due jobs, by hops from one to the next along the index: a cost by lanes, not by jobs. */
export function dueLanes(sql: Sql, countMax: number): Promise<DueLane[]> {
  return sql<DueLane>`
    with recursive lane as (
      (select queue, job_type, keyed from job where state = 'queued' and held_by is null
       order by queue, job_type, keyed limit 1)
      union all
      select next.queue, next.job_type, next.keyed from lane cross join lateral (
        select queue, job_type, keyed from job
        where state = 'queued' and held_by is null
          and (queue, job_type, keyed) > (lane.queue, lane.job_type, lane.keyed)
        order by queue, job_type, keyed limit 1) as next)
    select queue, job_type as "jobType", keyed from lane limit ${countMax}::int`;
}

/** Queues the jobs whose time has come, at most `countMax`; returns how many. Two nodes do not wait for each other. */
export async function promoteDueJobs(sql: Sql, countMax: number): Promise<number> {
  const rows = await sql`
    with ripe as materialized (
      select job_id from job where state in ('scheduled', 'backing-off') and run_at <= now()
      order by run_at limit ${countMax}::int for update skip locked)
    update job set state = 'queued' from ripe where job.job_id = ripe.job_id
    returning 1`;
  return rows.length;
}
