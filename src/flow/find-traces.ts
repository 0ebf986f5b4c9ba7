/** Traces of a flow's messages: the newest of this node, or what the recorders of all nodes have stored. */
import type { Uuid } from "../model/ids.ts";
import { listFlowTraces, type TraceFilter } from "../store/flow-traces.ts";
import type { Sql } from "../store/sql.ts";
import type { Flow } from "./flow.ts";
import { outcomeOf, type ShownTrace, shownTrace, type Trace } from "./trace.ts";

/** The newest first. */
export function recentTraces(flow: Flow, filter: TraceFilter, limit: number): ShownTrace[] {
  const found: ShownTrace[] = [];
  for (const trace of flow.recorder.recent()) {
    if (found.length >= limit) break;
    if (isWanted(trace, filter)) found.push(shownTrace(trace));
  }
  return found;
}

function isWanted(trace: Trace, filter: TraceFilter): boolean {
  const { message, tookMs } = trace;
  if (filter.partition !== null && message.partition !== filter.partition) return false;
  if (filter.messageId !== null && message.id !== filter.messageId) return false;
  if (filter.slowerThanMs !== null && (tookMs ?? 0) < filter.slowerThanMs) return false;
  return filter.outcome === null || outcomeOf(trace) === filter.outcome;
}

export interface StoredTrace extends ShownTrace {
  readonly trace_id: Uuid;
  readonly node: string;
}

/** The newest first, of all nodes, those before `before`. */
export async function storedTraces(
  sql: Sql,
  flow: string,
  filter: TraceFilter,
  { before, limit }: { readonly before: Uuid | null; readonly limit: number },
): Promise<StoredTrace[]> {
  const rows = await listFlowTraces(sql, flow, { ...filter, before, limit });
  // Written by a recorder as JSON of this type.
  return rows.map(({ traceId, node, trace }) => ({ trace_id: traceId, node, ...(JSON.parse(trace) as ShownTrace) }));
}
