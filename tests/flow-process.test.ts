/** Flows that are called: `POST /process/{flow}` answers with what came of an input, and says why it takes no more. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let dir: string;
/** Of each test its own: who shares a Redis shares what it counts. */
let flow: string;
let flows = 0;
const nodes: TestRuntime[] = [];
beforeEach(async () => {
  flow = `twice-${process.pid}-${++flows}`;
  dir = await mkdtemp(join(tmpdir(), "orrery-process-"));
  await writeFile(join(dir, "twice.ts"), moduleText);
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await rm(dir, { recursive: true });
});

/** \`hold\`: it waits until the test lets it go. */
const moduleText = `
const held = [];
globalThis.letGo = () => { for (const go of held.splice(0)) go(); };
globalThis.order = [];
let fails = 0;
export default {
  async execute({ input }) {
    globalThis.order.push(input.n);
    if (input.hold) await new Promise((go) => held.push(go));
    if (input.fail) throw new Error("it cannot be doubled, try " + ++fails);
    return { twice: input.n * 2 };
  },
};`;

const flowText = (process: string, more = "") => `
module: twice.ts
input: { type: object, required: [n], properties: { n: { type: integer } } }
source: { kind: http }
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
process: ${process}
sinks: { out: { kind: jsonl, folder: out } }
${more}`;

async function start(process: string, more = ""): Promise<TestRuntime> {
  await writeFile(join(dir, `${flow}.yaml`), flowText(process, more));
  const node = await openTestRuntime({ config: { flowsDir: dir } });
  nodes.push(node);
  return node;
}

const letGo = () => (globalThis as unknown as { letGo(): void }).letGo();
const order = () => (globalThis as unknown as { order: number[] }).order;
const written = async () => (await readFile(join(dir, "out/out.jsonl"), "utf8")).split("\n").length - 1;

describe("calling a flow", () => {
  it("answers with the result, what ran and where; nothing goes to the sinks unless the flow says so", async () => {
    const { request, tokenOf, runtime } = await start("{}");
    const { status, json } = await request("POST", `/process/${flow}`, {
      token: await tokenOf("publisher"),
      body: { n: 21 },
    });
    assert.equal(status, 200);
    assert.deepEqual(json.result, { twice: 42 });
    assert.deepEqual(
      [json.flow, json.node, json.client, json.status, json.error, json.sinks],
      [flow, runtime.nodeId, "publisher", "done", null, { enabled: false, attempted: 0, delivered: 0, dead: 0 }],
    );
    assert.deepEqual(json.summary, { tasks: 1, succeeded: 1, failed: 0, skipped: 0, replaced: 0 });
    assert.deepEqual(json.cache, { hits: 0, shared_hits: 0, misses: 0, failures: 0 });
    assert.equal(json.tasks[0].attempts.length, 1);
    assert.ok(json.timeline.took_ms > 0 && json.request_id.length === 36);
    assert.equal(await written(), 0);
  });

  it("delivers where sinks are enabled, and says so", async () => {
    const { request, tokenOf } = await start("{ sinks_enabled: true }");
    const { json } = await request("POST", `/process/${flow}`, { token: await tokenOf("publisher"), body: { n: 1 } });
    assert.deepEqual(json.sinks, { enabled: true, attempted: 1, delivered: 1, dead: 0 });
    assert.equal(await written(), 1);
  });

  it("tells why a task failed, each attempt, and writes no dead letter of it", async () => {
    const { request, tokenOf } = await start("{}");
    const { json, status } = await request("POST", `/process/${flow}`, {
      token: await tokenOf("publisher"),
      body: { n: 1, fail: true },
    });
    assert.deepEqual([status, json.status, json.result], [200, "failed", []]);
    assert.deepEqual(json.error, { stage: "task", message: "it cannot be doubled, try 2" });
    assert.deepEqual(
      json.tasks[0].attempts.map(({ error }: { error: string }) => error),
      ["it cannot be doubled, try 1", "it cannot be doubled, try 2"],
    );
    assert.equal((await request("GET", "/api/dlq")).json.total, 0);
    assert.deepEqual((await request("GET", `/api/flow/${flow}`)).json.messages, { done: 1, dead: 0 });
    assert.doesNotMatch((await request("GET", "/metrics")).text, /orrery_flow_messages_dead_total\{.*\} [1-9]/);
    const traces = async (from: string, outcome: string) =>
      (await request("GET", `/api/flow/${flow}/trace?from=${from}&outcome=${outcome}`)).json.rows;
    const [{ id, fault }] = await traces("memory", "failed");
    assert.deepEqual(
      [id, fault.error, (await traces("memory", "dead")).length],
      [json.request_id, "it cannot be doubled, try 2", 0],
    );
    await until("it is stored", async () => (await traces("store", "failed")).length === 1);
    const { text } = await request("GET", `/flow/${flow}/trace?partition=process&id=${id}`);
    assert.match(text, /<h2>Why it failed<\/h2>/);
  });

  it("has the process of an attempt that failed, as its trace has", async () => {
    await writeFile(
      join(dir, `${flow}.yaml`),
      `source: { kind: http }
executor: { kind: subprocess, command: [sh, -c, 'cat > last; echo odd >&2; exit 3'] }
attempts: 1
process: {}
sinks: {}`,
    );
    const node = await openTestRuntime({ config: { flowsDir: dir } });
    nodes.push(node);
    const called = await node.request("POST", `/process/${flow}`, {
      token: await node.tokenOf("publisher"),
      body: { n: 1 },
    });
    const [attempt] = called.json.tasks[0].attempts;
    assert.deepEqual([attempt.exit_code, attempt.error], [3, "exit code 3: odd"]);
    assert.ok(attempt.pid > 0);
    const [trace] = (await node.request("GET", `/api/flow/${flow}/trace?partition=process`)).json.rows;
    const { stderr, stack, outlier, usual_ms, ...shared } = trace.tasks[0].attempts[0];
    assert.deepEqual(shared, attempt);
    assert.deepEqual([stderr, outlier, usual_ms], ["odd\n", false, null]);
    assert.match(stack, /exit code 3/);
  });

  it("refuses an input that does not fit, one without a token, and a flow that is not called", async () => {
    const { request, tokenOf } = await start("{}");
    const token = await tokenOf("publisher");
    const unfit = await request("POST", `/process/${flow}`, { token, body: { n: "one" } });
    assert.deepEqual([unfit.status, unfit.json.code], [422, "flow_input"]);
    assert.match(unfit.json.detail, /n must be integer/);
    assert.equal((await request("POST", `/process/${flow}`, { body: { n: 1 } })).status, 401);
    assert.equal(
      (await request("POST", `/process/${flow}`, { token: await tokenOf("reader"), body: { n: 1 } })).status,
      403,
    );
    assert.equal((await request("POST", "/process/none", { token, body: { n: 1 } })).status, 404);
    assert.equal((await request("POST", `/process/${flow}`, { token, body: "no json" })).status, 400);
    assert.equal((await request("POST", `/process/${flow}?deadline_s=x`, { token, body: { n: 1 } })).status, 400);
  });

  it("lets each client in as often a minute as it may, exactly, however many come at once", async () => {
    const { request, tokenOf } = await start("{ requests_per_min: 7, clients: { admin: 3 }, anonymous: 2 }");
    const send = async (service: "publisher" | "admin" | null) =>
      request("POST", `/process/${flow}`, {
        body: { n: 1 },
        ...(service !== null && { token: await tokenOf(service) }),
      });
    for (const [service, most] of [
      ["publisher", 7],
      ["admin", 3],
      [null, 2],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 12 }, () => send(service)));
      assert.equal(answers.filter(({ status }) => status === 200).length, most);
      const refused = answers.find(({ status }) => status === 429);
      assert.match(refused?.headers.get("retry-after") ?? "", /^(5\d|60)$/);
      assert.equal(refused?.json.requests_per_min, most);
    }
  });

  it("is 504 when the deadline comes first; the result that comes later is counted", async () => {
    const { request, tokenOf } = await start("{ deadline_s: 20 }");
    const token = await tokenOf("publisher");
    const late = await request("POST", `/process/${flow}?deadline_s=0.05`, { token, body: { n: 1, hold: true } });
    assert.deepEqual([late.status, late.json.code], [504, "flow_deadline"]);
    letGo();
    const isCounted = async () =>
      (await request("GET", "/metrics")).text.includes(`orrery_flow_late_results_total{flow="${flow}"} 1`);
    await until("it is counted", isCounted);
  });

  it("is 503 when as many wait as may", async () => {
    const { request, tokenOf } = await start("{ queue: 1 }", "concurrency: 1");
    const token = await tokenOf("publisher");
    const send = (body: object) => request("POST", `/process/${flow}`, { token, body });
    const held = [send({ n: 1, hold: true }), send({ n: 2, hold: true })];
    await until("it is full", async () => (await request("GET", `/api/flow/${flow}`)).json.processing === 2);
    const refused = await send({ n: 3 });
    assert.deepEqual([refused.status, refused.json.code], [503, "flow_queue_full"]);
    const freed = setInterval(letGo, 5);
    assert.deepEqual(
      (await Promise.all(held)).map(({ status }) => status),
      [200, 200],
    );
    clearInterval(freed);
  });

  it("runs before the messages of its source that wait", async () => {
    await mkdir(join(dir, "inbox"));
    const lines = Array.from({ length: 20 }, (_, n) => `{"n":${n},"hold":${n === 0}}\n`);
    await writeFile(join(dir, "inbox/a.jsonl"), lines.join(""));
    await writeFile(
      join(dir, `${flow}.yaml`),
      flowText("{}", "concurrency: 1").replace("{ kind: http }", "{ kind: jsonl, folder: inbox, poll_s: 0.05 }"),
    );
    const node = await openTestRuntime({ config: { flowsDir: dir } });
    nodes.push(node);
    const waiting = async () => (await node.request("GET", `/api/flow/${flow}`)).json.tasks.waiting;
    await until("the lines wait", async () => (await waiting()) === 19);
    const called = node.request("POST", `/process/${flow}`, {
      token: await node.tokenOf("publisher"),
      body: { n: 100 },
    });
    await until("it waits too", async () => (await waiting()) === 20);
    letGo();
    assert.deepEqual((await called).json.result, { twice: 200 });
    await until("all have run", () => order().length === 21);
    assert.deepEqual(order().slice(0, 3), [0, 100, 1]);
  });

  it("takes several at once, counts each, and answers in order", async () => {
    const { request, tokenOf } = await start("{ requests_per_min: 5 }");
    const token = await tokenOf("publisher");
    const batch = (inputs: unknown) => request("POST", `/process/${flow}/batch`, { token, body: { inputs } });
    const { json } = await batch([{ n: 1 }, { n: "x" }, { n: 3 }]);
    assert.deepEqual([json.count, json.failed], [3, 1]);
    assert.deepEqual(
      json.results.map(({ status, result }: { status: string; result: unknown }) => [status, result]),
      [
        ["done", { twice: 2 }],
        ["failed", []],
        ["done", { twice: 6 }],
      ],
    );
    assert.equal((await batch([{ n: 1 }, { n: 1 }, { n: 1 }])).status, 429);
    assert.equal((await batch([{ n: 1 }, { n: 1 }])).status, 200);
    const never = await batch(Array.from({ length: 6 }, () => ({ n: 1 })));
    assert.deepEqual([never.status, never.headers.get("retry-after")], [429, null]);
    assert.equal((await batch([])).status, 422);
  });

  it("is in the OpenAPI document with the schema of its own input", async () => {
    const { request } = await start("{ deadline_s: 5 }");
    const { json } = await request("GET", "/spec");
    const { post, servers } = json.paths[`/process/${flow}`];
    assert.deepEqual(post.requestBody.content["application/json"].schema.required, ["n"]);
    assert.ok(!servers[0].url.endsWith("/api"));
    assert.equal(post.parameters[0].schema.maximum, 5);
  });
});

const redisUrl = process.env.TEST_REDIS_URL;
describe("calling a flow over two nodes", { skip: redisUrl === undefined && "TEST_REDIS_URL is not set" }, () => {
  it("counts a client's requests once, over Redis", async () => {
    const both = [await start("{ anonymous: 9 }"), await start("{ anonymous: 9 }")];
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => both[i % 2]?.request("POST", `/process/${flow}`, { body: { n: i } })),
    );
    assert.equal(answers.filter((answer) => answer?.status === 200).length, 9);
  });
});
