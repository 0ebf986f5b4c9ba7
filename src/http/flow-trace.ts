/** What became of a flow's messages: the newest of the answering node, what all nodes have stored, and a message run dry. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import { recentTraces, storedTraces } from "../flow/find-traces.ts";
import type { Flow } from "../flow/flow.ts";
import { newTimeUuid } from "../model/ids.ts";
import { jsonTextOf } from "../model/json.ts";
import { type TraceFilter, traceOutcomes } from "../store/flow-traces.ts";
import { json } from "./answer.ts";
import { FlowProbe, FlowProbed, FlowTraces } from "./flow-trace-schemas.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { numberOf, queryOf, textIn, uuidOf, wholeOf, wordOf } from "./query.ts";

const tag = "flow";
const exportBatch = 500;

export function addTraceRoutes(
  routes: OpenAPIHono,
  { database, auth }: Pick<AppParts, "database" | "auth">,
  known: (name: string) => Flow,
): void {
  const { sql } = database;
  const filters = z.object({
    partition: z.string().optional(),
    id: z.string().optional(),
    outcome: z.enum(traceOutcomes).optional(),
    slower_than_ms: z.string().optional().openapi({ type: "number" }),
  });

  openOperation(
    routes,
    {
      method: "get",
      path: "/flow/{name}/trace",
      summary: "What became of messages, the newest first: of this node's memory, or of what all nodes have stored",
      tag,
      query: filters.extend({
        from: z.enum(["memory", "store"]).optional().openapi({ description: "memory if absent" }),
        limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
        cursor: z.string().optional().openapi({ description: "Of the store" }),
      }),
      answer: FlowTraces,
    },
    async ({ c, param }) => {
      const flow = known(param("name"));
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const filter = filterOf(query);
      if (wordOf(query, "from", ["memory", "store"]) !== "store")
        return json({ rows: recentTraces(flow, filter, limit), next_cursor: null });
      const page = { before: uuidOf(query, "cursor"), limit: limit + 1 };
      const rows = await storedTraces(sql, flow.definition.file.id, filter, page);
      const { shown, nextCursor } = pageOf(rows, limit, ({ trace_id }) => trace_id);
      return json({ rows: shown, next_cursor: nextCursor });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/flow/{name}/trace/export",
      summary: "All that the recorders of all nodes have stored, a line of JSON each, the newest first",
      tag,
      query: filters,
      answer: z.string(),
      answerType: "application/x-ndjson",
    },
    async ({ c, param }) => {
      const flow = known(param("name"));
      const filter = filterOf(queryOf(c.req.raw.url));
      return new Response(linesOf(flow.definition.file.id, filter), {
        headers: {
          "Content-Type": "application/x-ndjson",
          "Content-Disposition": `attachment; filename="${flow.definition.file.id}-traces.jsonl"`,
        },
      });
    },
  );

  guardedOperation<z.output<typeof FlowProbe>>(
    routes,
    auth,
    {
      method: "post",
      path: "/flow/{name}/probe",
      role: "operate",
      audit: "flow.probe",
      summary: "Run a message dry: its tasks run, nothing goes to the sinks, nothing becomes a dead letter",
      tag,
      body: FlowProbe,
      badField: 422,
      answer: FlowProbed,
    },
    async ({ param, body, wrote }) => {
      const flow = known(param("name"));
      wrote(null);
      const value = body.text ?? jsonTextOf(body.value) ?? "null";
      const message = {
        partition: "probe",
        id: newTimeUuid(),
        offset: 0,
        key: null,
        headers: {},
        timestampMs: Date.now(),
      };
      const { fault, tasks, withheld } = await flow.requests.process(
        { ...message, flow: flow.definition.file.id, value },
        "dry",
      );
      return json({
        fault:
          fault === null ? null : { stage: fault.stage, error: fault.error.message, stack: fault.error.stack ?? null },
        tasks: tasks.map(({ task, attempts, end }) => ({
          ...{ key: task.key, input: task.input ?? null, command: task.command ?? null, end },
          output: attempts.at(-1)?.result?.output ?? null,
          duration_ms: attempts.reduce((sum, { durationMs }) => sum + durationMs, 0),
          errors: attempts.flatMap(({ error }) => (error === null ? [] : [error.message])),
        })),
        payloads: withheld,
      });
    },
  );

  function linesOf(flow: string, filter: TraceFilter): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let before: string | null = null;
    return new ReadableStream({
      async pull(controller) {
        const rows = await storedTraces(sql, flow, filter, { before, limit: exportBatch });
        before = rows.at(-1)?.trace_id ?? null;
        if (rows.length > 0) controller.enqueue(encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
        if (rows.length < exportBatch) controller.close();
      },
    });
  }
}

export function filterOf(query: URLSearchParams): TraceFilter {
  const slower = query.get("slower_than_ms");
  return {
    partition: textIn(query, "partition"),
    messageId: textIn(query, "id"),
    outcome: wordOf(query, "outcome", traceOutcomes),
    slowerThanMs: slower === null ? null : numberOf(query, "slower_than_ms", { min: 0, max: 1e9, or: 0 }),
  };
}
