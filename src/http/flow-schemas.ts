/** The schemas of flows, for the document and for the check of what they are sent. */
import { z } from "@hono/zod-openapi";
import { anyJson, text } from "./check.ts";
import { date } from "./schemas.ts";

/** Of one request. */
export const flowMessagesMax = 1000;

const FlowMessage = z.object({
  id: text
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: "The same when it is sent again: by it sinks know what they have. Made up if absent" }),
  key: text.nullish(),
  value: anyJson,
  headers: z.record(z.string(), text).optional(),
});

export const FlowMessages = z
  .object({ messages: z.array(FlowMessage).min(1).max(flowMessagesMax) })
  .openapi("FlowMessages");

export const FlowAccepted = z
  .object({
    count: z.int(),
    dead: z.int().openapi({ description: "Those that became dead letters; the others are in every sink" }),
    results: z.array(
      z.object({
        id: z.string(),
        outcome: z.enum(["done", "dead"]),
        stage: z.string().nullable(),
        error: z.string().nullable(),
      }),
    ),
  })
  .openapi("FlowAccepted");

const FlowPartition = z
  .object({
    name: z.string(),
    state: z.enum(["starting", "live", "stalled", "failed", "stopped"]),
    reason: z.string().nullable(),
    held: z.int().openapi({ description: "Messages read that are not below the watermark" }),
    committed: z.int().nullable(),
    taken: z.int(),
    confirmed: z.int(),
    waiting: z.int().nullable().openapi({ description: "Messages known to wait behind those read" }),
  })
  .openapi("FlowPartition");

const FlowSink = z
  .object({
    name: z.string(),
    kind: z.string(),
    breaker: z.enum(["closed", "open", "halfOpen"]),
    queued: z.int(),
    delivered: z.int(),
    retried: z.int(),
    dead: z.int(),
  })
  .openapi("FlowSink");

const FlowOutlier = z
  .object({
    partition: z.string(),
    id: z.string(),
    task: z.string().openapi({ description: "Its key" }),
    attempt: z.int(),
    ran_ms: z.number(),
    usual_ms: z.number().openapi({ description: "95 of 100 recent attempts took no longer" }),
    at: date.openapi({ description: "When it ended" }),
  })
  .openapi("FlowOutlier");

const FlowExecutor = z
  .object({
    kind: z.enum(["function", "subprocess"]),
    attempts: z.int().openapi({ description: "Since the node started" }),
    failed: z.int(),
    timed_out: z.int().openapi({ description: "Of those that failed" }),
    recent: z
      .object({
        attempts: z.int(),
        p50_ms: z.number(),
        p95_ms: z.number(),
        p99_ms: z.number(),
        max_ms: z.number(),
      })
      .nullable()
      .openapi({ description: "How long attempts ran in the last minutes, a wait for their turn left out" }),
    outliers: z.object({
      count: z.int().openapi({ description: "Since the node started" }),
      newest: z.array(FlowOutlier),
    }),
    processes: z
      .array(
        z.object({
          pid: z.int().nullable(),
          state: z.enum(["idle", "busy", "ending"]),
          tasks: z.int(),
          busy_since: date.nullable(),
        }),
      )
      .openapi({ description: "Those that are kept between tasks" }),
  })
  .openapi("FlowExecutor");

export const Flow = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    source: z.string().openapi({ description: "Its kind" }),
    state: z.enum(["opening", "open", "failed"]).openapi({
      description: "`opening`: what it needs is away, and is tried again. `failed`: something must be changed first",
    }),
    reason: z.string().nullable().openapi({ description: "Why it is not open" }),
    paused: z.boolean(),
    messages: z
      .object({ done: z.int(), dead: z.int() })
      .openapi({ description: "Done with since the node started, and those of them that became dead letters" }),
    tasks: z.object({ running: z.int(), waiting: z.int(), concurrency: z.int() }),
    executor: FlowExecutor,
    accepted: z.int().openapi({ description: "Messages sent over HTTP that are not done with" }),
    processing: z.int().openapi({ description: "Inputs that callers wait for" }),
    partitions: z.array(FlowPartition),
    sinks: z.array(FlowSink),
  })
  .openapi("Flow", { description: "As the node that answers runs it" });
