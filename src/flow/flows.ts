/** The flows of this node: made of their definitions, started, paused by what the store says, redriven, stopped. */
import type { Computes } from "../compute/compute.ts";
import type { Environment } from "../compute/shell.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import { releaseAllFlowPartitions } from "../store/flow-partitions.ts";
import { pausedFlows, pauseFlow } from "../store/flows.ts";
import type { Database } from "../store/sql.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { createFunctionExecutor } from "./executors/function.ts";
import { createFlow, type Flow } from "./flow.ts";
import { createLetters, letterType } from "./letters.ts";
import type { FlowDefinition } from "./load.ts";
import { redriveCompute } from "./redrive.ts";
import { createSink } from "./sinks/kinds.ts";
import { createSource } from "./sources/kinds.ts";

export interface FlowsParts {
  readonly definitions: readonly FlowDefinition[];
  readonly database: Database;
  readonly computes: Pick<Computes, "addOwn">;
  readonly nodeId: string;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
  readonly environment: Environment;
}

export interface Flows {
  readonly all: readonly Flow[];
  find(id: string): Flow | null;
  /** Throws `SetupError` when a sink or a source of one cannot be used. */
  start(): Promise<void>;
  /** Over all nodes. */
  pause(id: string, paused: boolean, by: string): Promise<void>;
  stop(): Promise<void>;
}

const channel = "orrery_flow";
/** Without a hint. */
const lookMs = 5_000;

export function createFlows(parts: FlowsParts): Flows {
  const { database, clock, log, nodeId, telemetry, environment } = parts;
  const { sql } = database;
  const flows = new Map(parts.definitions.map((definition) => [definition.file.id, build(definition)]));
  let unlisten = async (): Promise<void> => {};
  let timer: NodeJS.Timeout | undefined;

  function build(definition: FlowDefinition): Flow {
    const { file, dir, module } = definition;
    const { id } = file;
    const sinks = [...file.sinks].map(
      ([name, { config }]) => [name, createSink(name, config, { configDir: dir, environment })] as const,
    );
    const flow = createFlow({
      definition,
      source: createSource(id, file.source, { configDir: dir, environment, sql, nodeId, telemetry, log }),
      sinks: new Map(sinks),
      executor: createFunctionExecutor(module.execute ?? (({ input }) => input)),
      letters: createLetters({ flow: id, sql, nodeId, clock }),
      clock,
      log,
    });
    parts.computes.addOwn(letterType(id), redriveCompute(flow));
    return flow;
  }

  async function heedPauses(): Promise<void> {
    try {
      const paused = await pausedFlows(sql);
      for (const [id, flow] of flows) flow.setPaused(paused.has(id));
    } catch (error) {
      log.warn({ err: error }, "it is not known which flows are paused: it is looked again");
    }
  }

  return {
    all: [...flows.values()],
    find: (id) => flows.get(id) ?? null,
    async start() {
      if (flows.size === 0) return;
      if (database.kind === "embedded") await releaseAllFlowPartitions(sql);
      const paused = await pausedFlows(sql);
      await Promise.all([...flows].map(([id, flow]) => flow.start(paused.has(id))));
      unlisten = await database.listen(channel, () => void heedPauses());
      timer = setInterval(() => void heedPauses(), lookMs);
      log.info({ flows: [...flows.keys()] }, "flows started");
    },
    async pause(id, paused, by) {
      await pauseFlow(sql, { flow: id, paused, by, at: clock.now() });
      flows.get(id)?.setPaused(paused);
      database.notify(channel, id);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all([unlisten(), ...[...flows.values()].map((flow) => flow.stop())]);
    },
  };
}
