// Question (P9): how many messages a second does one process take from a source, check against a schema, run a function for, and hand to sinks
// until these have confirmed them and the position is committed? Is a position ever committed above what the sinks have?
// Method: the parts that a node runs a flow with: source, partitions with their windows, pipeline, sink's queue, recorder, metrics, commits.
// `files`: 4 files of JSON lines to one such file, written to the disk before a batch is confirmed; `memory`: the same to a sink that confirms
// at once; `two-sinks`: a file, and a sink that confirms at once; `process`: to warm processes instead of a function; `kafka`: a topic of 4
// partitions to a table of Postgres and to a file; `kafka-process`: the same through warm processes. Each commit is held against what the sinks had
// confirmed by then. From the start of the source, for Kafka the join of its group, to the last commit; CPU of this process. A first round is thrown away.
// Kafka and Postgres: BENCH_KAFKA and BENCH_DATABASE_URL; without them these cases are left out.
// What would flatter it: a schema that checks nothing, no recorder, no commits, counting what was read.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createFlowCache } from "../src/flow/cache.ts";
import { createFlowContext } from "../src/flow/context.ts";
import { createExecutor } from "../src/flow/executors/kinds.ts";
import { createFlow } from "../src/flow/flow.ts";
import { flowMetricsWatch } from "../src/flow/flow-metrics.ts";
import { createLetters } from "../src/flow/letters.ts";
import { type FlowDefinition, loadFlow } from "../src/flow/load.ts";
import { createRecorder } from "../src/flow/recorder.ts";
import type { Sink } from "../src/flow/sink.ts";
import { createSink } from "../src/flow/sinks/kinds.ts";
import { createSource } from "../src/flow/sources/kinds.ts";
import { systemClock } from "../src/model/clock.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { insertFlowTraces } from "../src/store/flow-traces.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";
import { cases, missingOf, partitions, prepareCase } from "./flow/cases.ts";
import { createWitness } from "./flow/witness.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    messages: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    cases: { type: "string", default: Object.keys(cases).join() },
  },
});
const count = flags.smoke ? 4_000 : Number(flags.messages);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const servers = { kafka: process.env.BENCH_KAFKA ?? null, databaseUrl: process.env.BENCH_DATABASE_URL ?? null };
const log = createLog("warn");

const confirming: Sink = {
  async check() {},
  deliver: async (batch) => batch.map(() => ({ kind: "ok" })),
  async close() {},
};

async function run(database: Database, definition: FlowDefinition, id: string, expected: number) {
  const { sql } = database;
  const { file: parsed, dir: configDir, module } = definition;
  const metrics = createMetrics();
  const witness = createWitness(parsed.sinks.size);
  const cache = createFlowCache({ flow: id, ...parsed.cache, redis: null });
  const context = createFlowContext({ flow: id, node: "bench", cache, metrics });
  const environment = process.env;
  const telemetry = {
    kind: "segments",
    read: () => {
      throw new Error("no pass is read");
    },
  } as const;
  const parts = { configDir, environment, sql, nodeId: id, telemetry, log };
  const sinks = [...parsed.sinks].map(
    ([name, { config }]) =>
      [
        name,
        witness.sink(name === "memory" ? confirming : createSink(name, config, { configDir, environment })),
      ] as const,
  );
  const flow = createFlow({
    definition,
    source: witness.source(createSource(id, parsed.source, parts)),
    sinks: new Map(sinks),
    executor: createExecutor(id, parsed.executor, { configDir, environment, module, context }),
    context,
    letters: createLetters({ flow: id, sql, nodeId: id, clock: systemClock, mirror: null }),
    recorder: createRecorder({
      policy: parsed.recorder,
      nodeId: id,
      labelOf: () => null,
      onLong: () => {},
      store: (rows) => insertFlowTraces(sql, id, rows, parsed.recorder.storedDays),
      nowMs: () => performance.now(),
    }),
    watch: flowMetricsWatch(metrics, id),
    clock: systemClock,
    log,
  });
  const beganMs = performance.now();
  const beganCpu = process.cpuUsage();
  await flow.start(false);
  while (witness.committed < expected) await new Promise((resolve) => setTimeout(resolve, 2));
  const seconds = (performance.now() - beganMs) / 1000;
  const cpu = process.cpuUsage(beganCpu);
  await flow.stop();
  return { perS: expected / seconds, cpuUs: (cpu.user + cpu.system) / expected, ahead: witness.ahead };
}

const dir = mkdtempSync(join(tmpdir(), "orrery-bench-flow-"));
const database = await openDatabase({ databaseUrl: null, dataDir: join(dir, "data"), maxConnections: 4 }, log);
let failed = false;
try {
  console.log(
    "| case | round | messages | messages/s | CPU-µs a message | commits ahead of a sink |\n|---|---|---|---|---|---|",
  );
  for (const name of flags.cases.split(",")) {
    const one = cases[name];
    if (one === undefined) throw new Error(`Cannot run "${name}": the cases are ${Object.keys(cases).join(", ")}`);
    const missing = missingOf(one, servers);
    if (missing !== null) {
      console.log(`| ${name} | left out: ${missing} |`);
      continue;
    }
    const each = Math.max(1, Math.floor((count * one.share) / partitions));
    for (let i = flags.smoke ? 1 : 0; i <= rounds; i++) {
      const round = { name: `bench-${name}-${i}-${process.pid}`, folder: join(dir, `${name}-${i}`), each, servers };
      const definition = await loadFlow(await prepareCase(one, round));
      const { perS, cpuUs, ahead } = await run(database, definition, round.name, each * partitions);
      if (i === 0) continue;
      failed ||= ahead > 0;
      console.log(
        `| ${name} | ${i} | ${each * partitions} | ${Math.round(perS).toLocaleString("en")} | ${cpuUs.toFixed(1)} | ${ahead} |`,
      );
    }
  }
} finally {
  await database.close();
  rmSync(dir, { recursive: true, force: true });
}
if (failed) process.exitCode = 1;
