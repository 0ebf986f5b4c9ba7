// Question (P9): how many messages a second does one process take from a source, check against a schema, run a function for, and hand to sinks
// until these have confirmed them and the position is committed? Is a position ever committed above what the sinks have?
// Method: the parts that a node runs a flow with: source, partitions with their windows, pipeline, sink's queue, recorder, metrics, commits to a
// store. `files`: 4 files of JSON lines to one such file, written to the disk before a batch is confirmed; `memory`: the same to a sink that confirms
// at once; `two-sinks`: a file, and a sink that confirms at once; `process`: to warm processes instead of a function. Each commit is held
// against what the sinks had confirmed by then. From the start of the source to the last commit; CPU of this process. A first round is thrown away.
// What would flatter it: a schema that checks nothing, no recorder, no commits, counting what was read.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
import type { Source } from "../src/flow/source.ts";
import { createSource } from "../src/flow/sources/kinds.ts";
import { systemClock } from "../src/model/clock.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { insertFlowTraces } from "../src/store/flow-traces.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    messages: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    cases: { type: "string", default: "files,memory,two-sinks,process" },
  },
});
const count = flags.smoke ? 4_000 : Number(flags.messages);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const files = 4;
const log = createLog("warn");

const flowText = (sinks: string, executor: string) => `
source: { kind: jsonl, folder: inbox, poll_s: 0.05 }
input:
  type: object
  required: [sensor, celsius]
  properties: { sensor: { type: string }, celsius: { type: number, minimum: -273.15 } }
${executor}
window: 5000
batch: 500
commit_s: 0.1
sinks: { ${sinks} }
`;
const file = "file: { kind: jsonl, folder: out }";
const inMemory = "memory: { kind: jsonl, folder: unused, fsync: never }"; // its place is taken by one that confirms at once
const inProcess = "module: flow.ts\nconcurrency: 64";
const warm =
  "executor: { kind: subprocess, command: [sh, warm.sh], warm: { processes: 4 } }\nconcurrency: 4\nattempts: 1";
const cases: Readonly<Record<string, { readonly text: string; readonly share: number }>> = {
  files: { text: flowText(file, inProcess), share: 1 },
  memory: { text: flowText(inMemory, inProcess), share: 1 },
  "two-sinks": { text: flowText(`${file}, ${inMemory}`, inProcess), share: 1 },
  process: { text: flowText(file, warm), share: 0.1 },
};

/** What the sinks have confirmed, and whether a commit was ahead of it. */
function createWitness(sinks: number) {
  const confirmed = new Map<string, number>();
  const handedOver = new Map<string, { readonly offset: number; readonly id: string }[]>();
  let committed = 0;
  let ahead = 0;
  return {
    get committed() {
      return committed;
    },
    get ahead() {
      return ahead;
    },
    sink: (sink: Sink): Sink => ({
      ...sink,
      async deliver(batch, signal) {
        const outcomes = await sink.deliver(batch, signal);
        for (const [i, { origin }] of batch.entries()) {
          const key = `${origin.partition} ${origin.id}`;
          if (outcomes[i]?.kind === "ok") confirmed.set(key, (confirmed.get(key) ?? 0) + 1);
        }
        return outcomes;
      },
    }),
    source: (source: Source): Source => ({
      ...source,
      open: (listener) =>
        source.open({
          ...listener,
          assigned: (partition) => listener.assigned(partition),
          revoked: (partition) => listener.revoked(partition),
          failed: (partition, reason) => listener.failed(partition, reason),
          messages(partition, batch) {
            const known = handedOver.get(partition) ?? [];
            for (const { offset, id } of batch) known.push({ offset, id });
            handedOver.set(partition, known);
            listener.messages(partition, batch);
          },
        }),
      async commit(partition, nextOffset) {
        const known = handedOver.get(partition) ?? [];
        let done = 0;
        while (done < known.length && (known[done]?.offset ?? 0) < nextOffset) {
          const key = `${partition} ${known[done]?.id}`;
          if (confirmed.get(key) !== sinks) ahead += 1;
          confirmed.delete(key);
          done += 1;
        }
        await source.commit(partition, nextOffset);
        known.splice(0, done);
        committed += done;
      },
    }),
  };
}

const confirming: Sink = {
  async check() {},
  deliver: async (batch) => batch.map(() => ({ kind: "ok" })),
  async close() {},
};

async function round(database: Database, definition: FlowDefinition, id: string, expected: number) {
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
  writeFileSync(
    join(dir, "flow.ts"),
    "export default { execute: ({ input }) => ({ sensor: input.sensor, kelvin: input.celsius + 273.15 }) };",
  );
  writeFileSync(join(dir, "warm.sh"), `while read -r line; do echo '{"output":{"n":1}}'; done\n`);
  console.log(
    "| case | round | messages | messages/s | CPU-µs a message | commits ahead of a sink |\n|---|---|---|---|---|---|",
  );
  for (const name of flags.cases.split(",")) {
    const one = cases[name];
    if (one === undefined) throw new Error(`Cannot run "${name}": the cases are ${Object.keys(cases).join(", ")}`);
    const each = Math.max(1, Math.floor((count * one.share) / files));
    for (let i = flags.smoke ? 1 : 0; i <= rounds; i++) {
      const folder = join(dir, `${name}-${i}`);
      const inbox = join(folder, "inbox");
      mkdirSync(inbox, { recursive: true });
      for (const shared of ["flow.ts", "warm.sh"]) copyFileSync(join(dir, shared), join(folder, shared));
      for (let f = 0; f < files; f++)
        writeFileSync(
          join(inbox, `${f}.jsonl`),
          Array.from({ length: each }, (_, n) => `{"sensor":"t${n % 100}","celsius":${(n % 800) / 10}}\n`).join(""),
        );
      writeFileSync(join(folder, "flow.yaml"), one.text);
      const definition = await loadFlow(join(folder, "flow.yaml"));
      const { perS, cpuUs, ahead } = await round(database, definition, `${name}-${i}`, each * files);
      if (i === 0) continue;
      failed ||= ahead > 0;
      console.log(
        `| ${name} | ${i} | ${each * files} | ${Math.round(perS).toLocaleString("en")} | ${cpuUs.toFixed(1)} | ${ahead} |`,
      );
    }
  }
} finally {
  await database.close();
  rmSync(dir, { recursive: true, force: true });
}
if (failed) process.exitCode = 1;
