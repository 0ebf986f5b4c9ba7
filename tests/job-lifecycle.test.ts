/** Jobs from enqueue to end on real nodes, through HTTP alone: run, failed, redriven, cancelled, followed, limited. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { open, type Runtime } from "../src/runtime.ts";
import { EventReader } from "./support/events.ts";
import { productOf, Scene } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

/** What `repairable` looks for: it fails until the file is there. */
const repaired = join(tmpdir(), `orrery-repaired-${randomUUID()}`);

const shell = (command: string, attempts = 1) => ({ kind: "shell", command, attempts }) as const;

describe("a job's life", () => {
  let node: TestRuntime;
  let publisher = "";
  let operator = "";
  before(async () => {
    node = await openTestRuntime({
      config: {
        computes: {
          fine: shell(`echo hello; echo '{"big":12345678901234567890}'`),
          repairable: shell(`echo looking; test -f ${repaired}`),
          slow: shell("echo begun; sleep 60"),
          talking: shell("for n in 1 2 3; do echo line $n; sleep 0.4; done"),
        },
      },
    });
    publisher = await node.tokenOf("publisher");
    operator = await node.tokenOf("operator");
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/api${path}`);
  const act = (method: string, path: string, body?: unknown) =>
    node.request(method, `/api${path}`, { token: operator, body });
  async function enqueue(body: object): Promise<string> {
    const answer = await node.request("POST", "/api/job", { token: publisher, body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.id;
  }
  const reaches = (id: string, state: string) =>
    until(`job ${id} is ${state}`, async () => (await get(`/job/${id}`)).json.state === state);

  it("is run once it is enqueued, and shows its result and its story", async () => {
    const id = await enqueue({ job_type: "fine" });
    await reaches(id, "succeeded");
    const { text, json } = await get(`/job/${id}`);
    assert.ok(text.includes('"result":{"big":12345678901234567890}'), text);
    assert.deepEqual([json.attempt, json.worker, json.reason], [1, null, null]);
    assert.ok(json.created_at <= json.started_at && json.started_at <= json.finished_at);
    const { entries } = (await get(`/job/${id}/timeline`)).json;
    assert.deepEqual(
      entries.map((entry: { kind: string }) => entry.kind),
      ["enqueued", "decision", "attempt", "ended"],
    );
    assert.match(entries[2].output_tail, /hello/);
    assert.match((await get(`/job/${id}/attempt/${entries[2].token}/output`)).text, /^hello/);
    // It ended before a line of it was stored: its output stands for its log.
    assert.match((await get(`/job/${id}/log`)).text, /^hello/);
    const reader = await EventReader.open(`${node.url}/api/job/${id}/log?follow=true`);
    assert.match((await reader.next()).data.text, /^hello/);
    assert.equal((await reader.next()).name, "end");
    await until("it is counted", async () => (await get("/job/metrics?queue=default")).json.success_rate === 1);
  });

  it("runs a whole list, in its order where only one runs at a time", async () => {
    const queue = "one-by-one";
    await act("PUT", `/queue/${queue}`, { concurrency: 1 });
    const list = Array.from({ length: 5 }, (_, n) => ({ queue, job_type: "fine", payload: n }));
    const { json } = await node.request("POST", "/api/job", { token: publisher, body: list });
    for (const id of json.ids) await reaches(id, "succeeded");
    const starts: string[] = [];
    for (const id of json.ids) starts.push((await get(`/job/${id}`)).json.started_at);
    assert.deepEqual(starts, starts.toSorted());
  });

  it("ends as a dead letter when its attempts are used up, and succeeds when it is redriven after the repair", async () => {
    const scene = new Scene(node);
    const body = scene.body("a>b");
    for (const product of body.data_products) product.compute = product.name === "a" ? "repairable" : "fine";
    assert.equal((await scene.publish(body)).status, 200);
    const id = await enqueue({ job_type: "repairable", payload: { x: 1 } });
    await reaches(id, "dead");
    await until("its product failed", async () => productOf(await scene.get(), "a").state === "failed");
    const { rows, total } = (await get("/dlq")).json;
    assert.equal(total, 2);
    const ofProduct = rows.find((row: { dataset_id: string | null }) => row.dataset_id === scene.datasetId);
    assert.deepEqual([ofProduct.product_id, ofProduct.queue], [scene.id("a"), "products"]);
    const why = (await get(`/job/${id}/explain`)).json;
    assert.match(why.suggested_action, /redrive/);

    await writeFile(repaired, "");
    const { json } = await act("POST", "/dlq/redrive", { filter: {} });
    assert.deepEqual([json.matched, json.redriven.length, json.skipped], [2, 2, []]);
    for (const { as } of json.redriven) await reaches(as, "succeeded");
    await until("the plan is done", async () => productOf(await scene.get(), "b").state === "success");
    assert.equal((await get("/dlq")).json.total, 0);
    assert.equal(
      (await get(`/job/${ofProduct.id}`)).json.redriven_as,
      json.redriven.find((one: { id: string }) => one.id === ofProduct.id).as,
    );
  });

  it("is ended where it runs when it is cancelled, which frees its slot for the next of its key", async () => {
    const body = { queue: "keyed", job_type: "slow", concurrency_key: "k" };
    const [first, second] = [await enqueue(body), await enqueue(body)];
    await reaches(first, "running");
    await until("the second is held", async () => (await get(`/job/${second}`)).json.held_by !== null);
    const why = (await get(`/job/${second}/explain`)).json;
    assert.deepEqual([why.blocked_by.code, why.blocked_by.concurrency_key], ["KEY_CONCURRENCY", "k"]);
    const delays = (await get(`/policy/decision?job_id=${second}`)).json.rows;
    assert.equal(delays[0]?.code, "KEY_CONCURRENCY");
    assert.equal((await act("PUT", `/job/${first}/cancel`)).status, 200);
    await reaches(second, "running");
    await until("its end is evidence", async () => {
      const { entries } = (await get(`/job/${first}/timeline`)).json;
      return entries.some((entry: { outcome?: string }) => entry.outcome === "cancelled");
    });
    assert.equal((await get(`/job/${first}`)).json.state, "cancelled");
    assert.equal((await act("PUT", `/job/${second}/cancel`)).status, 200);
  });

  it("waits while its queue is paused, says so, and goes on afterwards", async () => {
    const queue = "pausing";
    await act("PUT", `/queue/${queue}`, { paused: true });
    const id = await enqueue({ queue, job_type: "fine" });
    const why = (await get(`/job/${id}/explain`)).json;
    assert.deepEqual([why.state, why.blocked_by.code], ["queued", "QUEUE_PAUSED"]);
    await act("PUT", `/queue/${queue}`, { paused: false });
    await reaches(id, "succeeded");
  });

  it("says which limit of its queue or type it waits for", async () => {
    await act("PUT", "/queue/narrow", { concurrency: 1 });
    const [first, second] = [
      await enqueue({ queue: "narrow", job_type: "slow" }),
      await enqueue({ queue: "narrow", job_type: "slow" }),
    ];
    await reaches(first, "running");
    await until("the limit is what it waits for", async () => {
      const { blocked_by } = (await get(`/job/${second}/explain`)).json;
      return blocked_by?.code === "QUEUE_CONCURRENCY";
    });
    await act("PUT", "/policy/job_type/slow", { paused: true });
    await act("PUT", "/queue/narrow", { concurrency: null });
    const why = (await get(`/job/${second}/explain`)).json;
    assert.deepEqual([why.blocked_by.code, why.blocked_by.job_type], ["TYPE_PAUSED", "slow"]);
    await act("PUT", "/policy/job_type/slow", { paused: false });
    await reaches(second, "running");
    for (const id of [first, second]) assert.equal((await act("PUT", `/job/${id}/cancel`)).status, 200);
  });

  it("is followed line by line while it runs", async () => {
    const id = await enqueue({ job_type: "talking" });
    const reader = await EventReader.open(`${node.url}/api/job/${id}/log?follow=true`);
    let text = "";
    for (;;) {
      const event = await reader.next();
      if (event.name === "end") {
        assert.deepEqual(event.data, { state: "succeeded" });
        break;
      }
      text += event.data.text;
    }
    await reader.ended();
    assert.match(text, /^line 1\n/);
    assert.equal((await get(`/job/${id}/log`)).text, text);
  });

  it("is shown with the node that runs it", async () => {
    const id = await enqueue({ job_type: "slow" });
    await reaches(id, "running");
    const workers = (await get("/worker")).json;
    assert.deepEqual(
      workers.map((worker: { id: string; kind: string; jobs: string[] }) => [worker.id, worker.kind, worker.jobs]),
      [[node.runtime.nodeId, "node", [id]]],
    );
    assert.equal((await act("PUT", `/job/${id}/cancel`)).status, 200);
  });

  const onPostgres = { skip: process.env.TEST_DATABASE_URL ? false : "one process has the embedded store for itself" };

  it("is followed, cancelled and limited from another node", onPostgres, async () => {
    const other: Runtime = await open({ ...node.config, port: 0, baseUrl: "http://127.0.0.1:0", computes: {} });
    try {
      const url = other.url ?? "";
      const id = await enqueue({ job_type: "slow" });
      await reaches(id, "running");
      const reader = await EventReader.open(`${url}/api/job/${id}/log?follow=true`);
      assert.match((await reader.next()).data.text, /begun/);
      const cancelled = await fetch(`${url}/api/job/${id}/cancel`, {
        method: "PUT",
        headers: { Authorization: `Bearer ${operator}` },
      });
      assert.equal(cancelled.status, 200);
      assert.deepEqual((await reader.next()).data, { state: "cancelled" });
      await until("its holder has let go", async () => {
        const { entries } = (await get(`/job/${id}/timeline`)).json;
        return entries.some((entry: { outcome?: string }) => entry.outcome === "cancelled");
      });
      const limit = await fetch(`${url}/api/queue/elsewhere`, {
        method: "PUT",
        headers: { Authorization: `Bearer ${operator}`, "Content-Type": "application/json" },
        body: JSON.stringify({ payload_bytes_max: 1, paused: true }),
      });
      assert.equal(limit.status, 200);
      const body = { queue: "elsewhere", job_type: "fine", payload: "large" };
      await until("the limit is known here", async () => {
        return (await node.request("POST", "/api/job", { token: publisher, body })).status === 413;
      });
    } finally {
      await other.stop();
    }
  });
});
