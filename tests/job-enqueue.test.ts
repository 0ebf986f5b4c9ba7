/** What comes in: stored whole or not at all, once a key, within its guardrails, each refusal a stored decision. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { refused } from "./support/http.ts";
import { type Answer, openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

describe("enqueueing over HTTP", () => {
  let node: TestRuntime;
  let publisher = "";
  let operator = "";
  /** Nothing of it is run, so that its jobs stay as they are enqueued. */
  const still = "still";
  before(async () => {
    node = await openTestRuntime({ config: { computes: { work: { kind: "shell", command: ["true"], attempts: 5 } } } });
    publisher = await node.tokenOf("publisher");
    operator = await node.tokenOf("operator");
    await setQueue(still, { paused: true });
  });
  after(() => node.stop());

  const post = (body: unknown, headers = {}): Promise<Answer> =>
    node.request("POST", "/api/job", { token: publisher, headers, body });
  const job = (more: object = {}) => ({ queue: still, job_type: "work", ...more });
  const get = (path: string) => node.request("GET", `/api${path}`);
  const count = async (queue: string): Promise<number> => {
    const [row] = await node.runtime.database.sql<{ count: number }>`
      select count(*) as count from job_record where queue = ${queue}`;
    return row?.count ?? -1;
  };
  const decisions = async (
    queue: string,
    code: string,
  ): Promise<{ count: number; service: string; detail: string }[]> =>
    (await get(`/ingest/decision?queue=${queue}&code=${code}`)).json.rows;
  async function setQueue(queue: string, settings: object): Promise<void> {
    const answer = await node.request("PUT", `/api/queue/${queue}`, { token: operator, body: settings });
    assert.equal(answer.status, 200, answer.text);
  }

  it("answers the whole job, as it is read afterwards", async () => {
    const given = {
      payload: { a: [1, "x", null] },
      priority: 7,
      max_attempts: 2,
      timeout_s: 1.5,
      concurrency_key: "customer-7",
      requires: ["gpu"],
    };
    const { status, json, text } = await post(job(given));
    assert.equal(status, 200, text);
    const { id, created_at, run_at, ...rest } = json;
    assert.match(id, /^.{14}7/);
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    assert.equal(run_at, created_at);
    assert.deepEqual(rest, {
      ...job(given),
      state: "queued",
      attempt: 0,
      worker: null,
      lease_until: null,
      held_by: null,
      dataset_id: null,
      product_id: null,
      replay_of: null,
      created_by: "publisher",
      started_at: null,
      finished_at: null,
      reason: null,
      error: null,
      redriven_as: null,
      result: null,
    });
    assert.deepEqual((await get(`/job/${id}`)).json, json);
  });

  it("takes the defaults: queue default, the type's attempts, no payload, now", async () => {
    await setQueue("default", { paused: true });
    const { json } = await post({ job_type: "work" });
    assert.deepEqual([json.queue, json.max_attempts, json.payload, json.priority], ["default", 5, null, 0]);
    assert.deepEqual([json.timeout_s, json.requires, json.concurrency_key], [null, [], null]);
  });

  it("schedules what is asked for later, and takes what was due long ago as due now", async () => {
    const later = (await post(job({ delay_s: 3600 }))).json;
    assert.equal(later.state, "scheduled");
    assert.equal(Math.round((Date.parse(later.run_at) - Date.parse(later.created_at)) / 1000), 3600);
    const at = (await post(job({ run_at: "2999-01-31T10:20:30+02:00" }))).json;
    assert.deepEqual([at.state, at.run_at], ["scheduled", "2999-01-31T08:20:30.000000+00:00"]);
    const past = (await post(job({ run_at: "1999-01-31T10:20:30Z" }))).json;
    assert.deepEqual([past.state, past.run_at], ["queued", past.created_at]);
    refused(await post(job({ run_at: "2999-01-01T00:00:00Z", delay_s: 1 })), 422, "delay_s");
  });

  it("keeps a payload digit by digit and character by character", async () => {
    const payload =
      '{"big":12345678901234567890,"exact":0.10000000000000000001,"far":1e400,"__proto__":{"admin":true},"half":"\\ud800","nul":"\\u0000"}';
    const { status, text, json } = await post(`{"queue":"${still}","job_type":"work","payload":${payload}}`);
    assert.equal(status, 200, text);
    assert.ok(text.includes(`"payload":${payload}`), text);
    assert.ok((await get(`/job/${json.id}`)).text.includes(`"payload":${payload}`));
    assert.equal((await post(`{"queue":"${still}","job_type":"work","__proto__":{"priority":5}}`)).json.priority, 0);
  });

  it("refuses a bad field by its path (422), what is no JSON with 400, and stores nothing of either", async () => {
    const queue = "refusing";
    const wrong: [unknown, string][] = [
      [{ queue, job_type: 3 }, "job_type"],
      [{ queue }, "job_type"],
      [{ queue, job_type: "" }, "job_type"],
      [{ queue, job_type: "a\u0000b" }, "job_type"],
      [{ queue: "a b", job_type: "work" }, "queue"],
      [{ queue: "../x", job_type: "work" }, "queue"],
      [{ queue: "orrery", job_type: "work" }, "queue"],
      [{ queue, job_type: "work", priority: 101 }, "priority"],
      [{ queue, job_type: "work", priority: 1.5 }, "priority"],
      [{ queue, job_type: "work", max_attempts: 0 }, "max_attempts"],
      [{ queue, job_type: "work", run_at: "tomorrow" }, "run_at"],
      [{ queue, job_type: "work", delay_s: -1 }, "delay_s"],
      [{ queue, job_type: "work", timeout_s: 0 }, "timeout_s"],
      [{ queue, job_type: "work", requires: ["a", 1] }, "requires.1"],
      [{ queue, job_type: "work", concurrency_key: "\ud800" }, "concurrency_key"],
      [{ queue, job_type: "work", idempotency_key: "ä" }, "idempotency_key"],
      [`{"queue":"${queue}","job_type":"work","max_attempts":12345678901234567890}`, "max_attempts"],
      [
        [
          { queue, job_type: "work" },
          { queue, job_type: "work", priority: "high" },
        ],
        "jobs.1.priority",
      ],
      [[{ queue, job_type: "work", idempotency_key: "k" }], "jobs.0.idempotency_key"],
      [[], "jobs"],
      [3, "body"],
      [null, "body"],
    ];
    for (const [body, field] of wrong) {
      const answer = await post(body);
      refused(answer, 422);
      assert.deepEqual([answer.json.code, answer.json.field], ["invalid_field", field], answer.text);
    }
    for (const body of ["{", "", "[{]", '{"a":1}x']) refused(await post(body), 400);
    assert.equal((await post("[".repeat(100_000))).status, 400);
    const noType = await node.request("POST", "/api/job", {
      token: publisher,
      body: "{}",
      headers: { "Content-Type": "text/plain" },
    });
    assert.equal(noType.status, 415);
    assert.equal(await count(queue), 0);
  });

  it("asks for a token and the role", async () => {
    assert.equal((await node.request("POST", "/api/job", { body: job() })).status, 401);
    const reader = await node.tokenOf("reader");
    assert.equal((await node.request("POST", "/api/job", { token: reader, body: job() })).status, 403);
  });

  it("refuses a type that nothing runs, naming those that are known", async () => {
    const answer = await post({ queue: "types", job_type: "nope" });
    refused(answer, 422, "nope", "work");
    assert.deepEqual([answer.json.code, answer.json.known], ["UNKNOWN_JOB_TYPE", ["work"]]);
    for (const internal of ["orrery.instantiate", "cams"]) refused(await post({ job_type: internal }), 422, internal);
    const [decision] = await decisions("types", "UNKNOWN_JOB_TYPE");
    assert.deepEqual([decision?.count, decision?.service], [1, "publisher"]);
  });

  it("stores a list whole, in its order, and answers its ids", async () => {
    const queue = "lists";
    await setQueue(queue, { paused: true });
    const list = Array.from({ length: 10_000 }, (_, n) => ({ queue, job_type: "work", payload: n }));
    const { status, json, text } = await post(list);
    assert.equal(status, 200, text);
    assert.deepEqual([json.count, new Set(json.ids).size], [10_000, 10_000]);
    assert.deepEqual([...json.ids].sort(), json.ids);
    for (const n of [0, 5000, 9999]) assert.equal((await get(`/job/${json.ids[n]}`)).json.payload, n);
    const accepted = await decisions(queue, "ACCEPTED");
    assert.deepEqual(
      accepted.map((decision) => decision.count),
      [10_000],
    );
    const tooMany = await post([...list, list[0]]);
    refused(tooMany, 422, "10001");
    assert.equal(tooMany.json.field, "jobs");
    refused(await post([...list.slice(0, 99), { queue, job_type: "nope" }]), 422, "nope");
    assert.equal(await count(queue), 10_000);
  });

  describe("a payload that is too large", () => {
    it("is refused with 413 and a decision, alone and in a list, and nothing is stored", async () => {
      const queue = "bombs";
      const bomb = { queue, job_type: "work", payload: "x".repeat(1024 * 1024) };
      const answer = await post(bomb);
      refused(answer, 413, "1048576");
      assert.deepEqual([answer.json.code, answer.json.field], ["PAYLOAD_TOO_LARGE", "payload"]);
      const listed = await post([{ queue, job_type: "work" }, bomb]);
      assert.deepEqual([listed.status, listed.json.field], [413, "jobs.1.payload"]);
      assert.equal((await decisions(queue, "PAYLOAD_TOO_LARGE")).length, 2);
      assert.equal(await count(queue), 0);
      assert.equal((await post({ ...bomb, payload: "x".repeat(1024 * 1024 - 2) })).status, 200);
    });

    it("is none of a list that is just within what a body may be", async () => {
      const list = Array.from({ length: 15 }, (_, n) => ({ ...job(), payload: `${n}`.padEnd(1024 * 1024 - 2, "x") }));
      const { status, json, text } = await post(list);
      assert.equal(status, 200, text);
      assert.equal((await get(`/job/${json.ids[14]}`)).json.payload.slice(0, 4), "14xx");
    });

    it("is measured as UTF-8 against the queue's policy", async () => {
      const queue = "small";
      await setQueue(queue, { paused: true, payload_bytes_max: 10 });
      assert.equal((await post({ queue, job_type: "work", payload: "12345678" })).status, 200);
      assert.equal((await post({ queue, job_type: "work", payload: "ääää" })).status, 200);
      refused(await post({ queue, job_type: "work", payload: "äääää" }), 413, "small");
      assert.equal((await post({ queue, job_type: "work" })).status, 200);
    });

    it("is refused as such even when the body is larger than any may be", async () => {
      const answer = await post(`{"job_type":"work","payload":"${"x".repeat(17 * 1024 * 1024)}"}`);
      assert.deepEqual([answer.status, answer.json?.code], [413, "PAYLOAD_TOO_LARGE"]);
      assert.equal((await decisions("*", "PAYLOAD_TOO_LARGE")).length, 1);
    });
  });

  describe("under an Idempotency-Key", () => {
    it("is one job, and one answer to the byte, fifty times at once and later, whatever became of it", async () => {
      const key = randomUUID();
      const body = job({ payload: { n: 12345678901234 } });
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(body, { "Idempotency-Key": key })));
      assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
      assert.equal(new Set(answers.map((answer) => answer.text)).size, 1);
      const { id } = answers[0]?.json ?? {};
      const cancelled = await node.request("PUT", `/api/job/${id}/cancel`, { token: operator });
      assert.equal(cancelled.json.state, "cancelled");
      assert.equal((await post(body, { "Idempotency-Key": key })).text, answers[0]?.text);
    });

    it("may be named by the job itself, and counts within its queue and service", async () => {
      const body = job({ idempotency_key: randomUUID() });
      const [one, two] = [await post(body), await post(body)];
      assert.deepEqual([one.status, two.text], [200, one.text]);
      const other = await post({ ...body, queue: "still-2" });
      assert.notEqual(other.json.id, one.json.id);
    });

    it("is refused with 422 when the body is another one, and then stores nothing", async () => {
      const headers = { "Idempotency-Key": randomUUID() };
      const queue = "keyed";
      await setQueue(queue, { paused: true });
      assert.equal((await post([{ queue, job_type: "work" }], headers)).status, 200);
      const other = await post(
        [
          { queue, job_type: "work" },
          { queue, job_type: "work" },
        ],
        headers,
      );
      refused(other, 422, headers["Idempotency-Key"]);
      assert.equal(other.json.code, "idempotency_key_reused");
      assert.equal(await count(queue), 1);
      refused(await post(job(), { "Idempotency-Key": "x".repeat(256) }), 400, "Idempotency-Key");
    });

    it("may be used anew when a day has passed", async () => {
      const headers = { "Idempotency-Key": randomUUID() };
      const first = await post(job({ payload: 1 }), headers);
      await node.runtime.database.sql`
        update idempotency set at = at - interval '25 hours' where key = ${headers["Idempotency-Key"]}`;
      const second = await post(job({ payload: 2 }), headers);
      assert.deepEqual([second.status, second.json.payload], [200, 2]);
      assert.notEqual(second.json.id, first.json.id);
    });
  });

  describe("a queue's rate", () => {
    it("lets in exactly what it says, however many come at once; the others are told when to come", async () => {
      const queue = "rated";
      await setQueue(queue, { paused: true, enqueue_per_s: 0.001, enqueue_burst: 10 });
      const answers = await Promise.all(Array.from({ length: 100 }, () => post({ queue, job_type: "work" })));
      const statuses = answers.map((answer) => answer.status);
      assert.equal(statuses.filter((status) => status === 200).length, 10, statuses.join());
      const late = answers.find((answer) => answer.status === 429);
      assert.equal(late?.json.code, "ENQUEUE_RATE_EXCEEDED");
      assert.ok(Number(late?.headers.get("retry-after")) >= 900, late?.headers.get("retry-after") ?? "");
      assert.equal(await count(queue), 10);
      // A row each for the first ten refusals of a second, and one for the rest.
      let rows: { count: number }[] = [];
      await until("every refusal is stored", async () => {
        rows = await decisions(queue, "ENQUEUE_RATE_EXCEEDED");
        return rows.reduce((sum, row) => sum + row.count, 0) === 90;
      });
      assert.ok(rows.length <= 30, `${rows.length} rows`);
    });

    it("refuses a list that is more than is left whole, and still lets in one that fits", async () => {
      const queue = "rated-2";
      await setQueue(queue, { paused: true, enqueue_per_s: 0.001, enqueue_burst: 5 });
      const list = (length: number) => Array.from({ length }, () => ({ queue, job_type: "work" }));
      const statuses: number[] = [];
      for (const length of [4, 2, 1, 1]) statuses.push((await post(list(length))).status);
      assert.deepEqual(statuses, [200, 429, 200, 429]);
      assert.equal(await count(queue), 5);
    });

    it("takes nothing from a repetition: its key is answered as before", async () => {
      const queue = "rated-3";
      await setQueue(queue, { paused: true, enqueue_per_s: 0.001, enqueue_burst: 1 });
      const headers = { "Idempotency-Key": randomUUID() };
      const answers: Answer[] = [];
      for (let i = 0; i < 3; i++) answers.push(await post({ queue, job_type: "work" }, headers));
      assert.deepEqual(
        answers.map((answer) => answer.text),
        Array(3).fill(answers[0]?.text),
      );
      refused(await post({ queue, job_type: "work" }), 429, queue);
    });

    it("refills with time, and is nobody's limit when it is taken away", async () => {
      const queue = "rated-4";
      await setQueue(queue, { paused: true, enqueue_per_s: 20, enqueue_burst: 1 });
      assert.equal((await post({ queue, job_type: "work" })).status, 200);
      await until("a token came", async () => (await post({ queue, job_type: "work" })).status === 200);
      await setQueue(queue, { enqueue_per_s: null });
      const answers = await Promise.all(Array.from({ length: 20 }, () => post({ queue, job_type: "work" })));
      assert.ok(answers.every((answer) => answer.status === 200));
    });
  });

  it("refuses more jobs than a queue's depth may be, and takes them again when some are gone", async () => {
    const queue = "deep";
    await setQueue(queue, { paused: true, depth_max: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => post({ queue, job_type: "work" })));
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [...Array(5).fill(200), ...Array(15).fill(429)]);
    const full = await post({ queue, job_type: "work", delay_s: 60 });
    refused(full, 429, queue);
    assert.equal(full.json.code, "QUEUE_DEPTH_EXCEEDED");
    assert.ok(full.headers.get("retry-after"));
    assert.equal(await count(queue), 5);
    const id = answers.find((answer) => answer.status === 200)?.json.id;
    assert.equal((await node.request("PUT", `/api/job/${id}/cancel`, { token: operator })).status, 200);
    const metrics = (await node.request("GET", "/metrics")).text;
    assert.match(metrics, /orrery_jobs_refused_total\{code="QUEUE_DEPTH_EXCEEDED"\} 1[6-9]/);
    assert.match(metrics, /orrery_jobs_enqueued_total [1-9]/);
    await until("there is room", async () => (await post({ queue, job_type: "work" })).status === 200);
    assert.equal(await count(queue), 6);
    assert.ok((await decisions(queue, "QUEUE_DEPTH_EXCEEDED")).length > 0);
  });
});
