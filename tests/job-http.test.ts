/** What is shown of jobs, and what is done to them, over HTTP: lists, stories, reasons, logs, cancelling, replays. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { EventReader } from "./support/events.ts";
import { refused } from "./support/http.ts";
import { endByHand, leaseByHand } from "./support/jobs-by-hand.ts";
import { type Answer, openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

describe("jobs over HTTP", () => {
  let node: TestRuntime;
  let publisher = "";
  let operator = "";
  before(async () => {
    node = await openTestRuntime({
      config: {
        computes: { work: { kind: "shell", command: ["true"] }, other: { kind: "shell", command: ["true"] } },
      },
    });
    publisher = await node.tokenOf("publisher");
    operator = await node.tokenOf("operator");
    // Nothing is run unless a test does it by hand.
    await act("PUT", "/policy/queue/*", { paused: true });
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/api${path}`);
  const act = (method: string, path: string, body?: unknown) =>
    node.request(method, `/api${path}`, { token: operator, body });
  async function enqueue(more: object = {}): Promise<string> {
    const { status, json, text } = await node.request("POST", "/api/job", {
      token: publisher,
      body: { job_type: "work", ...more },
    });
    assert.equal(status, 200, text);
    return json.id;
  }
  const idsOf = (answer: Answer): string[] => {
    assert.equal(answer.status, 200, answer.text);
    return answer.json.rows.map((row: { id: string }) => row.id);
  };
  const sql = () => node.runtime.database.sql;

  describe("a list", () => {
    it("is the newest first, a page at a time, of everything and of each filter", async () => {
      const queue = "listed";
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.push(await enqueue({ queue, payload: n }));
      const other = await enqueue({ queue, job_type: "other", delay_s: 60 });
      const newest = [other, ...ids.toReversed()];
      assert.deepEqual(idsOf(await get(`/job?queue=${queue}`)), newest);
      assert.deepEqual(idsOf(await get("/job")).slice(0, 6), newest);
      const pages: string[] = [];
      let path = `/job?queue=${queue}&limit=2`;
      for (let pagesLeft = 5; pagesLeft > 0; pagesLeft--) {
        const answer = await get(path);
        pages.push(...idsOf(answer));
        const { next_cursor, rows } = answer.json;
        assert.ok(!("payload" in rows[0]) && !("result" in rows[0]));
        if (next_cursor === null) break;
        path = `/job?queue=${queue}&limit=2&cursor=${next_cursor}`;
      }
      assert.deepEqual(pages, newest);
      assert.deepEqual(idsOf(await get(`/job?queue=${queue}&job_type=other`)), [other]);
      assert.deepEqual(idsOf(await get(`/job?job_type=other&limit=1`)), [other]);
      assert.deepEqual(idsOf(await get("/job?queue=nobody's")), []);
      assert.deepEqual(idsOf(await get("/job?queue=%00%ff")), []);
    });

    it("knows every state, live and ended", async () => {
      const queue = "states";
      const states = ["queued", "leased", "running", "succeeded", "dead", "cancelled"] as const;
      const ids = new Map<string, string>();
      for (const state of states) ids.set(state, await enqueue({ queue }));
      const of = (state: string) => ids.get(state) ?? "";
      await leaseByHand(sql(), of("leased"), "w", false);
      await leaseByHand(sql(), of("running"), "w");
      for (const state of ["succeeded", "dead"] as const) await endByHand(sql(), of(state), { state });
      assert.equal((await act("PUT", `/job/${of("cancelled")}/cancel`)).status, 200);
      ids.set("scheduled", await enqueue({ queue, delay_s: 60 }));
      ids.set("backing-off", await enqueue({ queue, delay_s: 60 }));
      await sql()`update job set state = 'backing-off' where job_id = ${of("backing-off")}::uuid`;
      for (const [state, id] of ids) {
        assert.deepEqual(idsOf(await get(`/job?queue=${queue}&state=${state}`)), [id], state);
        assert.ok(idsOf(await get(`/job?state=${state}`)).includes(id), state);
        assert.equal((await get(`/job/${id}`)).json.state, state);
      }
      const running = (await get(`/job/${of("running")}`)).json;
      assert.deepEqual([running.worker, running.attempt], ["w", 1]);
      assert.ok(running.started_at && running.lease_until);
    });

    it("is cut by the time of making, to the millisecond", async () => {
      const queue = "timed";
      const [one, two] = [await enqueue({ queue }), await enqueue({ queue })];
      const longAgo = "1999-01-01T00:00:00Z";
      assert.deepEqual(idsOf(await get(`/job?queue=${queue}&created_after=${longAgo}`)), [two, one]);
      assert.deepEqual(idsOf(await get(`/job?queue=${queue}&created_before=${longAgo}`)), []);
      assert.deepEqual(idsOf(await get(`/job?created_after=2999-01-01T00:00:00Z`)), []);
    });

    it("is refused with what is wrong in its query", async () => {
      const wrong = [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=xyz",
        "cursor=1%27%20or%201=1",
        "state=done",
        "dataset_id=1",
        "created_after=yesterday",
        "created_before=2026-02-30T00:00:00Z",
      ];
      for (const query of wrong) {
        const answer = await get(`/job?${query}`);
        refused(answer, 400);
        assert.equal(answer.json.field, query.split("=")[0]);
      }
    });
  });

  it("reads a job, and says 404 or 400 of another id", async () => {
    const id = await enqueue({ queue: "read" });
    assert.equal((await get(`/job/${id.toUpperCase()}`)).json.id, id);
    for (const end of ["", "/timeline", "/explain", "/log", "/log?follow=true", "/attempt/1/output"]) {
      refused(await get(`/job/${randomUUID()}${end}`), 404);
      refused(await get(`/job/nonsense${end}`), 400);
    }
    const ended = await enqueue({ queue: "read" });
    await endByHand(sql(), ended, { state: "succeeded", result: '{"n":12345678901234567890}' });
    assert.ok((await get(`/job/${ended}`)).text.includes('"result":{"n":12345678901234567890}'));
  });

  it("tells a job's story in order: asked for, decided, each attempt, its end, what took its place", async () => {
    const id = await enqueue({ queue: "story" });
    await sql()`insert into decision (decision_id, kind, code, queue, job_type, job_id, count, detail, at)
      values (${randomUUID()}::uuid, 'policy', 'KEY_CONCURRENCY', 'story', 'work', ${id}::uuid, 1, 'another one runs', now())`;
    const long = `${"ä".repeat(5000)}end`;
    await endByHand(sql(), id, {
      state: "dead",
      reason: "attempts_exhausted",
      error: "it broke",
      outputs: ["one", long],
    });
    const { json: replay } = await act("POST", `/job/${id}/replay`, {});
    const { json: redrive } = await act("POST", "/dlq/redrive", { ids: [id] });
    const { json } = await get(`/job/${id}/timeline`);
    assert.equal(json.id, id);
    const kinds = json.entries.map((entry: { kind: string }) => entry.kind);
    assert.deepEqual(kinds.slice(0, 2).concat(kinds.slice(-3)), [
      "enqueued",
      "decision",
      "ended",
      "replayed",
      "redriven",
    ]);
    const times = json.entries.map((entry: { at: string }) => entry.at);
    assert.deepEqual(times, [...times].sort());
    // biome-ignore lint/suspicious/noExplicitAny: entries have the fields of their kinds
    const of = (kind: string): any[] => json.entries.filter((entry: { kind: string }) => entry.kind === kind);
    assert.deepEqual(
      of("decision").map((entry) => entry.code),
      ["ACCEPTED", "KEY_CONCURRENCY"],
    );
    const [first, second] = of("attempt");
    assert.deepEqual(
      [first.attempt, first.token, first.worker, first.outcome, first.code, first.latency_ms, first.output_tail],
      [1, 1, "worker-1", "failed", "exit 1", 7, "one"],
    );
    assert.ok(Buffer.byteLength(second.output_tail) <= 4096 && second.output_tail.endsWith("äend"));
    assert.ok(!second.output_tail.includes("\ufffd"));
    assert.deepEqual([of("ended")[0].state, of("ended")[0].reason], ["dead", "attempts_exhausted"]);
    assert.deepEqual([of("replayed")[0].job_id, of("redriven")[0].job_id], [replay.id, redrive.redriven[0].as]);
    const output = await get(`/job/${id}/attempt/2/output`);
    assert.deepEqual([output.status, output.text], [200, long]);
    assert.match(output.headers.get("content-type") ?? "", /^text\/plain/);
    assert.equal((await get(`/job/${id}/attempt/1/output`)).text, "one");
    refused(await get(`/job/${id}/attempt/9/output`), 404);
    refused(await get(`/job/${id}/attempt/x/output`), 400);
  });

  describe("why a job is where it is", () => {
    const explain = async (id: string) => {
      const { status, json, text } = await get(`/job/${id}/explain`);
      assert.equal(status, 200, text);
      const fields = ["blocked_by", "id", "last_error", "next_run_at", "state", "suggested_action", "summary"];
      assert.deepEqual(Object.keys(json).sort(), fields);
      return json;
    };

    it("names the limit that holds it, and how to lift it", async () => {
      const id = await enqueue({ queue: "why", concurrency_key: "k" });
      const paused = await explain(id);
      assert.equal(paused.blocked_by.code, "QUEUE_PAUSED");
      assert.match(paused.suggested_action, /PUT \/api\/queue\/why/);
      await sql()`update job set held_by = 'key:why:k' where job_id = ${id}::uuid`;
      const held = await explain(id);
      assert.deepEqual([held.blocked_by.code, held.blocked_by.concurrency_key], ["KEY_CONCURRENCY", "k"]);
      assert.match(held.summary, /concurrency key "k"/);
    });

    it("names the last delay of its lane, and the lack of a worker with its labels", async () => {
      await act("PUT", "/queue/why-2", { paused: false });
      const lonely = await explain(await enqueue({ queue: "why-2", requires: ["no-such-label"] }));
      assert.equal(lonely.blocked_by.code, "NO_WORKER");
      assert.equal(lonely.summary, "No live node runs work and has the labels no-such-label");
      await act("PUT", "/queue/why-2", { paused: true });
      const id = await enqueue({ queue: "why-2" });
      await sql()`insert into decision (decision_id, kind, code, queue, job_type, job_id, count, detail, at)
        values (${randomUUID()}::uuid, 'policy', 'KEY_CONCURRENCY', 'why-2', 'work', ${id}::uuid, 1, 'one runs', now())`;
      assert.equal((await explain(id)).blocked_by.code, "QUEUE_PAUSED");
    });

    it("says when it runs next, what went wrong, and what to do with a dead one", async () => {
      const scheduled = await explain(await enqueue({ queue: "why-3", run_at: "2999-01-01T00:00:00Z" }));
      assert.equal(scheduled.next_run_at, "2999-01-01T00:00:00.000000+00:00");
      const id = await enqueue({ queue: "why-3" });
      await leaseByHand(sql(), id, "node-7");
      assert.match((await explain(id)).summary, /node-7/);
      await endByHand(sql(), id, { state: "dead", reason: "attempts_exhausted", error: "disk is full" });
      const dead = await explain(id);
      assert.deepEqual([dead.state, dead.last_error], ["dead", "disk is full"]);
      assert.match(dead.suggested_action, new RegExp(`redrive.*${id}`));
      const done = await enqueue({ queue: "why-3" });
      await endByHand(sql(), done, { state: "succeeded" });
      assert.deepEqual([(await explain(done)).suggested_action, (await explain(done)).blocked_by], [null, null]);
    });
  });

  describe("cancelling", () => {
    it("ends a job that waits or runs, once, and tells its holder", async () => {
      const heard: (string | null)[] = [];
      const stop = await node.runtime.database.listen("orrery_jobs_cancelled", (id) => heard.push(id));
      const waiting = await enqueue({ queue: "cancel" });
      const running = await enqueue({ queue: "cancel" });
      await leaseByHand(sql(), running, "node-7");
      for (const id of [waiting, running]) {
        const answers = await Promise.all([1, 2, 3].map(() => act("PUT", `/job/${id}/cancel`)));
        assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409, 409]);
        const { json } = await get(`/job/${id}`);
        assert.deepEqual([json.state, json.reason, json.error], ["cancelled", "cancelled", "cancelled by operator"]);
        assert.ok(json.finished_at);
      }
      await until("both are told", () => [waiting, running].every((id) => heard.includes(id)));
      const rows = await sql()`select 1 from job where queue = 'cancel'`;
      assert.equal(rows.length, 0);
      await stop();
    });

    it("is refused for what has ended, for a product's job, and without the role", async () => {
      const id = await enqueue({ queue: "cancel" });
      await endByHand(sql(), id, { state: "succeeded" });
      const late = await act("PUT", `/job/${id}/cancel`);
      refused(late, 409, "succeeded");
      refused(await act("PUT", `/job/${randomUUID()}/cancel`), 404);
      const asPublisher = await node.request("PUT", `/api/job/${id}/cancel`, { token: publisher });
      refused(asPublisher, 403, "operate");

      const [jobId, datasetId, productId] = [await enqueue({ queue: "cancel" }), randomUUID(), randomUUID()];
      await sql()`update job set dataset_id = ${datasetId}::uuid, product_id = ${productId}::uuid where job_id = ${jobId}::uuid`;
      await sql()`update job_record set dataset_id = ${datasetId}::uuid, product_id = ${productId}::uuid where job_id = ${jobId}::uuid`;
      refused(await act("PUT", `/job/${jobId}/cancel`), 409, `/api/data_product/${datasetId}`);
      refused(await act("POST", `/job/${jobId}/replay`, {}), 409, `/api/data_product/${datasetId}`);
      assert.deepEqual(idsOf(await get(`/job?dataset_id=${datasetId}`)), [jobId]);
      assert.deepEqual(idsOf(await get(`/job?dataset_id=${datasetId}&state=queued`)), [jobId]);
      assert.deepEqual(idsOf(await get(`/job?dataset_id=${datasetId}&state=dead`)), []);
    });
  });

  it("replays a job as a new one that points at it, elsewhere or later if that is asked for", async () => {
    const asked = {
      queue: "again",
      payload: { n: 1 },
      priority: 3,
      max_attempts: 9,
      timeout_s: 2,
      requires: ["x"],
      concurrency_key: "k",
    };
    const id = await enqueue(asked);
    const { status, json } = await act("POST", `/job/${id}/replay`, {});
    assert.equal(status, 200);
    assert.notEqual(json.id, id);
    const { queue, payload, priority, max_attempts, timeout_s, requires, concurrency_key, replay_of } = json;
    assert.deepEqual(
      { queue, payload, priority, max_attempts, timeout_s, requires, concurrency_key, replay_of },
      { ...asked, replay_of: id },
    );
    const moved = await act("POST", `/job/${id}/replay`, { queue: "again-2", run_at: "2999-01-01T00:00:00Z" });
    assert.deepEqual([moved.json.queue, moved.json.state], ["again-2", "scheduled"]);
    assert.equal((await act("POST", `/job/${id}/replay`, { queue: "a b" })).json.field, "queue");
    const decision = (await get(`/ingest/decision?job_id=${json.id}`)).json.rows[0];
    assert.match(decision.detail, new RegExp(id));
    const key = { "Idempotency-Key": randomUUID() };
    const keyed = () => node.request("POST", `/api/job/${id}/replay`, { token: operator, headers: key, body: {} });
    assert.equal((await keyed()).text, (await keyed()).text);
  });

  describe("a job's log", () => {
    const say = (id: string, token: number, part: number, text: string) =>
      sql()`insert into job_log (job_id, token, part, at, text)
        values (${id}::uuid, ${token}::bigint, ${part}::int, now(), ${text})`;

    it("is read so far as text, in order, however long", async () => {
      const id = await enqueue({ queue: "log" });
      for (let part = 0; part < 450; part++) await say(id, part < 200 ? 1 : 2, part, `line ${part}\n`);
      const { text, headers } = await get(`/job/${id}/log`);
      assert.equal(text, Array.from({ length: 450 }, (_, part) => `line ${part}\n`).join(""));
      assert.match(headers.get("content-type") ?? "", /^text\/plain/);
      refused(await get(`/job/${id}/log?follow=maybe`), 400, "follow");
    });

    it("is an attempt's output where it ended before a line was stored, however long", async () => {
      const id = await enqueue({ queue: "log" });
      const long = "ä".repeat(150_000);
      await endByHand(sql(), id, { state: "dead", outputs: ["one\n", "", long] });
      assert.ok((await get(`/job/${id}/log`)).text === `one\n${long}`);
      const reader = await EventReader.open(`${node.url}/api/job/${id}/log?follow=true`, "1.0");
      let text = "";
      for (let event = await reader.next(); event.name !== "end"; event = await reader.next()) text += event.data.text;
      assert.ok(text === long);
    });

    it("is followed as it comes, from where a listener left off, until the job ends", async () => {
      const id = await enqueue({ queue: "log" });
      await say(id, 1, 0, "one\nand more");
      const url = `${node.url}/api/job/${id}/log?follow=true`;
      const [whole, resumed] = [await EventReader.open(url), await EventReader.open(url, "1.0")];
      const first = await whole.next();
      assert.deepEqual(
        [first.name, first.id, first.data],
        ["line", "1.0", { token: 1, part: 0, text: "one\nand more" }],
      );
      await say(id, 2, 0, "two");
      for (const reader of [whole, resumed]) {
        const { data } = await reader.next();
        assert.deepEqual(data, { token: 2, part: 0, text: "two" });
      }
      await say(id, 2, 1, "three");
      await endByHand(sql(), id, { state: "succeeded" });
      for (const reader of [whole, resumed]) {
        assert.equal((await reader.next()).data.text, "three");
        const end = await reader.next();
        assert.deepEqual([end.name, end.data], ["end", { state: "succeeded" }]);
        await reader.ended();
      }
      const late = await EventReader.open(url, "2.0");
      assert.equal((await late.next()).data.text, "three");
      assert.equal((await late.next()).name, "end");
      await late.ended();
    });

    it("comes at once when a hint says that there is more", async () => {
      const id = await enqueue({ queue: "log" });
      const reader = await EventReader.open(`${node.url}/api/job/${id}/log?follow=true`);
      await say(id, 1, 0, "quick");
      node.runtime.database.notify("orrery_job_log", id);
      assert.equal((await reader.next()).data.text, "quick");
      await reader.close();
    });
  });

  it("says what happened in the last minute, of a queue and of all", async () => {
    const queue = "measured";
    await enqueue({ queue });
    await enqueue({ queue, delay_s: 60 });
    const put = (agoS: number, nodeId: string) =>
      sql()`insert into queue_second (queue, at, node_id, leased, succeeded, failed, retried, dead, waited_ms, ran_ms)
        values (${queue}, now() - ${agoS}::float8 * interval '1 second', ${nodeId}, 60, 45, 15, 12, 3, 600, 1200)`;
    await put(1, "a");
    await put(2, "b");
    await put(90, "a");
    const { json } = await get(`/job/metrics?queue=${queue}`);
    const { depth, scheduled, running, held, ...rates } = json;
    assert.deepEqual([depth, scheduled, running, held], [1, 1, 0, 0]);
    assert.deepEqual(rates, {
      queue,
      window_s: 60,
      jobs_per_s: 1.6,
      success_rate: 0.75,
      retry_rate: 0.2,
      mean_latency_ms: 20,
      mean_wait_ms: 10,
    });
    const all = (await get("/job/metrics")).json;
    assert.ok(all.queue === null && all.depth > 1);
    const none = (await get("/job/metrics?queue=nobody")).json;
    assert.deepEqual([none.depth, none.success_rate, none.mean_wait_ms], [0, null, null]);
  });

  it("tells the document of all of it", async () => {
    const { paths } = (await node.request("GET", "/spec")).json;
    const expected = {
      "/job": ["get", "post"],
      "/job/{job_id}": ["get"],
      "/job/metrics": ["get"],
      "/job/{job_id}/timeline": ["get"],
      "/job/{job_id}/explain": ["get"],
      "/job/{job_id}/log": ["get"],
      "/job/{job_id}/attempt/{token}/output": ["get"],
      "/job/{job_id}/replay": ["post"],
      "/job/{job_id}/cancel": ["put"],
    };
    for (const [path, methods] of Object.entries(expected)) {
      assert.deepEqual(Object.keys(paths[path] ?? {}).sort(), methods, path);
    }
    assert.ok(paths["/job"].post.security && paths["/job/{job_id}/cancel"].put.security);
    assert.equal((await node.request("DELETE", "/api/job", { token: operator })).status, 405);
  });
});
