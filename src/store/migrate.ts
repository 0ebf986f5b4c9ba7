/**
 * Brings a database to the schema that this version speaks. Each migration runs once, in a transaction of its own and under a lock,
 * so any number of nodes may start at the same time. To add one: add its file, and a line to `migrations`.
 */

import { SetupError } from "../model/errors.ts";
import plans from "./migrations/0001_plans.sql" with { type: "text" };
import jobs from "./migrations/0002_jobs.sql" with { type: "text" };
import ground from "./migrations/0003_ground.sql" with { type: "text" };
import queue from "./migrations/0004_queue.sql" with { type: "text" };
import callbacks from "./migrations/0005_callbacks.sql" with { type: "text" };
import templates from "./migrations/0006_templates.sql" with { type: "text" };
import keys from "./migrations/0007_keys.sql" with { type: "text" };
import expectations from "./migrations/0008_expectations.sql" with { type: "text" };
import bundles from "./migrations/0009_bundles.sql" with { type: "text" };
import schedule from "./migrations/0010_schedule.sql" with { type: "text" };
import history from "./migrations/0011_history.sql" with { type: "text" };
import alarms from "./migrations/0012_alarms.sql" with { type: "text" };
import tenants from "./migrations/0013_tenants.sql" with { type: "text" };
import replays from "./migrations/0014_replays.sql" with { type: "text" };
import flows from "./migrations/0015_flows.sql" with { type: "text" };
import flowEvents from "./migrations/0016_flow_events.sql" with { type: "text" };
import flowTraceExpiry from "./migrations/0017_flow_trace_expiry.sql" with { type: "text" };
import passFlows from "./migrations/0018_pass_flows.sql" with { type: "text" };
import type { Sql } from "./sql.ts";

export interface Migration {
  /** The number of its file; they are run in order and without gaps. */
  readonly version: number;
  readonly name: string;
  readonly text: string;
}

export const migrations: readonly Migration[] = [
  { version: 1, name: "plans", text: plans },
  { version: 2, name: "jobs", text: jobs },
  { version: 3, name: "ground", text: ground },
  { version: 4, name: "queue", text: queue },
  { version: 5, name: "callbacks", text: callbacks },
  { version: 6, name: "templates", text: templates },
  { version: 7, name: "keys", text: keys },
  { version: 8, name: "expectations", text: expectations },
  { version: 9, name: "bundles", text: bundles },
  { version: 10, name: "schedule", text: schedule },
  { version: 11, name: "history", text: history },
  { version: 12, name: "alarms", text: alarms },
  { version: 13, name: "tenants", text: tenants },
  { version: 14, name: "replays", text: replays },
  { version: 15, name: "flows", text: flows },
  { version: 16, name: "flow_events", text: flowEvents },
  { version: 17, name: "flow_trace_expiry", text: flowTraceExpiry },
  { version: 18, name: "pass_flows", text: passFlows },
];

/** The database was migrated by a newer Orrery. */
export class SchemaTooNewError extends SetupError {
  override readonly name = "SchemaTooNewError";
  constructor(found: number, known: number) {
    super(
      `Cannot run on this database as its schema is ${found} and this version knows up to ${known}: start a newer version of Orrery`,
    );
  }
}

/** "orrery" in the keys of advisory locks. */
const lockKey = 0x6f72_7265;
/** An index on a large table takes its time, and so does waiting for the node that builds it. */
const migrationMs = 600_000;

/** Returns how many were run. */
export async function migrate(sql: Sql, known: readonly Migration[] = migrations): Promise<number> {
  const target = known.at(-1)?.version ?? 0;
  let run = 0;
  if ((await check(sql, target)) === target) return run;
  for (const migration of known) {
    run += await sql.begin(async (tx) => {
      await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey], migrationMs);
      await tx.script(`create table if not exists migration (
        version integer primary key, name text not null, applied_at timestamptz not null default now())`);
      const at = await check(tx, target);
      if (at >= migration.version) return 0;
      await tx.script(migration.text, migrationMs);
      await tx`insert into migration (version, name) values (${migration.version}, ${migration.name})`;
      return 1;
    });
  }
  return run;
}

/** The version of the schema that is there; 0 when there is none. */
async function check(sql: Sql, target: number): Promise<number> {
  const [table] = await sql<{ there: boolean }>`select to_regclass('migration') is not null as there`;
  if (table?.there !== true) return 0;
  const [row] = await sql<{ version: number }>`select coalesce(max(version), 0) as version from migration`;
  const version = row?.version ?? 0;
  if (version > target) throw new SchemaTooNewError(version, target);
  return version;
}

/** Each migration that this version knows, and when it was run here; null: not yet. */
export async function migrationStatus(
  sql: Sql,
  known: readonly Migration[] = migrations,
): Promise<{ version: number; name: string; appliedAt: string | null }[]> {
  const version = await check(sql, known.at(-1)?.version ?? 0);
  const rows =
    version === 0
      ? []
      : await sql<{ version: number; at: string }>`
    select version, applied_at::text as at from migration order by version`;
  const applied = new Map(rows.map((row) => [row.version, row.at]));
  return known.map((migration) => ({
    version: migration.version,
    name: migration.name,
    appliedAt: applied.get(migration.version) ?? null,
  }));
}
