/** Figures over everything, for people: cheap ones, bounded or estimated where a count would be long. */
import type { Sql } from "./sql.ts";

export interface QueueRates {
  readonly leased: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retried: number;
  readonly dead: number;
  readonly waitedMs: number;
  readonly ranMs: number;
}

/** What happened in the last `windowS` seconds, over all nodes; `queue` null: in every queue. */
export async function queueRates(sql: Sql, queue: string | null, windowS: number): Promise<QueueRates> {
  const sum = (column: string): string => `coalesce(sum(${column}), 0)::float8`;
  const [row] = await sql.query<QueueRates>(
    `select ${sum("leased")} as leased, ${sum("succeeded")} as succeeded, ${sum("failed")} as failed,
       ${sum("retried")} as retried, ${sum("dead")} as dead, ${sum("waited_ms")} as "waitedMs", ${sum("ran_ms")} as "ranMs"
     from queue_second where at > now() - $2::float8 * interval '1 second' and ($1::text is null or queue = $1)`,
    [queue, windowS],
  );
  return row ?? { leased: 0, succeeded: 0, failed: 0, retried: 0, dead: 0, waitedMs: 0, ranMs: 0 };
}

export interface QueueEnds {
  readonly queue: string;
  /** Seconds ago, in steps of `stepS`: 0 is the newest. */
  readonly step: number;
  readonly succeeded: number;
  readonly dead: number;
  readonly retried: number;
}

/** What ended in each queue in the last `windowS` seconds, in steps of `stepS`, over all nodes. */
export function queueEnds(sql: Sql, windowS: number, stepS: number): Promise<QueueEnds[]> {
  return sql.query<QueueEnds>(
    `select queue, step, sum(succeeded)::float8 as succeeded, sum(dead)::float8 as dead, sum(retried)::float8 as retried
     from (
       select queue, greatest(0, floor(extract(epoch from now() - at) / $2::float8))::int as step, succeeded, dead, retried
       from queue_second where at > now() - $1::float8 * interval '1 second') as recent
     group by queue, step`,
    [windowS, stepS],
  );
}

/** Counted up to here, beyond it estimated. */
const countMax = 10_000;

/** Plans stored, and nodes that are alive. */
export async function countPlansAndNodes(sql: Sql): Promise<{ plans: number; nodes: number }> {
  const [row] = await sql.query<{ plans: number; guess: number; nodes: number }>(
    `select (select count(*) from (select 1 from dataset_head limit ${countMax + 1}) as bounded) as plans,
       (select reltuples::float8 from pg_class where oid = 'dataset_head'::regclass) as guess,
       (select count(*) from worker where kind = 'node' and seen_at > now() - interval '30 seconds') as nodes`,
    [],
  );
  const { plans = 0, guess = 0, nodes = 0 } = row ?? {};
  return { plans: plans > countMax ? Math.max(plans, Math.round(guess)) : plans, nodes };
}
