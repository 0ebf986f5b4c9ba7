/** The flows of this node: made of their definitions, started, paused by what the store says, redriven, stopped. */
import type { Redis } from "ioredis";
import type { Computes } from "../compute/compute.ts";
import type { Environment } from "../compute/shell.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { releaseAllFlowPartitions } from "../store/flow-partitions.ts";
import { pausedFlows, pauseFlow } from "../store/flows.ts";
import type { Database } from "../store/sql.ts";
import { redisConnection } from "../telemetry/redis-connection.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Flow } from "./flow.ts";
import { sampleFlows } from "./flow-metrics.ts";
import { letterType } from "./letters.ts";
import type { FlowDefinition } from "./load.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";
import { redriveCompute } from "./redrive.ts";

export interface FlowsParts {
  readonly definitions: readonly FlowDefinition[];
  readonly database: Database;
  readonly computes: Pick<Computes, "addOwn">;
  readonly nodeId: string;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
  readonly metrics: Metrics;
  readonly environment: Environment;
  /** What nodes share beside the store; null: nothing. */
  readonly redisUrl: string | null;
}

export interface Flows {
  readonly all: readonly Flow[];
  find(id: string): Flow | null;
  /** Of those who wait for what a flow says, `flow:client`. */
  readonly rateLimit: RateLimit;
  readonly nodeId: string;
  /** Throws `SetupError` when a sink or a source of one cannot be used. */
  start(): Promise<void>;
  /** Over all nodes. */
  pause(id: string, paused: boolean, by: string): Promise<void>;
  stop(): Promise<void>;
}

const channel = "orrery_flow";
/** Without a hint. */
const lookMs = 5_000;

/** Loaded only where it is used: its client costs a start 18 ms. */
async function sharedRedis(url: string): Promise<Redis> {
  const { Redis: Client } = await import("ioredis");
  const redis = new Client(url, redisConnection);
  redis.on("error", () => undefined); // whoever asks it hears of that
  return redis;
}

export async function createFlows(parts: FlowsParts): Promise<Flows> {
  const { definitions, database, clock, log, nodeId } = parts;
  const { sql } = database;
  const redis = definitions.length === 0 || parts.redisUrl === null ? null : await sharedRedis(parts.redisUrl);
  const flows = new Map<string, Flow>();
  if (definitions.length > 0) {
    const { buildFlow } = await import("./build-flow.ts");
    for (const definition of definitions) {
      const flow = buildFlow(definition, parts, redis);
      const { id } = definition.file;
      flows.set(id, flow);
      parts.computes.addOwn(letterType(id), redriveCompute(flow));
    }
  }
  const all = [...flows.values()];
  sampleFlows(parts.metrics, () => all);
  let unlisten = async (): Promise<void> => {};
  let looking: NodeJS.Timeout | undefined;

  async function heedPauses(): Promise<void> {
    try {
      const paused = await pausedFlows(sql);
      for (const [id, flow] of flows) flow.setPaused(paused.has(id));
    } catch (error) {
      log.warn({ err: error }, "it is not known which flows are paused: it is looked again");
    }
  }

  return {
    all,
    find: (id) => flows.get(id) ?? null,
    nodeId,
    rateLimit: createRateLimit({
      redis,
      keyPrefix: "orrery:process:",
      nowMs: () => clock.monotonicMs(),
      onFailure: (error) => log.warn({ err: error }, "Redis does not answer: this node limits requests by itself"),
    }),
    async start() {
      if (flows.size === 0) return;
      if (database.kind === "embedded") await releaseAllFlowPartitions(sql);
      await redis?.connect().catch(() => undefined); // it goes on trying
      const paused = await pausedFlows(sql);
      await Promise.all([...flows].map(([id, flow]) => flow.start(paused.has(id))));
      unlisten = await database.listen(channel, () => void heedPauses());
      looking = setInterval(() => void heedPauses(), lookMs);
      log.info({ flows: [...flows.keys()] }, "flows started");
    },
    async pause(id, paused, by) {
      await pauseFlow(sql, { flow: id, paused, by, at: clock.now() });
      flows.get(id)?.setPaused(paused);
      database.notify(channel, id);
    },
    async stop() {
      clearInterval(looking);
      redis?.disconnect();
      await Promise.all([unlisten(), ...[...flows.values()].map((flow) => flow.stop())]);
    },
  };
}
