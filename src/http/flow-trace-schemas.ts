/** The schemas of traces and probes of flows. */
import { z } from "@hono/zod-openapi";
import { traceOutcomes } from "../store/flow-traces.ts";
import { anyJson, text } from "./check.ts";
import { date } from "./schemas.ts";

const Attempt = z.object({
  attempt: z.int(),
  duration_ms: z.number().openapi({ description: "Its wait for a turn included" }),
  ran_ms: z.number().nullable().openapi({ description: "In the executor; null: it was not asked" }),
  exit_code: z.int().nullable(),
  pid: z.int().nullable(),
  error: z.string().nullable(),
  outlier: z.boolean().openapi({ description: "It ran far longer than is usual" }),
  usual_ms: z.number().nullable().openapi({ description: "Of an outlier: 95 of 100 recent attempts took no longer" }),
  stack: z.string().nullable(),
  stderr: z.string().nullable(),
});

const FlowTrace = z
  .object({
    partition: z.string(),
    id: z.string(),
    key: z.string().nullable(),
    at: date.openapi({ description: "When it was taken" }),
    sent_at: date,
    took_ms: z.number().nullable().openapi({ description: "Null while it is on its way" }),
    outcome: z.enum(["open", ...traceOutcomes]).openapi({
      description: "open: it is on its way; failed: of one that a caller was told of, and no dead letter was written",
    }),
    fault: z.object({ stage: z.string(), error: z.string(), stack: z.string(), attempts: z.int() }).nullable(),
    tasks: z.array(
      z.object({
        key: z.string(),
        label: z.string().nullable(),
        end: z.string().nullable(),
        command: z.array(z.string()).nullable(),
        input: z.string().openapi({ description: "JSON, its beginning where it is long" }),
        output: z.string().nullable(),
        attempts: z.array(Attempt),
      }),
    ),
    task_count: z.int(),
    deliveries: z.array(
      z.object({ sink: z.string(), key: z.string(), outcome: z.enum(["delivered", "dead"]), took_ms: z.number() }),
    ),
    delivery_count: z.int(),
    trace_id: z.string().optional().openapi({ description: "Of the store", format: "uuid" }),
    node: z.string().optional(),
  })
  .openapi("FlowTrace");

export const FlowTraces = z.object({ rows: z.array(FlowTrace), next_cursor: z.string().nullable() });

export const FlowProbe = z
  .object({
    value: anyJson,
    text: text.optional().openapi({ description: "Instead of value: as it would come, JSON or not" }),
  })
  .openapi("FlowProbe");

export const FlowProbed = z
  .object({
    fault: z.object({ stage: z.string(), error: z.string(), stack: z.string().nullable() }).nullable(),
    tasks: z.array(
      z.object({
        key: z.string(),
        input: anyJson,
        command: z.array(z.string()).nullable(),
        end: z.string(),
        output: anyJson,
        duration_ms: z.number(),
        errors: z.array(z.string()),
      }),
    ),
    payloads: z.array(z.object({ sink: z.string(), key: z.string(), payload: anyJson })),
  })
  .openapi("FlowProbed");
