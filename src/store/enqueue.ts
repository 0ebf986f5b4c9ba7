/** Enqueues free-standing jobs: many requests in one statement. What a key has asked for before is answered again, not stored again. */
import type { Instant } from "../model/clock.ts";
import { type JobId, newTimeUuid } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { type EnqueueTable, enqueueStatement } from "./enqueue-statement.ts";
import type { FirstLease, IdempotencyKey } from "./plan-store.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

export interface NewJob {
  readonly jobId: JobId;
  readonly queue: string;
  readonly jobType: string;
  readonly payload: JsonText | null;
  /** This or `delayMs`; both null: now. */
  readonly runAt: Instant | null;
  readonly delayMs: number | null;
  readonly priority: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number | null;
  readonly concurrencyKey: string | null;
  readonly requires: readonly string[];
  readonly replayOf: JobId | null;
  /** Only of a job without a key that is due at once. Absent: it waits for whoever claims it. */
  readonly lease?: FirstLease;
}

/** Stored whole or not at all. */
export interface EnqueueRequest {
  /** At least one. */
  readonly jobs: readonly NewJob[];
  readonly service: string;
  readonly idempotency: (IdempotencyKey & { readonly digest: string }) | null;
}

/** How many jobs a second its queue's policy lets in, over all nodes. */
export interface EnqueueLimit {
  readonly perS: number;
  readonly burst: number;
}

export type EnqueueOutcome =
  | {
      readonly outcome: "stored";
      readonly createdAt: Instant;
      /** Of its first job. */
      readonly runAt: Instant;
      /** Those of its jobs that asked for a lease have it. */
      readonly leases: boolean;
    }
  /** Its key was used before. */
  | { readonly outcome: "repeated" }
  /** There may be room in `waitS`. */
  | { readonly outcome: "refused"; readonly queue: string; readonly waitS: number };

interface OutcomeRow {
  readonly request: number;
  readonly outcome: EnqueueOutcome["outcome"];
  readonly leases: boolean;
  readonly createdAt: Instant;
  readonly runAt: Instant;
  readonly refusedBy?: string | null;
  readonly waitS?: number | null;
}

const bucketPrefix = "enqueue:queue:";

/**
 * No two of `requests` may have the same key. `limits`: those of their queues that have one; their buckets must be there
 * (`ensureBuckets`). Throws `SqlError`; 23505 in a second try says that the first one came through.
 */
export async function enqueue(
  sql: Sql,
  requests: readonly EnqueueRequest[],
  limits: ReadonlyMap<string, EnqueueLimit>,
): Promise<EnqueueOutcome[]> {
  const tables: Record<EnqueueTable, SqlValue[][]> = {
    asked: requests.map(askedRow),
    job: requests.flatMap(({ jobs, service }, request) => jobs.map((job) => jobRow(request, job, service))),
    decision: requests.flatMap(decisionRows),
    limit: [...limits].map(([queue, { perS, burst }]) => [`${bucketPrefix}${queue}`, perS, burst]),
    cost: requests.flatMap((request, i) => costRows(request, i, limits)),
  };
  const { text, tables: order } = enqueueStatement({
    hasKeys: requests.some((request) => request.idempotency !== null),
    hasLimits: limits.size > 0,
    hasReplays: requests.some((request) => request.jobs.some((job) => job.replayOf !== null)),
  });
  const values = order.flatMap((table) => columnsOf(tables[table]));
  const outcomes: EnqueueOutcome[] = requests.map(() => ({ outcome: "repeated" }));
  for (const row of await sql.query<OutcomeRow>(text, values)) outcomes[row.request] = outcomeOf(row);
  return outcomes;
}

function outcomeOf({ outcome, leases, createdAt, runAt, refusedBy, waitS }: OutcomeRow): EnqueueOutcome {
  if (outcome === "repeated") return { outcome };
  if (outcome === "stored") return { outcome, createdAt, runAt, leases };
  return { outcome, queue: (refusedBy ?? "").slice(bucketPrefix.length), waitS: waitS ?? 1 };
}

function askedRow({ jobs, idempotency: key }: EnqueueRequest, request: number): SqlValue[] {
  const [first] = jobs;
  const due = [first?.runAt ?? null, first?.delayMs ?? 0];
  if (key === null) return [request, ...due, null, null, null, null, null, null];
  const answer = JSON.stringify(jobs.map((job) => job.jobId));
  return [request, ...due, key.scope, key.service, key.route, key.key, key.digest, answer];
}

const jobRow = (request: number, job: NewJob, service: string): SqlValue[] => [
  request,
  job.jobId,
  job.queue,
  job.jobType,
  job.payload,
  job.runAt,
  job.delayMs ?? 0,
  job.priority,
  job.attemptsMax,
  job.timeoutMs,
  job.concurrencyKey,
  job.requires.length === 0 ? null : array(job.requires),
  job.replayOf,
  service,
  job.lease?.workerId ?? null,
  job.lease?.leaseMs ?? null,
  job.lease?.policyVersion ?? null,
];

/** One a request; one a queue when a request speaks to several. */
function decisionRows({ jobs, service }: EnqueueRequest, request: number): SqlValue[][] {
  const byQueue = Map.groupBy(jobs, (job) => job.queue);
  return [...byQueue].map(([queue, own]) => {
    const [first] = own;
    const isOne = own.length === 1;
    const isOneType = own.every((job) => job.jobType === first?.jobType);
    const detail = isOne
      ? first?.replayOf
        ? `1 job, as a replay of ${first.replayOf}`
        : "1 job"
      : `${own.length} jobs in one request`;
    const about = [isOneType ? (first?.jobType ?? null) : null, isOne ? (first?.jobId ?? null) : null];
    return [request, newTimeUuid(), queue, ...about, service, own.length, detail];
  });
}

function costRows({ jobs }: EnqueueRequest, request: number, limits: ReadonlyMap<string, EnqueueLimit>): SqlValue[][] {
  if (limits.size === 0) return [];
  const counts = new Map<string, number>();
  for (const { queue } of jobs) if (limits.has(queue)) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  return [...counts].map(([queue, count]) => [request, `${bucketPrefix}${queue}`, count]);
}

function columnsOf(rows: readonly SqlValue[][]): string[] {
  const width = rows[0]?.length ?? 0;
  return Array.from({ length: width }, (_, i) => array(rows.map((row) => row[i] ?? null)));
}

/** Full buckets for queues that have none yet. */
export async function ensureBuckets(sql: Sql, limits: ReadonlyMap<string, EnqueueLimit>): Promise<void> {
  const all = [...limits];
  await sql`
    insert into bucket (name, tokens, at)
    select name, tokens, now() from unnest(${array(all.map(([queue]) => `${bucketPrefix}${queue}`))}::text::text[],
      ${array(all.map(([, { burst }]) => burst))}::text::float8[]) as b (name, tokens)
    order by name on conflict (name) do nothing`;
}

/** What a key's request was answered with: the ids of its jobs. Null: there is none, or it is too old. */
export async function findEnqueued(
  sql: Sql,
  { scope, service, route, key }: IdempotencyKey,
): Promise<{ digest: string; jobIds: JobId[] } | null> {
  const [row] = await sql<{ digest: string; answer: string }>`
    select digest, answer from idempotency
    where scope = ${scope}::uuid and service = ${service} and route = ${route} and key = ${key}
      and at > now() - interval '24 hours'`;
  // Written by `enqueue`, of this very shape.
  return row === undefined ? null : { digest: row.digest, jobIds: JSON.parse(row.answer) as JobId[] };
}

/** Whether a request came through: its jobs come together. */
export async function isStored(sql: Sql, { jobs }: EnqueueRequest): Promise<boolean> {
  const rows = await sql`select 1 from job_record where job_id = ${jobs[0]?.jobId ?? null}::uuid`;
  return rows.length > 0;
}
