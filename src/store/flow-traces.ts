/** What the flight recorder keeps: written in batches, listed the newest first over all nodes, gone after some days. */
import type { Instant } from "../model/clock.ts";
import type { Uuid } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { instantText } from "./instants.ts";
import type { Prune } from "./retention.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

/** `failed`: as a dead letter, but whoever called the flow was told, and no letter was written. */
export const traceOutcomes = ["done", "dead", "failed"] as const;
export type TraceOutcome = (typeof traceOutcomes)[number];

export interface FlowTraceRow {
  /** Version 7. */
  readonly traceId: Uuid;
  readonly partition: string;
  readonly messageId: string;
  readonly outcome: TraceOutcome;
  readonly tookMs: number;
  readonly node: string;
  /** When the message was taken. */
  readonly at: Instant;
  readonly trace: JsonText;
}

export interface TraceFilter {
  readonly partition: string | null;
  readonly messageId: string | null;
  readonly outcome: TraceOutcome | null;
  readonly slowerThanMs: number | null;
}

/** They go when `keptDays` are over, by the database's clock, whatever becomes of the flow. */
export async function insertFlowTraces(
  sql: Sql,
  flow: string,
  rows: readonly FlowTraceRow[],
  keptDays: number,
): Promise<void> {
  const column = (of: (row: FlowTraceRow) => SqlValue): string => array(rows.map(of));
  await sql`
    insert into flow_trace (trace_id, flow, partition, message_id, outcome, took_ms, node, at, trace, expires_at)
    select trace_id, ${flow}, partition, message_id, outcome, took_ms, node, at, trace, now() + ${keptDays}::int * interval '1 day' from unnest(
      ${column((row) => row.traceId)}::text::uuid[], ${column((row) => row.partition)}::text::text[],
      ${column((row) => row.messageId)}::text::text[], ${column((row) => row.outcome)}::text::text[],
      ${column((row) => row.tookMs)}::text::float8[], ${column((row) => row.node)}::text::text[],
      ${column((row) => row.at)}::text::timestamptz[], ${column((row) => row.trace)}::text::text[])
      as given (trace_id, partition, message_id, outcome, took_ms, node, at, trace)
    on conflict do nothing`;
}

/** The newest first, those before `before`. */
export async function listFlowTraces(
  sql: Sql,
  flow: string,
  { partition, messageId, outcome, slowerThanMs, before, limit }: TraceFilter & { before: Uuid | null; limit: number },
): Promise<FlowTraceRow[]> {
  const values: SqlValue[] = [flow, limit];
  const conditions = ["flow = $1"];
  const where = (condition: string, value: SqlValue): void => {
    if (value !== null) conditions.push(condition.replaceAll("$", `$${values.push(value)}`));
  };
  where("md5(partition) = md5($::text) and partition = $", partition);
  where("md5(message_id) = md5($::text) and message_id = $", messageId);
  where("outcome = $", outcome);
  where("took_ms >= $::float8", slowerThanMs);
  where("trace_id < $::uuid", before);
  return await sql.query<FlowTraceRow>(
    `select trace_id as "traceId", partition, message_id as "messageId", outcome, took_ms as "tookMs", node,
       ${instantText("at")} as at, trace from flow_trace
     where ${conditions.join(" and ")} order by trace_id desc limit $2::int`,
    values,
  );
}

/** `ageS`: since the time was up that each row has itself. */
export const pruneFlowTraces: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    with old as (
      select trace_id from flow_trace where expires_at < now() - ${ageS}::float8 * interval '1 second'
      order by expires_at limit ${countMax}::int for update skip locked)
    delete from flow_trace using old where flow_trace.trace_id = old.trace_id returning 1`;
  return rows.length;
};
