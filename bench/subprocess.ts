// Question: how many tasks a second does a flow's subprocess executor run when the work itself is nothing, cold and warm, one at a time and four?
// Method: one process, no flow around it; cold is `true`, warm is a loop of sh that answers with its line. The cases alternate in three rounds
// after one that is thrown away; medians. Each cold task includes the look for what left its group.
// What would flatter it: tasks without an input, one case after the other on a machine that gets quieter, a /proc of few processes.
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { Executor } from "../src/flow/executor.ts";
import { createSubprocessExecutor, type SubprocessExecutorConfig } from "../src/flow/executors/subprocess.ts";
import { median, rounded } from "./measure/median.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    tasks: { type: "string", default: "500" },
    rounds: { type: "string", default: "3" },
  },
});
const tasks = flags.smoke ? 10 : Number(flags.tasks);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const { signal } = new AbortController();

const executor = (config: Omit<SubprocessExecutorConfig, "kind">): Executor =>
  createSubprocessExecutor(
    "bench",
    { kind: "subprocess", ...config },
    { configDir: tmpdir(), environment: process.env },
  );
const loop = `while read -r line; do printf '{{"output":%s}}\\n' "$line"; done`;
const cases = {
  cold: { executor: executor({ command: ["true"] }), count: tasks },
  warm: { executor: executor({ command: ["sh", "-c", loop], warm: { processes: 4 } }), count: tasks * 10 },
};

async function tasksPerS(of: { readonly executor: Executor; readonly count: number }, atOnce: number): Promise<number> {
  let begun = 0;
  const beganMs = performance.now();
  const runNext = async () => {
    while (begun < of.count) {
      const key = String(begun++);
      await of.executor.run({ key, origins: [{ partition: "p", id: key }], input: { n: key } }, signal);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runNext));
  return (of.count / (performance.now() - beganMs)) * 1000;
}

const results = new Map<string, number[]>();
for (let round = 0; round <= rounds; round++) {
  for (const atOnce of [1, 4]) {
    for (const [name, one] of Object.entries(cases)) {
      const perS = await tasksPerS(one, atOnce);
      const key = `${name}, ${atOnce} at a time`;
      if (round > 0) results.set(key, [...(results.get(key) ?? []), perS]);
    }
  }
}
await Promise.all(Object.values(cases).map((one) => one.executor.close()));
for (const [name, perS] of results)
  console.log(
    JSON.stringify({ case: name, tasksPerS: rounded(median(perS)), rounds: perS.map((one) => rounded(one)) }),
  );
