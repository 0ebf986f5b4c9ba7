/** Who runs jobs: nodes and remote workers say every few seconds that they live; an operator may tell them to drain. */
import { array, type Sql } from "./sql.ts";

export interface Presence {
  readonly workerId: string;
  readonly kind: "node" | "remote";
  readonly name: string;
  readonly host: string;
  readonly version: string;
  /** Null: whatever a node can run. */
  readonly queues: readonly string[] | null;
  readonly labels: readonly string[];
  readonly slots: number;
  readonly held: number;
}

/** Notes that it lives, and whether it drains of its own; true: it is to drain, and takes no more. */
export async function notePresence(sql: Sql, worker: Presence, drains = false): Promise<boolean> {
  const [row] = await sql<{ draining: boolean }>`
    insert into worker (worker_id, kind, name, host, version, queues, labels, slots, held, started_at, seen_at, draining_since)
    values (${worker.workerId}, ${worker.kind}, ${worker.name}, ${worker.host}, ${worker.version},
      ${worker.queues === null ? null : array(worker.queues)}::text::text[], ${array(worker.labels)}::text::text[],
      ${worker.slots}::int, ${worker.held}::int, now(), now(), case when ${drains}::boolean then now() end)
    on conflict (worker_id) do update set seen_at = now(), held = excluded.held, slots = excluded.slots,
      queues = excluded.queues, labels = excluded.labels, version = excluded.version,
      draining_since = coalesce(worker.draining_since, excluded.draining_since)
    returning draining_since is not null as draining`;
  return row?.draining === true;
}

/** It has stopped in good order. */
export async function forgetWorker(sql: Sql, workerId: string): Promise<void> {
  await sql`delete from worker where worker_id = ${workerId}`;
}
