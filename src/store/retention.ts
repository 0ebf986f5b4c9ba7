/** Removes what is old, a bounded batch at a time, so that no delete holds locks or the embedded store for long. */
import type { Sql } from "./sql.ts";

/** Each removes at most `countMax` rows older than `ageS` seconds, by the database's clock, and returns how many it did. */
export type Prune = (sql: Sql, ageS: number, countMax: number) => Promise<number>;

export const pruneAttempts: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select job_id, token, outcome from attempt where finished_at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from attempt using old
    where attempt.job_id = old.job_id and attempt.token = old.token and attempt.outcome = old.outcome
    returning 1`;
  return rows.length;
};

/** Ended jobs only; one that a product still names is never ended. */
export const pruneJobs: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select job_id from job
      where created_at < now() - ${ageS}::float8 * interval '1 second' and state in ('succeeded', 'dead', 'cancelled')
        and coalesce(finished_at, created_at) < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from job using old where job.job_id = old.job_id returning 1`;
  return rows.length;
};

export const pruneAnswers: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select scope, service, route, key from idempotency where at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from idempotency using old
    where idempotency.scope = old.scope and idempotency.service = old.service
      and idempotency.route = old.route and idempotency.key = old.key
    returning 1`;
  return rows.length;
};
