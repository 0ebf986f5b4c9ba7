/** Policies as people write them; each change makes the version grow, by which nodes know that theirs is old. */
import type { Instant } from "../model/clock.ts";
import type { PolicyScope } from "../model/policy.ts";
import { noLimits, type PolicyLimits, type PolicyRow } from "../model/policy-limits.ts";
import type { Sql } from "./sql.ts";

/** More would be a mistake: every node keeps them all in memory. */
export const policiesMax = 10_000;

const columns = `scope, subject, paused, concurrency_max as "concurrencyMax", key_concurrency_max as "keyConcurrencyMax",
  rate_per_s as "ratePerS", rate_burst as "rateBurst", enqueue_per_s as "enqueuePerS", enqueue_burst as "enqueueBurst",
  depth_max as "depthMax", payload_bytes_max as "payloadBytesMax", retries_per_min as "retriesPerMin",
  modified_by as "modifiedBy", to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "modifiedAt"`;

/** All policies, as people see them. */
export function listPolicies(sql: Sql): Promise<PolicyRow[]> {
  return sql.query<PolicyRow>(`select ${columns} from policy order by scope, subject limit ${policiesMax}`, []);
}

export async function readPolicyVersion(sql: Sql): Promise<number> {
  const [row] = await sql<{ version: number }>`select version from policy_version`;
  return row?.version ?? 0;
}

export interface PolicyChange {
  readonly scope: PolicyScope;
  readonly subject: string;
  /** What is absent stays as it is: as its own policy says, else as that of every subject, else without a limit. */
  readonly changes: Partial<PolicyLimits>;
  readonly by: string;
  readonly at: Instant;
}

/** Null: there are too many policies already. */
export function savePolicy(sql: Sql, change: PolicyChange): Promise<PolicyRow | null> {
  return sql
    .begin(async (tx) => {
      // First, so that two changes of one policy come one after the other, and both count.
      await tx`update policy_version set version = version + 1`;
      const before = await tx.query<PolicyRow>(
        `select ${columns} from policy where scope = $1 and subject in ($2, '*') order by subject = '*' limit 1`,
        [change.scope, change.subject],
      );
      const isNew = before[0]?.subject !== change.subject;
      if (isNew && (await countOf(tx)) >= policiesMax) throw tooMany;
      const limits = { ...noLimits, ...before[0], ...change.changes };
      const [row] = await tx.query<PolicyRow>(
        `insert into policy (scope, subject, paused, concurrency_max, key_concurrency_max, rate_per_s, rate_burst, enqueue_per_s,
         enqueue_burst, depth_max, payload_bytes_max, retries_per_min, modified_by, modified_at)
       values ($1, $2, $3::boolean, $4::int, $5::int, $6::float8, $7::int, $8::float8, $9::int, $10::int, $11::int, $12::int,
         $13, $14::timestamptz)
       on conflict (scope, subject) do update set paused = excluded.paused, concurrency_max = excluded.concurrency_max,
         key_concurrency_max = excluded.key_concurrency_max, rate_per_s = excluded.rate_per_s, rate_burst = excluded.rate_burst,
         enqueue_per_s = excluded.enqueue_per_s, enqueue_burst = excluded.enqueue_burst, depth_max = excluded.depth_max,
         payload_bytes_max = excluded.payload_bytes_max, retries_per_min = excluded.retries_per_min,
         modified_by = excluded.modified_by, modified_at = excluded.modified_at
       returning ${columns}`,
        [
          change.scope,
          change.subject,
          limits.paused,
          limits.concurrencyMax,
          limits.keyConcurrencyMax,
          limits.ratePerS,
          limits.rateBurst,
          limits.enqueuePerS,
          limits.enqueueBurst,
          limits.depthMax,
          limits.payloadBytesMax,
          limits.retriesPerMin,
          change.by,
          change.at,
        ],
      );
      return row ?? null;
    })
    .catch((error: unknown) => {
      if (error === tooMany) return null;
      throw error;
    });
}

/** False: there was none. */
export async function deletePolicy(sql: Sql, scope: PolicyScope, subject: string): Promise<boolean> {
  const rows = await sql`
    with gone as (delete from policy where scope = ${scope} and subject = ${subject} returning 1)
    update policy_version set version = version + 1 where exists (select 1 from gone) returning version`;
  return rows.length > 0;
}

async function countOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }>`select count(*) as count from policy`;
  return row?.count ?? 0;
}

const tooMany = new Error("rolled back: there are too many policies");
