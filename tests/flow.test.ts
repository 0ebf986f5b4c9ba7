/** Flows of a whole node: lines of a folder and messages sent over HTTP go to their sinks; what cannot be done is a dead letter, and can be redriven. */
import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { cookieOf } from "./support/inspect.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let dir: string;
let node: TestRuntime | null = null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-flows-"));
  await mkdir(join(dir, "inbox"));
});
afterEach(async () => {
  await node?.stop();
  node = null;
  await rm(dir, { recursive: true });
});

const quick = "delivery: { attempts: 2, retry: { base_s: 0.01, max_s: 0.01 } }";
const fileFlow = (more = "") => `
flow: readings
source: { kind: jsonl, folder: inbox, poll_s: 0.05 }
input: { type: object, required: [n], properties: { n: { type: integer } } }
commit_s: 0.05
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
${more}
sinks:
  out: { kind: jsonl, folder: out, ${quick} }
`;

async function start(files: Readonly<Record<string, string>>): Promise<TestRuntime> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  node = await openTestRuntime({ config: { flowsDir: dir } });
  return node;
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}\n`).join("");

/** What the sink has, by key, and how many lines it is written in. */
async function written(sink = "out/out.jsonl"): Promise<{ count: number; payloads: Map<string, unknown> }> {
  const text = await readFile(join(dir, sink), "utf8").catch(() => "");
  const rows = text.split("\n").filter((line) => line !== "");
  const parsed = rows.map((line) => JSON.parse(line) as { key: string; payload: unknown });
  return { count: rows.length, payloads: new Map(parsed.map(({ key, payload }) => [key, payload])) };
}

const sizeOf = async (sink?: string) => (await written(sink)).payloads.size;

describe("a flow that reads a folder", () => {
  it("brings each line to its sink once, also of files that come later and of those that grow", async () => {
    await writeFile(join(dir, "inbox/a.jsonl"), lines(0, 500));
    const { request } = await start({ "readings.yaml": fileFlow() });
    await writeFile(join(dir, "inbox/b.jsonl"), lines(500, 600));
    await until("the first are there", async () => (await sizeOf()) === 600);
    await appendFile(join(dir, "inbox/a.jsonl"), lines(600, 700));
    await until("the others are there", async () => (await sizeOf()) === 700);
    const { count, payloads } = await written();
    assert.equal(count, 700);
    assert.deepEqual(
      [...payloads.values()].map((payload) => (payload as { n: number }).n).sort((a, b) => a - b),
      Array.from({ length: 700 }, (_, n) => n),
    );
    const seen = async () => (await request("GET", "/api/flow/readings")).json;
    // The file has them a moment before its sink says so.
    await until("all are delivered", async () => (await seen()).sinks[0].delivered === 700);
    const json = await seen();
    assert.deepEqual([json.source, json.paused], ["jsonl", false]);
    assert.deepEqual(
      json.partitions.map(({ name, state }: { name: string; state: string }) => [name, state]),
      [
        ["a.jsonl", "live"],
        ["b.jsonl", "live"],
      ],
    );
  });

  it("is seen in the inspector, a partition an actor", async () => {
    await writeFile(join(dir, "inbox/a.jsonl"), lines(0, 3));
    const one = await start({ "readings.yaml": fileFlow() });
    await until("it is read", async () => (await sizeOf()) === 3);
    const headers = { Cookie: await cookieOf(one, "operator") };
    const { text } = await one.request("GET", "/inspect?machine=source", { headers });
    assert.match(text, /href="\/inspect\/source\/readings\/a\.jsonl">readings<\/a> <span class="id muted">a\.jsonl</);
    assert.match(text, /<strong>1<\/strong> source</);
  });

  it("goes on behind what it has committed when the node is started again", async () => {
    await writeFile(join(dir, "inbox/a.jsonl"), lines(0, 300));
    const first = await start({ "readings.yaml": fileFlow() });
    await until("all are there", async () => (await sizeOf()) === 300);
    const { config, runtime } = first;
    await runtime.stop();
    await appendFile(join(dir, "inbox/a.jsonl"), lines(300, 310));
    const { open } = await import("../src/runtime.ts");
    const second = await open({ ...config, port: 0 });
    try {
      await until("the others are there", async () => (await sizeOf()) === 310);
    } finally {
      await second.stop();
    }
    assert.equal((await written()).count, 310);
  });

  it("makes a dead letter of a line that does not fit, with the reason, and goes on", async () => {
    await writeFile(join(dir, "inbox/a.jsonl"), `{"n":1}\nnot json\n{"n":"two"}\n\n{"n":3}\n`);
    const { request } = await start({ "readings.yaml": fileFlow() });
    const letters = async () => (await request("GET", "/api/dlq?job_type=orrery.flow.readings")).json.rows;
    await until("two are dead", async () => (await letters()).length === 2);
    await until("two are done", async () => (await sizeOf()) === 2);
    const rows = await letters();
    const errors = rows.map(({ error }: { error: string }) => error).sort();
    assert.match(errors[0], /^not decoded: it does not fit the flow's input: n must be integer/);
    assert.match(errors[1], /^not decoded: it is not JSON/);
    const jobs = await Promise.all(
      rows.map(async ({ id }: { id: string }) => (await request("GET", `/api/job/${id}`)).json.payload.message.text),
    );
    assert.deepEqual(jobs.sort(), ["not json", '{"n":"two"}']);
  });

  it("runs the module's hooks; a task that fails is a dead letter, and succeeds when it is redriven", async () => {
    await writeFile(
      join(dir, "readings.ts"),
      `let isMended = false;
globalThis.mendFlow = () => { isMended = true; };
export default {
  execute: ({ input }) => { if (input.n === 2 && !isMended) throw new Error("two is too many"); return { twice: input.n * 2 }; },
  onTaskComplete: (task, { output }) => ({ out: [output, output.twice] }),
};`,
    );
    await writeFile(join(dir, "inbox/a.jsonl"), lines(1, 4));
    const { request, tokenOf } = await start({ "readings.yaml": fileFlow("module: readings.ts") });
    const letters = async () => (await request("GET", "/api/dlq?job_type=orrery.flow.readings")).json.rows;
    await until("one is dead", async () => (await letters()).length === 1);
    await until("the others are done", async () => (await sizeOf()) === 4);
    const [letter] = await letters();
    assert.equal(letter.error, "its task failed: two is too many");
    assert.equal(letter.attempt, 2);
    const redrive = async () =>
      (await request("POST", "/api/dlq/redrive", { token: await tokenOf("operator"), body: { filter: {} } })).json;
    assert.equal((await redrive()).redriven.length, 1);
    await until("it is dead again", async () => (await letters()).some(({ id }: { id: string }) => id !== letter.id));
    (globalThis as unknown as { mendFlow(): void }).mendFlow();
    await redrive();
    await until("it is done", async () => (await sizeOf()) === 6);
    assert.deepEqual(await letters(), []);
    const payloads = [...(await written()).payloads];
    assert.deepEqual(
      payloads.filter(([key]) => key.startsWith("readings:a.jsonl:8:")),
      [
        ["readings:a.jsonl:8:0.0", { twice: 4 }],
        ["readings:a.jsonl:8:0.1", 4],
      ],
    );
  });

  it("reads nothing while it is paused, over all nodes and after a start, and goes on when it is resumed", async () => {
    const { request, tokenOf } = await start({ "readings.yaml": fileFlow() });
    const token = await tokenOf("operator");
    const paused = await request("PUT", "/api/flow/readings/pause", { token });
    assert.equal(paused.json.paused, true);
    await writeFile(join(dir, "inbox/a.jsonl"), lines(0, 10));
    await until(
      "its partition is there",
      async () => (await request("GET", "/api/flow/readings")).json.partitions.length === 1,
    );
    assert.equal((await request("GET", "/api/flow/readings")).json.partitions[0].taken, 0);
    assert.equal(await sizeOf(), 0);
    await request("PUT", "/api/flow/readings/resume", { token });
    await until("all are there", async () => (await sizeOf()) === 10);
  });

  it("fails a partition whose file was cut, and goes on with the others", async () => {
    await writeFile(join(dir, "inbox/a.jsonl"), lines(0, 10));
    const { request } = await start({ "readings.yaml": fileFlow() });
    await until("all are there", async () => (await sizeOf()) === 10);
    await writeFile(join(dir, "inbox/a.jsonl"), "");
    await writeFile(join(dir, "inbox/b.jsonl"), lines(10, 12));
    await until("the other file is read", async () => (await sizeOf()) === 12);
    const { json } = await request("GET", "/api/flow/readings");
    assert.equal(json.partitions[0].state, "failed");
    assert.match(json.partitions[0].reason, /a\.jsonl has 0 bytes, and 80 were read: files may only grow/);
  });
});

describe("a flow that is sent its messages", () => {
  const httpFlow = `
flow: sent
source: { kind: http }
input: { type: object, required: [n] }
sinks:
  out: { kind: jsonl, folder: out, ${quick} }
`;

  it("answers when they are in the sink or dead letters; the same id again has the same key", async () => {
    const { request, tokenOf } = await start({ "sent.yaml": httpFlow });
    const token = await tokenOf("publisher");
    const body = { messages: [{ id: "a", value: { n: 1 } }, { id: "b", value: {} }, { value: { n: 3 } }] };
    const answer = await request("POST", "/api/flow/sent/message", { token, body });
    assert.equal(answer.status, 200, answer.text);
    const { count, dead, results } = answer.json;
    assert.deepEqual(
      [count, dead, results[0], results[1].outcome, results[1].stage],
      [3, 1, { id: "a", outcome: "done", stage: null, error: null }, "dead", "decode"],
    );
    assert.equal((await written()).payloads.size, 2);
    await request("POST", "/api/flow/sent/message", { token, body: { messages: body.messages.slice(0, 2) } });
    assert.equal((await written()).payloads.size, 2);
    const letters = (await request("GET", "/api/dlq")).json;
    assert.equal(letters.total, 1);
  });

  it("is 503 when the sink does not say in time that it has them; its queue is bounded, and stopping is not held up", async () => {
    const away = httpFlow
      .replace(
        "kind: jsonl, folder: out",
        "kind: webhook, url: http://127.0.0.1:9/, allow_private: true, secret_env: HOOK",
      )
      .replace("attempts: 2", "attempts: 100");
    process.env.HOOK = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
    const { request, tokenOf, runtime } = await start({ "sent.yaml": `window: 3\n${away}` });
    const token = await tokenOf("publisher");
    const send = (count: number) =>
      request("POST", "/api/flow/sent/message?deadline_s=0.2", {
        token,
        body: { messages: Array(count).fill({ value: { n: 1 } }) },
      });
    const late = await send(2);
    assert.deepEqual([late.status, late.json.code], [503, "overloaded"]);
    assert.match(late.json.detail, /Cannot say that all messages are in the sinks/);
    const full = await send(2);
    assert.match(full.json.detail, /has 2 messages under way, of 3 at most/);
    const beganMs = performance.now();
    await runtime.stop();
    assert.ok(performance.now() - beganMs < 9_000);
  });

  it("refuses what it cannot take, and says why", async () => {
    const { request, tokenOf } = await start({
      "sent.yaml": httpFlow,
      "readings.yaml": fileFlow().replace("folder: out", "folder: read"),
    });
    const token = await tokenOf("publisher");
    const send = (flow: string, body: unknown) => request("POST", `/api/flow/${flow}/message`, { token, body });
    const one = { messages: [{ value: { n: 1 } }] };
    assert.equal((await send("none", one)).status, 404);
    const other = await send("readings", one);
    assert.equal(other.status, 409);
    assert.match(other.json.detail, /its source is jsonl, not http/);
    assert.equal((await send("sent", { messages: [] })).status, 422);
    assert.equal((await request("POST", "/api/flow/sent/message", { body: one })).status, 401);
    await request("PUT", "/api/flow/sent/pause", { token: await tokenOf("operator") });
    const paused = await send("sent", one);
    assert.deepEqual([paused.status, paused.headers.get("retry-after")], [503, "1"]);
  });
});

describe("a flow that cannot be used", () => {
  for (const [what, flow, reason] of [
    ["a key that is not known", fileFlow("sinc: 1"), /readings\.yaml:8:1: unknown key "sinc": known keys are flow, /],
    [
      "a sink of no kind",
      "source: { kind: http }\nsinks: { out: { kind: ftp } }",
      /:2:17: cannot use sinks\.out\.kind: it is one of kafka, /,
    ],
    [
      "a sink that cannot be written",
      "source: { kind: http }\nsinks: { out: { kind: jsonl, folder: no/such } }",
      /Cannot use sink "out": cannot write/,
    ],
    [
      "a file that two sinks write",
      "source: { kind: http }\nsinks: { a: { kind: jsonl, folder: . }, b: { kind: jsonl, folder: ., name: a } }",
      /Cannot use sink "b" of flow "readings": sink "a" of flow "readings" writes .*a\.jsonl too/,
    ],
    [
      "a link that would run",
      fileFlow("links: { x: 'javascript:alert(1)' }"),
      /:8:10: cannot use links\.x: an address such as/,
    ],
    [
      "a folder that is not there",
      fileFlow().replace("inbox", "outbox"),
      /Cannot use source of flow "readings": cannot read the folder/,
    ],
    ["a module that is not there", fileFlow("module: none.ts"), /Cannot load flow "readings" from .*none\.ts/],
    [
      "a schema with a flaw",
      fileFlow().replace("required: [n]", "requires: [n]"),
      /:4:24: cannot use input\.requires: this keyword is not supported/,
    ],
  ] as const)
    it(`stops the start: ${what}`, async () => {
      await assert.rejects(start({ "readings.yaml": flow }), reason);
    });
});
