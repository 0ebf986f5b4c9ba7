/** What became of each message: in the memory of its node and, of those that failed or were slow, in the store; over the API, on the pages, from the command line. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { open } from "../src/runtime.ts";
import { openTestRuntime, requester, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const flowText = `
source: { kind: http }
module: traced.ts
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
recorder: { kept: 10, slow_s: 1 }
links: { "Kafka UI": "https://kafka-ui.example.org/?a=1&b=2" }
sinks: { out: { kind: jsonl, folder: out } }
`;
const moduleText = `export default {
  async execute({ input }) {
    if (input.slowMs) await new Promise((resolve) => setTimeout(resolve, input.slowMs));
    if (input.fails) throw new Error("it fails");
    return { twice: input.n * 2 };
  },
  onTaskComplete: (_, { output }) => ({ out: [output, output] }),
};`;

describe("traces of a flow", () => {
  let dir: string;
  let node: TestRuntime;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-trace-"));
    await writeFile(join(dir, "traced.yaml"), flowText);
    await writeFile(join(dir, "traced.ts"), moduleText);
    node = await openTestRuntime({ config: { flowsDir: dir } });
    const messages = [
      { id: "quick", value: { n: 1 } },
      { id: "slow", key: "k", value: { n: 2, slowMs: 1_100 } },
      { id: "failed", value: { n: 3, fails: true } },
    ];
    const token = await node.tokenOf("publisher");
    await node.request("POST", "/api/flow/traced/message", { token, body: { messages } });
  });
  after(async () => {
    await node.stop();
    await rm(dir, { recursive: true });
  });

  const get = async (query: string) => (await node.request("GET", `/api/flow/traced/trace${query}`)).json;

  it("follow a message from where it lay to every delivery", async () => {
    const [trace] = (await get("?partition=http&id=quick")).rows;
    assert.deepEqual([trace.outcome, trace.fault, trace.task_count, trace.delivery_count], ["done", null, 1, 2]);
    const [task] = trace.tasks;
    assert.deepEqual(
      [task.key, task.end, task.input, task.output],
      ["traced:http:quick:0", "succeeded", '{"n":1}', '{"twice":2}'],
    );
    assert.deepEqual(
      trace.deliveries.map(({ sink, key, outcome }: Record<string, unknown>) => [sink, key, outcome]),
      [
        ["out", "traced:http:quick:0.0", "delivered"],
        ["out", "traced:http:quick:0.1", "delivered"],
      ],
    );
  });

  it("have each attempt of a task that failed, with its stack, and why the message is dead", async () => {
    const [trace] = (await get("?outcome=dead")).rows;
    assert.equal(trace.id, "failed");
    assert.deepEqual([trace.fault.stage, trace.fault.error, trace.fault.attempts], ["task", "it fails", 2]);
    const { attempts } = trace.tasks[0];
    assert.deepEqual(
      attempts.map(({ attempt, error }: Record<string, unknown>) => [attempt, error]),
      [
        [1, "it fails"],
        [2, "it fails"],
      ],
    );
    assert.match(attempts[0].stack, /traced\.ts/);
  });

  it("are stored of those that failed or were slow, and of no other; exported as lines", async () => {
    const stored = async () => (await get("?from=store")).rows;
    await until("both are stored", async () => (await stored()).length === 2);
    const rows = await stored();
    assert.deepEqual(rows.map(({ id }: { id: string }) => id).sort(), ["failed", "slow"]);
    assert.equal(rows[0].node, node.runtime.nodeId);
    assert.deepEqual((await get("?from=store&id=slow&partition=http")).rows.length, 1);
    assert.deepEqual((await get("?from=store&outcome=done")).rows[0].id, "slow");
    assert.deepEqual((await get("?from=store&slower_than_ms=200&outcome=dead")).rows, []);
    const first = await get("?from=store&limit=1");
    const next = await get(`?from=store&limit=1&cursor=${first.next_cursor}`);
    assert.notEqual(first.rows[0].id, next.rows[0].id);
    const { text, headers } = await node.request("GET", "/api/flow/traced/trace/export");
    assert.equal(headers.get("content-type"), "application/x-ndjson");
    assert.equal(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)).length,
      2,
    );
  });

  it("are exported of all nodes from any of them", { skip: process.env.TEST_DATABASE_URL === undefined }, async () => {
    const other = await open({ ...node.config, port: 0 });
    const request = requester(other.url ?? "");
    const body = { messages: [{ id: "failed elsewhere", value: { n: 1, fails: true } }] };
    const token = await node.tokenOf("publisher");
    assert.equal((await request("POST", "/api/flow/traced/message", { token, body })).status, 200);
    const nodesOf = async (ask: TestRuntime["request"]) => {
      const { text } = await ask("GET", "/api/flow/traced/trace/export?outcome=dead");
      const rows = text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { id: string; node: string });
      return new Map(rows.map(({ id, node: of }) => [id, of]));
    };
    const expected = new Map([
      ["failed elsewhere", other.nodeId],
      ["failed", node.runtime.nodeId],
    ]);
    for (const ask of [request, node.request]) {
      await until("both are there", async () => (await nodesOf(ask)).size === 2);
      assert.deepEqual(await nodesOf(ask), expected);
    }
    await other.stop();
  });

  it("refuse a filter that is none", async () => {
    for (const query of ["?outcome=good", "?limit=0", "?slower_than_ms=x", "?from=store&cursor=x"])
      assert.equal((await node.request("GET", `/api/flow/traced/trace${query}`)).status, 400);
    assert.equal((await node.request("GET", "/api/flow/none/trace")).status, 404);
  });

  it("keep a bounded number in memory", async () => {
    const token = await node.tokenOf("publisher");
    const messages = Array.from({ length: 50 }, (_, n) => ({ id: `many-${n}`, value: { n } }));
    await node.request("POST", "/api/flow/traced/message", { token, body: { messages } });
    const { rows } = await get("?limit=200");
    assert.equal(rows.length, 10);
    assert.equal(rows[0].id, "many-49");
  });

  it("are shown on pages", async () => {
    const list = await node.request("GET", "/flow");
    assert.match(list.text, /href="\/flow\/traced"/);
    const page = await node.request("GET", "/flow/traced");
    assert.match(page.text, /many-49/);
    assert.match(page.text, /href="https:\/\/kafka-ui\.example\.org\/\?a=1&amp;b=2"[^>]*>Kafka UI</);
    const recorder = await node.request("GET", "/flow/traced/recorder?outcome=dead");
    assert.match(recorder.text, /task: it fails/);
    const trace = await node.request("GET", "/flow/traced/trace?partition=http&id=failed");
    assert.match(trace.text, /Why it is a dead letter/);
    assert.equal((await node.request("GET", "/flow/traced/trace?partition=http&id=none")).status, 404);
    assert.equal((await node.request("GET", "/flow/none")).status, 404);
  });

  it("are not kept of a message that is run dry: the answer has all of it, and nothing is written or counted", async () => {
    const token = await node.tokenOf("operator");
    const known = async () => {
      const { sinks, messages, executor } = (await node.request("GET", "/api/flow/traced")).json;
      return {
        delivered: sinks[0].delivered,
        messages,
        attempts: executor.attempts,
        newest: (await get("?limit=1")).rows,
      };
    };
    const [letters, before] = [(await node.request("GET", "/api/dlq")).json.total, await known()];
    const probe = async (body: object) => (await node.request("POST", "/api/flow/traced/probe", { token, body })).json;
    const { fault, tasks, payloads } = await probe({ value: { n: 4 } });
    assert.deepEqual([fault, tasks[0].output], [null, { twice: 8 }]);
    assert.deepEqual(
      payloads.map(({ sink, payload }: Record<string, unknown>) => [sink, payload]),
      [
        ["out", { twice: 8 }],
        ["out", { twice: 8 }],
      ],
    );
    assert.equal((await probe({ text: "no json" })).fault.stage, "decode");
    assert.equal((await probe({ value: { fails: true } })).fault.error, "it fails");
    assert.equal((await node.request("GET", "/api/dlq")).json.total, letters);
    assert.deepEqual(await known(), before);
  });
});
