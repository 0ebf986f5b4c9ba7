/** Who runs jobs, for people: nodes and remote workers as they last said, and what they hold. */
import type { Instant } from "../model/clock.ts";
import type { JobId } from "../model/ids.ts";
import { instantText } from "./instants.ts";
import type { Presence } from "./presence.ts";
import type { Sql } from "./sql.ts";

export interface WorkerView extends Presence {
  readonly startedAt: Instant;
  readonly seenAt: Instant;
  readonly drainingSince: Instant | null;
  /** It was not heard of for half a minute, by the database's clock. */
  readonly isLost: boolean;
  /** The first of those that it has leased. */
  readonly jobs: readonly JobId[];
}

const jobsMax = 100;
/** Leases looked at. */
const leasesMax = 100_000;

type StoredWorker = Omit<WorkerView, "queues" | "labels" | "jobs"> & {
  readonly queues: string | null;
  readonly labels: string;
  readonly jobs: string | null;
};

const columns = `worker_id as "workerId", kind, name, host, version, array_to_json(queues)::text as queues,
  array_to_json(labels)::text as labels, slots, held, ${instantText("started_at")} as "startedAt", ${instantText("seen_at")} as "seenAt",
  ${instantText("draining_since")} as "drainingSince", seen_at < now() - interval '30 seconds' as "isLost"`;

/** The last seen first. `workerId`: only this one. */
export async function listWorkers(sql: Sql, countMax: number, workerId: string | null = null): Promise<WorkerView[]> {
  const rows = await sql.query<StoredWorker>(
    `with leased as materialized (
       (select worker_id, job_id from job where state = 'leased' and ($2::text is null or worker_id = $2) limit ${leasesMax})
       union all
       (select worker_id, job_id from bundled_job where $2::text is null or worker_id = $2 limit ${leasesMax}))
     select ${columns}, (
       select json_agg(job_id)::text from (
         select job_id from leased where leased.worker_id = worker.worker_id order by job_id limit ${jobsMax}) as own) as jobs
     from worker where $2::text is null or worker_id = $2
     order by worker.seen_at desc, worker_id limit $1::int`,
    [countMax, workerId],
  );
  return rows.map((row) => ({
    ...row,
    // Arrays of text as JSON, by our own statement.
    queues: row.queues === null ? null : (JSON.parse(row.queues) as string[]),
    labels: JSON.parse(row.labels) as string[],
    jobs: JSON.parse(row.jobs ?? "[]") as JobId[],
  }));
}

/** It takes no more work from its next heartbeat on. False: there is no such worker. */
export async function drainWorker(sql: Sql, workerId: string): Promise<boolean> {
  const rows = await sql`
    update worker set draining_since = coalesce(draining_since, now()) where worker_id = ${workerId} returning worker_id`;
  return rows.length > 0;
}
