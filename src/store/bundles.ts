/**
 * Bundles: jobs of one lane that a node leases together, as it expects each to end within a moment. A bundle is one row, where
 * leases of their own are a changed row a job, and a deleted one at its end. Whoever needs a single job of it (to begin it for
 * longer, to retry, cancel or reap it) unties it: its jobs that have not ended are leased rows of `job` from then on, under the
 * same tokens, as if they had never been in one.
 */
import { type JobId, newTimeUuid } from "../model/ids.ts";
import type { Lane } from "../model/job.ts";
import type { LeaseAsk } from "./jobs.ts";
import { bundleStatement, type Leased, runLease } from "./lease-statement.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

export interface BundleAsk extends Omit<LeaseAsk, "wanted" | "countMax">, Lane {
  readonly countMax: number;
}

/** Leases due free-standing jobs of one lane that nothing limits, the most urgent and longest due first. */
export async function leaseBundle(sql: Sql, ask: BundleAsk): Promise<Leased> {
  const { workerId, leaseMs, queue, jobType, labels, policyVersion, countMax } = ask;
  const bundleId = newTimeUuid();
  const values = [workerId, leaseMs, queue, jobType, array(labels), policyVersion, countMax, bundleId];
  return await runLease(sql, bundleStatement, values, { bundleId, queue, jobType });
}

/** Returns those that are still there: the others were untied. */
export async function renewBundles(
  sql: Sql,
  bundleIds: readonly string[],
  leaseMs: number,
): Promise<ReadonlySet<string>> {
  const rows = await sql<{ bundleId: string }>`
    update bundle set lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
    where bundle_id = any(${array(bundleIds)}::text::uuid[]) returning bundle_id as "bundleId"`;
  return new Set(rows.map((row) => row.bundleId));
}

/** Forgets bundles all whose jobs have ended. */
export async function dropBundles(sql: Sql, bundleIds: readonly string[]): Promise<void> {
  await sql`delete from bundle where bundle_id = any(${array(bundleIds)}::text::uuid[])`;
}

/** Returns how many were untied: none if they are gone. */
export const untieBundles = (sql: Sql, bundleIds: readonly string[]): Promise<number> =>
  untie(sql, "bundle_id = any($1::text::uuid[])", [array(bundleIds)]);

export const untieBundleOf = (sql: Sql, jobId: JobId): Promise<number> =>
  untie(sql, "job_ids @> array[$1::uuid]", [jobId]);

export const untieExpiredBundles = (sql: Sql): Promise<number> => untie(sql, "lease_until < now()", []);

/**
 * Ends may be on their way: the lock waits for those that hold the bundle, and the statement after it sees what they have
 * ended. Those that come later find no bundle.
 */
async function untie(sql: Sql, which: string, values: SqlValue[]): Promise<number> {
  return await sql.begin(async (tx) => {
    const locked = await tx.query<{ bundleId: string }>(
      `select bundle_id as "bundleId" from bundle where ${which} order by bundle_id for update`,
      values,
    );
    if (locked.length === 0) return 0;
    const bundleIds = array(locked.map((row) => row.bundleId));
    await tx`
      insert into job (job_id, queue, job_type, state, priority, run_at, token, attempt, returned, attempts_max, lease_until,
        worker_id, requires)
      select one.job_id, one.queue, one.job_type, one.state, record.priority, record.run_at, one.token, one.attempt, one.returned,
        record.attempts_max, one.lease_until, one.worker_id, record.requires
      from bundled_job as one cross join lateral (
        select priority, run_at, attempts_max, requires from job_record where job_id = one.job_id limit 1) as record
      where one.bundle_id = any(${bundleIds}::text::uuid[])`;
    await tx`delete from bundle where bundle_id = any(${bundleIds}::text::uuid[])`;
    return locked.length;
  });
}
