/** What each node did in each second, by queue: added in batches, and summed over a short window. */
import { array, type Sql } from "./sql.ts";

export interface QueueSecond {
  readonly queue: string;
  /** Unix seconds. */
  readonly atS: number;
  leased: number;
  succeeded: number;
  failed: number;
  retried: number;
  dead: number;
  waitedMs: number;
  ranMs: number;
}

export async function addQueueSeconds(sql: Sql, nodeId: string, rows: readonly QueueSecond[]): Promise<void> {
  const column = (of: (row: QueueSecond) => string | number): string => array(rows.map(of));
  await sql`
    insert into queue_second (queue, at, node_id, leased, succeeded, failed, retried, dead, waited_ms, ran_ms)
    select queue, to_timestamp(at_s), ${nodeId}, leased, succeeded, failed, retried, dead, waited_ms, ran_ms
    from unnest(${column((row) => row.queue)}::text::text[], ${column((row) => row.atS)}::text::float8[],
      ${column((row) => row.leased)}::text::int[], ${column((row) => row.succeeded)}::text::int[],
      ${column((row) => row.failed)}::text::int[], ${column((row) => row.retried)}::text::int[],
      ${column((row) => row.dead)}::text::int[], ${column((row) => row.waitedMs)}::text::float8[],
      ${column((row) => row.ranMs)}::text::float8[])
      as s (queue, at_s, leased, succeeded, failed, retried, dead, waited_ms, ran_ms)
    on conflict (queue, at, node_id) do update set leased = queue_second.leased + excluded.leased,
      succeeded = queue_second.succeeded + excluded.succeeded, failed = queue_second.failed + excluded.failed,
      retried = queue_second.retried + excluded.retried, dead = queue_second.dead + excluded.dead,
      waited_ms = queue_second.waited_ms + excluded.waited_ms, ran_ms = queue_second.ran_ms + excluded.ran_ms`;
}
