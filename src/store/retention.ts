/** Removes what is old, a bounded batch at a time, so that no delete holds locks or the embedded store for long. */
import type { Sql } from "./sql.ts";

/** Each removes at most `countMax` rows older than `ageS` seconds, by the database's clock, and returns how many it did. */
export type Prune = (sql: Sql, ageS: number, countMax: number) => Promise<number>;

export const pruneSources: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select source, source_key from job_source where at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from job_source using old
    where job_source.source = old.source and job_source.source_key = old.source_key returning 1`;
  return rows.length;
};

export const pruneSeconds: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select queue, at, node_id from queue_second where at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from queue_second using old
    where queue_second.queue = old.queue and queue_second.at = old.at and queue_second.node_id = old.node_id returning 1`;
  return rows.length;
};

export const pruneWorkers: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select worker_id from worker where seen_at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from worker using old where worker.worker_id = old.worker_id returning 1`;
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
