/** Policies and queues as data, decisions, workers and the status, over HTTP. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { readPolicies } from "../src/store/policies.ts";
import { refused } from "./support/http.ts";
import { leaseByHand, putWorker } from "./support/jobs-by-hand.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const noSettings = {
  paused: false,
  concurrency: null,
  key_concurrency: null,
  rate_per_s: null,
  rate_burst: null,
  enqueue_per_s: null,
  enqueue_burst: null,
  depth_max: null,
  payload_bytes_max: null,
  retries_per_min: null,
};

describe("policies, queues and workers over HTTP", () => {
  let node: TestRuntime;
  let publisher = "";
  let operator = "";
  before(async () => {
    node = await openTestRuntime({ config: { computes: { work: { kind: "shell", command: ["true"] } } } });
    publisher = await node.tokenOf("publisher");
    operator = await node.tokenOf("operator");
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/api${path}`);
  const put = (path: string, body?: unknown) => node.request("PUT", `/api${path}`, { token: operator, body });
  const remove = (path: string) => node.request("DELETE", `/api${path}`, { token: operator });
  const sql = () => node.runtime.database.sql;
  const post = (body: object) => node.request("POST", "/api/job", { token: publisher, body });

  it("sets limits: absent ones stay, null takes one away", async () => {
    const path = "/policy/queue/images";
    const first = await put(path, { concurrency: 4, rate_per_s: 0.5, payload_bytes_max: 0 });
    assert.equal(first.status, 200, first.text);
    const { modified_at, ...rest } = first.json;
    assert.deepEqual(rest, {
      scope: "queue",
      subject: "images",
      ...noSettings,
      concurrency: 4,
      rate_per_s: 0.5,
      payload_bytes_max: 0,
      modified_by: "operator",
    });
    assert.match(modified_at, /\.\d{6}\+00:00$/);
    const second = await put(path, { rate_per_s: null, paused: true });
    assert.deepEqual([second.json.concurrency, second.json.rate_per_s, second.json.paused], [4, null, true]);
    assert.deepEqual((await get(path)).json, second.json);
    assert.deepEqual((await get("/policy")).json, [second.json]);
    assert.deepEqual((await remove(path)).json, { scope: "queue", subject: "images" });
    refused(await get(path), 404, "queue/images");
    refused(await remove(path), 404);
  });

  it("starts a subject's own policy from that of every subject", async () => {
    await put("/policy/queue/*", { concurrency: 9, depth_max: 100 });
    const own = (await put("/queue/mine", { depth_max: null })).json;
    assert.deepEqual([own.name, own.concurrency, own.depth_max], ["mine", 9, null]);
    const queues = (await get("/queue")).json;
    const of = (name: string) => queues.find((queue: { name: string }) => queue.name === name);
    assert.deepEqual([of("default").concurrency, of("mine").concurrency, of("*")], [9, 9, undefined]);
    await remove("/policy/queue/*");
    assert.equal((await get("/policy/queue/mine")).json.concurrency, 9);
    await remove("/policy/queue/mine");
  });

  it("counts each change in the version, and tells every node by a hint", async () => {
    const heard: (string | null)[] = [];
    const stop = await node.runtime.database.listen("orrery_policy", (payload) => heard.push(payload));
    const before = (await readPolicies(sql())).version;
    const changes = await Promise.all([1, 2, 3, 4].map((n) => put("/policy/job_type/work", { concurrency: n })));
    assert.ok(changes.every((answer) => answer.status === 200));
    await remove("/policy/job_type/work");
    refused(await remove("/policy/job_type/work"), 404);
    const { version, all } = await readPolicies(sql());
    assert.deepEqual([version, all], [before + 5, []]);
    await until("a hint", () => heard.length > 0);
    await stop();
  });

  it("loses none of two changes that come at once", async () => {
    await Promise.all([
      put("/queue/both", { concurrency: 2 }),
      put("/queue/both", { rate_per_s: 3 }),
      put("/policy/queue/both", { depth_max: 5 }),
    ]);
    const { json } = await get("/policy/queue/both");
    assert.deepEqual([json.concurrency, json.rate_per_s, json.depth_max], [2, 3, 5]);
    await remove("/policy/queue/both");
  });

  it("refuses what is no setting (422 with its field), no scope or no subject (400), and stores nothing", async () => {
    const wrong: [string, unknown, string][] = [
      ["/queue/q", { concurrency: -1 }, "concurrency"],
      ["/queue/q", { concurrency: 1.5 }, "concurrency"],
      ["/queue/q", { paused: null }, "paused"],
      ["/queue/q", { paused: "yes" }, "paused"],
      ["/queue/q", { rate_per_s: 0 }, "rate_per_s"],
      ["/queue/q", { enqueue_burst: 0 }, "enqueue_burst"],
      ["/queue/q", { payload_bytes_max: 17 * 1024 * 1024 }, "payload_bytes_max"],
      ["/queue/q", { depth_max: 1e12 }, "depth_max"],
      ["/queue/q", { speed: 1 }, "speed"],
      ["/queue/q", [], "body"],
      ["/policy/job_type/work", { enqueue_per_s: 1 }, "enqueue_per_s"],
      [`/policy/dataset/${randomUUID()}`, { paused: true }, "paused"],
      [`/policy/dataset/${randomUUID()}`, { rate_per_s: 1 }, "rate_per_s"],
    ];
    for (const [path, body, field] of wrong) {
      const answer = await put(path, body);
      assert.deepEqual(
        [answer.status, answer.json.code, answer.json.field],
        [422, "invalid_field", field],
        answer.text,
      );
    }
    for (const path of ["/policy/world/x", "/policy/dataset/x", "/policy/queue/a%20b", "/queue/a%20b", "/queue/*"]) {
      refused(await put(path, { concurrency: 1 }), 400);
    }
    refused(await put("/queue/q", "{"), 400);
    refused(await node.request("PUT", "/api/queue/q", { token: publisher, body: {} }), 403, "operate");
    refused(await node.request("DELETE", "/api/policy/queue/q", {}), 401);
    assert.deepEqual((await get("/policy")).json, []);
  });

  it("takes a dataset in any spelling, and shows it in one", async () => {
    const id = randomUUID();
    const { json } = await put(`/policy/dataset/${id.toUpperCase()}`, { concurrency: 2 });
    assert.deepEqual([json.scope, json.subject, json.concurrency], ["dataset", id, 2]);
    assert.equal((await remove(`/policy/dataset/${id}`)).status, 200);
  });

  it("shows how many jobs each queue has, by what they wait for", async () => {
    const queue = "shown";
    await put(`/queue/${queue}`, { paused: true });
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push((await post({ queue, job_type: "work" })).json.id);
    await post({ queue, job_type: "work", delay_s: 60 });
    await leaseByHand(sql(), ids[0] ?? "", "w");
    await until("all are counted", async () => {
      // Again each time: the node lets go of what it finds held by nothing.
      await sql()`update job set held_by = 'key:shown:k' where job_id = ${ids[1] ?? ""}::uuid`;
      const found = (await get("/queue")).json.find((one: { name: string }) => one.name === queue);
      return found.depth === 3 && found.scheduled === 1 && found.running === 1 && found.held === 1;
    });
    const names = (await get("/queue")).json.map((one: { name: string }) => one.name);
    assert.deepEqual(names, ["default", "orrery", "products", queue].sort());
  });

  it("lists decisions newest first, by kind, queue, code and job, a page at a time", async () => {
    const queue = "decided";
    await put(`/queue/${queue}`, { paused: true });
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await post({ queue, job_type: "work" })).json.id);
    await post({ queue, job_type: "nope" });
    const rows = (await get(`/ingest/decision?queue=${queue}`)).json.rows;
    assert.deepEqual(
      rows.map((row: { code: string; job_id: string | null }) => [row.code, row.job_id]),
      [["UNKNOWN_JOB_TYPE", null], ...ids.toReversed().map((id) => ["ACCEPTED", id])],
    );
    assert.deepEqual(Object.keys(rows[0]).sort(), [
      "at",
      "code",
      "count",
      "detail",
      "id",
      "job_id",
      "job_type",
      "kind",
      "queue",
      "service",
    ]);
    const page = (await get(`/ingest/decision?queue=${queue}&limit=3`)).json;
    const rest = (await get(`/ingest/decision?queue=${queue}&limit=3&cursor=${page.next_cursor}`)).json;
    assert.deepEqual([...page.rows, ...rest.rows], rows);
    assert.equal(rest.next_cursor, null);
    const ofJob = (await get(`/ingest/decision?job_id=${ids[1]}`)).json.rows;
    assert.deepEqual(
      ofJob.map((row: { job_id: string }) => row.job_id),
      [ids[1]],
    );
    assert.deepEqual((await get(`/policy/decision?queue=${queue}`)).json, { rows: [], next_cursor: null });
    refused(await get("/ingest/decision?cursor=x"), 400, "cursor");
    refused(await get("/policy/decision?job_id=x"), 400, "job_id");
  });

  it("lists workers as they last said, and lets one be drained", async () => {
    const idle = await putWorker(sql(), { name: "idle", agoS: 1, queues: "{a,b}", labels: "{gpu}" });
    const busy = await putWorker(sql(), { name: "busy", agoS: 2, held: 1 });
    const lost = await putWorker(sql(), { name: "lost", agoS: 31, held: 2 });
    const { id } = (await post({ queue: "shown", job_type: "work" })).json;
    await leaseByHand(sql(), id, busy);
    const rows = (await get("/worker")).json;
    const of = (name: string) => rows.find((row: { name: string }) => row.name === name);
    assert.deepEqual([of("idle").state, of("busy").state, of("lost").state], ["idle", "busy", "lost"]);
    const { started_at, seen_at, ...rest } = of("idle");
    assert.ok(started_at < seen_at);
    assert.deepEqual(rest, {
      id: idle,
      kind: "remote",
      name: "idle",
      host: "host",
      version: "1",
      queues: ["a", "b"],
      labels: ["gpu"],
      slots: 4,
      held: 0,
      draining: false,
      state: "idle",
      jobs: [],
    });
    assert.deepEqual([of("busy").jobs, of("busy").queues], [[id], null]);
    for (let times = 0; times < 2; times++) {
      const { status, json } = await put(`/worker/${idle}/drain`);
      assert.deepEqual([status, json.id, json.draining, json.state], [200, idle, true, "draining"]);
    }
    assert.equal((await put(`/worker/${lost}/drain`)).json.state, "lost");
    refused(await put("/worker/nobody/drain"), 404, "nobody");
    refused(await node.request("PUT", `/api/worker/${busy}/drain`, { token: publisher }), 403, "operate");
  });

  it("shows the whole of it at one look", async () => {
    const { status, json, text } = await get("/status");
    assert.equal(status, 200, text);
    const { version, started_at, queues, nodes, ...rest } = json;
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.ok(Date.parse(started_at) <= Date.now() && nodes >= 1);
    assert.ok(queues.depth >= 3 && queues.running >= 1);
    const store = node.runtime.database.kind;
    assert.deepEqual(rest, { store, ready: true, dead_letters: 0, plans: 0 });
  });
});
