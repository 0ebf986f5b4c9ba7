/** The hooks of a flow's module that a whole node calls: at start, for partitions, windows, deliveries that fail, every so often; and what they may use. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let dir: string;
let node: TestRuntime | null = null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-hooks-"));
  await mkdir(join(dir, "inbox"));
});
afterEach(async () => {
  await node?.stop();
  node = null;
  await rm(dir, { recursive: true });
});

async function start(module: string, lines: number, sinks = "out: { kind: jsonl, folder: out }"): Promise<TestRuntime> {
  await writeFile(join(dir, "inbox/a.jsonl"), Array.from({ length: lines }, (_, n) => `{"n":${n}}\n`).join(""));
  await writeFile(join(dir, "hooked.ts"), module);
  await writeFile(
    join(dir, "hooked.yaml"),
    `source: { kind: jsonl, folder: inbox, poll_s: 0.05 }\nmodule: hooked.ts\nbatch: 10\nsinks: { ${sinks} }\n`,
  );
  node = await openTestRuntime({ config: { flowsDir: dir } });
  return node;
}

async function written(): Promise<{ key: string; payload: unknown }[]> {
  const text = await readFile(join(dir, "out/out.jsonl"), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

describe("hooks of a flow", () => {
  it("hear of the start, of partitions and of the end, in order", async () => {
    const calls: string[] = [];
    Object.assign(globalThis, { heardFlow: (call: string) => calls.push(call) });
    const hooks = ["onStart", "onReady"].map((name) => `${name}: ({ flow }) => heardFlow("${name} " + flow)`);
    const partitions = ["onAssign", "onRevoke"].map(
      (name) => `${name}: (partition) => heardFlow("${name} " + partition)`,
    );
    await start(`export default { ${[...hooks, ...partitions].join(", ")} };`, 1);
    await until("it is written", async () => (await written()).length === 1);
    await node?.stop();
    node = null;
    assert.deepEqual(calls.toSorted(), ["onAssign a.jsonl", "onReady hooked", "onRevoke a.jsonl", "onStart hooked"]);
    assert.equal(calls[0], "onStart hooked");
    assert.equal(calls.at(-1), "onRevoke a.jsonl");
  });

  it("stop the start when they fail at it", async () => {
    await assert.rejects(
      start(`export default { onStart: () => { throw new Error("no key"); } };`, 1),
      /Cannot start flow "hooked": onStart failed: no key/,
    );
  });

  it("complete a window: what they give is delivered before its messages are done with", async () => {
    const module = `export default {
  execute: ({ input }) => input.n,
  onTaskComplete: () => ({}),
  onWindowComplete: (messages, results) => ({ out: [{ count: messages.length, sum: results.reduce((sum, { output }) => sum + output, 0) }] }),
};`;
    const { request } = await start(module, 20);
    await until("both windows are written", async () => (await written()).length === 2);
    assert.deepEqual((await written()).map(({ key, payload }) => [key, payload]).sort(), [
      ["hooked:a.jsonl:0:w.0", { count: 10, sum: 45 }],
      ["hooked:a.jsonl:80:w.0", { count: 10, sum: 145 }],
    ]);
    await until("they are done with", async () => {
      const { json } = await request("GET", "/api/flow/hooked");
      return json.partitions[0].committed === 162 && json.partitions[0].held === 0;
    });
  });

  it("say what becomes of a delivery that failed", async () => {
    const module = `export default {
  onTaskComplete: (_, { output }) => ({ out: [output.n < 2 ? () => 1 : output] }),
  onDeliveryError: ({ sink, key }, reason) => (sink === "out" && key.includes(":0:") && /JSON/.test(reason) ? "skip" : "dlq"),
};`;
    const { request } = await start(module, 3);
    const letters = async () => (await request("GET", "/api/dlq")).json;
    await until(
      "one is dead and one is written",
      async () => (await letters()).total === 1 && (await written()).length === 1,
    );
    assert.match((await letters()).rows[0].error, /^sink "out": its payload is not a JSON value/);
  });

  it("run every so often, never twice at once; count in Prometheus; remember by key; label tasks", async () => {
    const module = `
let running = 0;
export default {
  label: ({ input }) => "reading " + input.n,
  async execute({ input }, signal, { cache, observe }) {
    observe("work", 0.01);
    return await cache.remember("constant", () => { globalThis.madeOnce = (globalThis.madeOnce ?? 0) + 1; return 42; });
  },
  periodic: { tick: { everyS: 0.02, async run({ count, gauge }) {
    count("ticks");
    gauge("running", ++running);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running--;
  } } },
};`;
    const { request } = await start(module, 5);
    await until("all are written", async () => (await written()).length === 5);
    const metric = async (name: string) =>
      new RegExp(`^orrery_flow_hook_${name}\\{flow="hooked",name="\\w+"\\} (\\S+)`, "m").exec(
        (await request("GET", "/metrics")).text,
      )?.[1];
    await until("it ticks", async () => Number(await metric("total")) >= 3);
    assert.equal(await metric("value"), "1");
    assert.equal(await metric("seconds_count"), "5");
    assert.equal((globalThis as { madeOnce?: number }).madeOnce, 1);
    const { rows } = (await request("GET", "/api/flow/hooked/trace?id=0&partition=a.jsonl")).json;
    assert.equal(rows[0].tasks[0].label, "reading 0");
  });

  it("must be known, and functions", async () => {
    for (const [module, reason] of [
      ["{ onMessage: () => {} }", /has onMessage, which is none of /],
      ["{ arrange: 1 }", /arrange of .*hooked\.ts is no function/],
      ["{ periodic: { tick: { everyS: 0, run() {} } } }", /tick of its periodic needs everyS/],
      ["undefined", /has no default export/],
    ] as const) {
      await rm(join(dir, "hooked.ts"), { force: true });
      dir = await mkdtemp(join(tmpdir(), "orrery-hooks-"));
      await mkdir(join(dir, "inbox"));
      await assert.rejects(start(`export default ${module};`, 0), reason);
    }
  });
});
