/** Policies: limits of queues, job types and datasets. Each change moves the version that every claim checks. */
import type { Policies, Policy } from "../model/policy.ts";
import type { Sql } from "./sql.ts";

/** All of them, and the version that they are of: read in one statement, so that they fit. */
export async function readPolicies(sql: Sql): Promise<Policies> {
  const rows = await sql<{ version: number } & { [Name in keyof Policy]: Policy[Name] | null }>`
    select head.version, scope, subject, paused, concurrency_max as "concurrencyMax",
      key_concurrency_max as "keyConcurrencyMax", rate_per_s as "ratePerS", rate_burst as "rateBurst",
      enqueue_per_s as "enqueuePerS", enqueue_burst as "enqueueBurst", depth_max as "depthMax",
      payload_bytes_max as "payloadBytesMax", retries_per_min as "retriesPerMin"
    from policy_version as head left join policy on true`;
  const all = rows.flatMap(({ version: _, ...row }) => (row.scope === null ? [] : [row as Policy])); // not null when its key is not
  return { version: rows[0]?.version ?? 0, all };
}
