/** A flow's pipeline with a function as its executor and two sinks, `a` and `b`, that keep what they are given by its key. */

import { createFlowCache } from "../../src/flow/cache.ts";
import { createFlowContext } from "../../src/flow/context.ts";
import { createDecoder } from "../../src/flow/decode.ts";
import { createFunctionExecutor, type Execute } from "../../src/flow/executors/function.ts";
import type { FlowHooks } from "../../src/flow/hooks.ts";
import type { Message } from "../../src/flow/message.ts";
import { createPipeline, type MessageFault } from "../../src/flow/pipeline.ts";
import { createSinkFeeder, type FeederPolicy } from "../../src/flow/sink-feeder.ts";
import { createSlots } from "../../src/flow/slots.ts";
import { createTaskTimes } from "../../src/flow/task-times.ts";
import { watchAll } from "../../src/flow/watch.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

export const feederPolicy: FeederPolicy = {
  batchMax: 3,
  lingerMs: 0,
  timeoutMs: 5_000,
  attemptsMax: 3,
  retry: { kind: "fixed", baseMs: 1, maxMs: 1, jitter: false },
  breaker: { failuresMax: 100, openMs: 20 },
};
export const message = (offset: number, value: unknown = { n: offset }): Message => ({
  flow: "f",
  partition: "p",
  id: String(offset),
  offset,
  key: null,
  value: JSON.stringify(value),
  timestampMs: 0,
  headers: {},
});
export const messages = (count: number) => Array.from({ length: count }, (_, offset) => message(offset));

interface Options {
  readonly hooks?: FlowHooks;
  readonly execute?: Execute;
  readonly schema?: object;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
}

const context = createFlowContext({
  flow: "f",
  node: "n",
  cache: createFlowCache({ flow: "f", entriesMax: 10, ttlMs: 1000, redis: null }),
  metrics: createMetrics(),
});

export function flow({
  hooks = {},
  execute = ({ input }) => input,
  schema,
  concurrency = 4,
  timeoutMs = 5_000,
}: Options = {}) {
  const written = { a: new Map<string, unknown>(), b: new Map<string, unknown>() };
  const letters: [string, MessageFault["stage"], string][] = [];
  const done: string[] = [];
  const feeders = new Map(
    Object.entries(written).map(([name, kept]) => [
      name,
      createSinkFeeder({
        sink: {
          async deliver(batch) {
            for (const { key, payload } of batch) kept.set(key, payload);
            return batch.map(() => ({ kind: "ok" }) as const);
          },
        },
        policy: feederPolicy,
        bury: async () => {},
        nowMs: () => performance.now(),
      }),
    ]),
  );
  const times = createTaskTimes(() => performance.now());
  const pipeline = createPipeline({
    hooks,
    executor: createFunctionExecutor(execute, context),
    context,
    slots: createSlots(concurrency),
    times,
    policy: { attemptsMax: 3, timeoutMs, retry: feederPolicy.retry },
    decode: createDecoder(schema === undefined ? null : JSON.stringify(schema)),
    feeders,
    watch: watchAll([]),
    bury: async ({ id }, { stage, error }) => {
      letters.push([id, stage, error.message]);
    },
  });
  const run = (given: readonly Message[], signal = new AbortController().signal, priority = 0) =>
    pipeline.run(given, { signal, priority, done: ({ id }) => done.push(id) });
  return { run, written, letters, done, feeders, times };
}
