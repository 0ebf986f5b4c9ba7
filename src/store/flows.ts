/** Which flows are paused: asked for over any node, heeded by all. */
import type { Instant } from "../model/clock.ts";
import type { Sql } from "./sql.ts";

/** The names of those that are paused. */
export async function pausedFlows(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql<{ flow: string }>`select flow from flow where paused`;
  return new Set(rows.map(({ flow }) => flow));
}

export interface FlowPause {
  readonly flow: string;
  readonly paused: boolean;
  readonly by: string;
  readonly at: Instant;
}

export async function pauseFlow(sql: Sql, { flow, paused, by, at }: FlowPause): Promise<void> {
  await sql`
    insert into flow (flow, paused, modified_by, modified_at) values (${flow}, ${paused}::boolean, ${by}, ${at}::timestamptz)
    on conflict (flow) do update set paused = excluded.paused, modified_by = excluded.modified_by,
      modified_at = excluded.modified_at`;
}
