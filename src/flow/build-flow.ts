/** Puts one flow together: its sinks, source, executor, letters and recorder. Read only where there are flows, as the libraries of sinks and sources are large. */
import type { Redis } from "ioredis";
import { insertFlowTraces } from "../store/flow-traces.ts";
import { createFlowCache } from "./cache.ts";
import { createFlowContext } from "./context.ts";
import { createExecutor } from "./executors/kinds.ts";
import { createFlow, type Flow } from "./flow.ts";
import { flowMetricsWatch } from "./flow-metrics.ts";
import type { FlowsParts } from "./flows.ts";
import type { KafkaParts } from "./kafka/connection.ts";
import { createLetters, type LetterMirror } from "./letters.ts";
import type { FlowDefinition } from "./load.ts";
import { createRecorder } from "./recorder.ts";
import { createReopenedSource } from "./reopened-source.ts";
import { createSink } from "./sinks/kinds.ts";
import { createKafkaDeadLetters } from "./sources/kafka-dead-letters.ts";
import { createSource, type SourceConfig } from "./sources/kinds.ts";

/** `redis`: what nodes share; null: nothing. */
export function buildFlow(definition: FlowDefinition, parts: FlowsParts, redis: Redis | null): Flow {
  const { nodeId, clock, log, metrics, environment, telemetry, database } = parts;
  const { file, dir: configDir, module } = definition;
  const { sql } = database;
  const { id } = file;
  const cache = createFlowCache({ flow: id, ...file.cache, redis });
  const context = createFlowContext({ flow: id, node: nodeId, cache, metrics });
  const sinks = [...file.sinks].map(
    ([name, { config }]) => [name, createSink(name, config, { configDir, environment })] as const,
  );
  return createFlow({
    definition,
    source: createReopenedSource(() =>
      createSource(id, file.source, { configDir, environment, sql, nodeId, telemetry, log }),
    ),
    sinks: new Map(sinks),
    executor: createExecutor(id, file.executor, { configDir, environment, module, context }),
    context,
    letters: createLetters({
      flow: id,
      sql,
      nodeId,
      clock,
      mirror: mirrorOf(id, file.source, { configDir, environment }),
    }),
    recorder: createRecorder({
      policy: file.recorder,
      labelOf: (task) => module.label?.(task) ?? null,
      nodeId,
      store: (rows) => insertFlowTraces(sql, id, rows, file.recorder.storedDays),
      onLong: ({ partition, id: messageId, took_ms, outcome }) =>
        log.info({ flow: id, partition, id: messageId, ms: took_ms, outcome }, "a message of a flow took long"),
      nowMs: () => clock.monotonicMs(),
    }),
    watch: flowMetricsWatch(metrics, id),
    clock,
    log,
  });
}

const mirrorOf = (flow: string, source: SourceConfig, parts: KafkaParts): LetterMirror | null =>
  source.kind === "kafka" && source.dead_letter_topics === true ? createKafkaDeadLetters(flow, source, parts) : null;
