/** Ends jobs by SQL, as a runner would: for tests of what is shown of them. */
import { randomUUID } from "node:crypto";
import type { Sql } from "../../src/store/sql.ts";

export interface EndedAs {
  readonly state: "succeeded" | "dead" | "cancelled";
  readonly reason?: string | null;
  readonly error?: string | null;
  readonly result?: string | null;
  /** Of each attempt; the last one decides. */
  readonly outputs?: readonly string[];
}

/** Leases a job as `workerId`, and begins its attempt if `begins`. */
export async function leaseByHand(sql: Sql, jobId: string, workerId: string, begins = true): Promise<void> {
  await sql`
    update job set state = 'leased', token = token + 1, worker_id = ${workerId}, lease_until = now() + interval '30 seconds',
      attempt = attempt + ${begins}::boolean::int, started_at = case when ${begins}::boolean then now() end
    where job_id = ${jobId}::uuid`;
}

export async function endByHand(sql: Sql, jobId: string, end: EndedAs): Promise<void> {
  const outputs = end.outputs ?? [""];
  for (const [i, output] of outputs.entries()) {
    const isLast = i === outputs.length - 1;
    const outcome = isLast && end.state === "succeeded" ? "succeeded" : "failed";
    await sql`
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
      values (${jobId}::uuid, ${i + 1}::bigint, ${i + 1}::int, 'worker-1', clock_timestamp(), clock_timestamp() + interval '7 milliseconds',
        ${outcome}, ${outcome === "failed" ? "exit 1" : null}, ${outcome === "failed" ? (end.error ?? "it failed") : null}, ${output})`;
  }
  await sql`
    with gone as (delete from job where job_id = ${jobId}::uuid returning job_id)
    insert into job_end (job_id, state, reason, error, token, attempt, result, started_at, finished_at)
    select job_id, ${end.state}, ${end.reason ?? null}, ${end.error ?? null}, ${outputs.length}::bigint, ${outputs.length}::int,
      ${end.result ?? null}, clock_timestamp(), clock_timestamp() from gone`;
}

/** A worker's row, last seen `agoS` seconds ago. */
export async function putWorker(
  sql: Sql,
  row: {
    readonly name: string;
    readonly agoS?: number;
    readonly held?: number;
    readonly queues?: string;
    readonly labels?: string;
  },
): Promise<string> {
  const workerId = randomUUID();
  await sql`
    insert into worker (worker_id, kind, name, host, version, queues, labels, slots, held, started_at, seen_at)
    values (${workerId}, 'remote', ${row.name}, 'host', '1', ${row.queues ?? null}::text::text[], ${row.labels ?? "{}"}::text::text[], 4,
      ${row.held ?? 0}::int, now() - interval '1 hour', now() - ${row.agoS ?? 0}::float8 * interval '1 second')`;
  return workerId;
}
