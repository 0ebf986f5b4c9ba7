/** Leases over HTTP, as a remote worker takes them: pulled, kept, reported, lost. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { attemptsOf } from "../src/store/attempts.ts";
import { done, refused } from "./support/http.ts";
import { type Answer, openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let node: TestRuntime;
const tokens = { publisher: "", updater: "", operator: "", admin: "" };
before(async () => {
  node = await openTestRuntime({
    config: {
      computes: {
        remote: { kind: "worker", attempts: 2, no_retry: ["65"], timeout_s: 90 },
        gpu: { kind: "worker", attempts: 2, requires: ["gpu"] },
      },
    },
  });
  for (const name of ["publisher", "updater", "operator", "admin"] as const) tokens[name] = await node.tokenOf(name);
});
after(() => node.stop());

const worker = { worker_id: "w-1", name: "w", host: "h", version: "1", queues: [], labels: [], slots: 4, held: 0 };

const poll = (more: object = {}) =>
  node.request("POST", "/api/lease", { token: tokens.updater, body: { ...worker, count: 1, wait_s: 0, ...more } });

async function enqueue(more: object = {}): Promise<string> {
  const body = { job_type: "remote", ...more };
  return done(await node.request("POST", "/api/job", { token: tokens.publisher, body })).json.id;
}

async function lease(more: object = {}) {
  const { leases } = done(await poll(more)).json;
  return leases[0] ?? assert.fail("nothing was leased");
}

const tell = (leaseId: string, verb: string, body: object = {}) =>
  node.request(verb === "log" ? "POST" : "PUT", `/api/lease/${leaseId}/${verb}`, { token: tokens.updater, body });

function problem(answer: Answer, status: number, code: string) {
  refused(answer, status);
  assert.equal(answer.json.code, code);
  return answer.json;
}

const job = async (id: string) => done(await node.request("GET", `/api/job/${id}`)).json;

describe("a job that only remote workers run", () => {
  it("says that none is there, although a node is, and how to start one", async () => {
    const ids: string[] = [];
    const explained = async (more: object = {}) => {
      ids.push(await enqueue({ queue: "nobodys", ...more }));
      return done(await node.request("GET", `/api/job/${ids.at(-1)}/explain`)).json;
    };
    const told = await explained();
    assert.equal(told.summary, 'No live worker takes remote from queue "nobodys"');
    assert.equal(told.blocked_by.code, "NO_WORKER");
    assert.equal(told.suggested_action, "Start one: orrery worker --queues nobodys -- COMMAND");
    const labelled = await explained({ requires: ["arm", "big"] });
    assert.match(labelled.summary, /and has the labels arm, big$/);
    assert.match(labelled.suggested_action, / --labels arm,big -- COMMAND$/);
    for (const queues of [["nobodys"], []]) {
      done(await poll({ worker_id: "w-able", queues, count: 0 }));
      assert.equal((await explained()).blocked_by, null);
    }
    for (const id of ids) done(await node.request("PUT", `/api/job/${id}/cancel`, { token: tokens.operator }));
  });
});

describe("a remote worker", () => {
  it("is given a job with its payload to the digit, keeps it, and hands back a result", async () => {
    const id = await enqueue({ payload: { n: 1, big: "x" }, timeout_s: 30 });
    const { json } = await poll();
    const [leased] = json.leases;
    const { lease_id, token, attempt, queue, job_type, payload, timeout_s, dataset, product } = leased;
    assert.deepEqual(
      [lease_id, token, attempt, queue, job_type, payload, timeout_s, dataset, product],
      [`${id}.1`, 1, 1, "default", "remote", { n: 1, big: "x" }, 30, null, null],
    );
    assert.equal((await job(id)).state, "running");
    const beat = done(await tell(lease_id, "heartbeat")).json;
    assert.ok(beat.lease_until > new Date().toISOString() && beat.cancelled === false);
    done(await tell(lease_id, "log", { text: "half way\n" }));
    done(await tell(lease_id, "complete", { result: { rows: 3 }, output: "done\n" }));
    const { state, result, worker: by } = await job(id);
    assert.deepEqual([state, result, by], ["succeeded", { rows: 3 }, null]);
  });

  it("keeps every digit of a payload and a result", async () => {
    const digits = '{"a":18446744073709551615,"b":1e400}';
    const body = `{"job_type":"remote","payload":${digits}}`;
    const id = done(await node.request("POST", "/api/job", { token: tokens.publisher, body })).json.id;
    const { text } = await poll();
    assert.ok(text.includes(`"payload":${digits}`), text);
    await node.request("PUT", `/api/lease/${id}.1/complete`, { token: tokens.updater, body: `{"result":${digits}}` });
    assert.ok((await node.request("GET", `/api/job/${id}`)).text.includes(`"result":${digits}`));
  });

  it("waits for work, and is woken when it comes", async () => {
    const waiting = poll({ wait_s: 20 });
    await until("the worker is known", async () => {
      const { json } = await node.request("GET", "/api/worker");
      return json.some(({ id }: { id: string }) => id === "w-1");
    });
    const startMs = performance.now();
    const id = await enqueue();
    const [leased] = done(await waiting).json.leases;
    assert.equal(leased.job_id, id);
    assert.ok(performance.now() - startMs < 5000, "it was not woken but looked by itself");
    done(await tell(leased.lease_id, "complete", { result: null }));
  });

  it("is given nothing when nothing comes in time, and only what its queues, types and labels fit", async () => {
    const id = await enqueue({ job_type: "gpu", queue: "special" });
    for (const more of [
      { queues: ["other"], labels: ["gpu"] },
      { labels: ["cpu"] },
      { labels: ["gpu"], job_types: ["remote"] },
      { count: 0, labels: ["gpu"] },
    ])
      assert.deepEqual(done(await poll(more)).json, { leases: [], drain: false });
    const leased = await lease({ queues: ["special"], labels: ["linux", "gpu"], job_types: ["gpu"] });
    assert.equal(leased.job_id, id);
    done(await tell(leased.lease_id, "complete", {}));
  });

  it("takes from all its lanes together what it asks for, the most urgent first, and touches no other job", async () => {
    const { sql } = node.runtime.database;
    for (const queue of ["many-a", "many-b", "many-limited"])
      for (let i = 0; i < 4; i++) await enqueue({ queue, priority: queue === "many-b" ? i : 0 });
    const rate = { rate_per_s: 1000, rate_burst: 100 };
    done(await node.request("PUT", "/api/queue/many-limited", { token: tokens.operator, body: rate }));
    const leases: { lease_id: string; queue: string }[] = [];
    for (let polls = 0; polls < 6; polls++) {
      const { json } = await poll({ count: 2, queues: ["many-a", "many-b", "many-limited"] });
      assert.equal(json.leases.length, 2);
      leases.push(...json.leases);
    }
    const ofA = leases.findIndex(({ queue }) => queue === "many-a");
    assert.ok(leases.slice(0, ofA).filter(({ queue }) => queue === "many-b").length >= 3, "the urgent ones come first");
    const tokensOf = await sql`select job_id from job where queue like 'many-%' and token <> 1`;
    assert.deepEqual(tokensOf, [], "leased only to be given back");
    for (const { lease_id } of leases) done(await tell(lease_id, "complete", {}));
  });

  it("may fail and be given it again, until no attempt is left", async () => {
    const id = await enqueue({ payload: 1 });
    const first = await lease();
    done(await tell(first.lease_id, "fail", { error: "no disk", code: "28", output: "trace" }));
    assert.deepEqual([(await job(id)).state, (await job(id)).attempt], ["backing-off", 1]);
    await node.runtime.database.sql`update job set run_at = now() where job_id = ${id}::uuid`;
    let leases: { lease_id: string; attempt: number }[] = [];
    await until("it is due again", async () => {
      leases = (await poll()).json.leases;
      return leases.length > 0;
    });
    assert.deepEqual(
      leases.map(({ lease_id, attempt }) => [lease_id, attempt]),
      [[`${id}.2`, 2]],
    );
    done(await tell(`${id}.2`, "fail", { error: "still none" }));
    const { state, reason, error } = await job(id);
    assert.deepEqual([state, reason, error], ["dead", "attempts_exhausted", "still none"]);
  });

  it("ends a job at once that it says, or the configuration says, cannot be mended by trying again", async () => {
    for (const failure of [
      { error: "bad input", retryable: false },
      { error: "bad input", code: "65" },
    ]) {
      const id = await enqueue();
      done(await tell((await lease()).lease_id, "fail", failure));
      assert.deepEqual([(await job(id)).state, (await job(id)).reason], ["dead", "not_retryable"]);
    }
  });

  it("whose report was stored is told so again when the first answer was lost; another report is refused", async () => {
    const id = await enqueue();
    const { lease_id } = await lease();
    for (let times = 0; times < 2; times++) done(await tell(lease_id, "complete", { result: 1 }));
    problem(await tell(lease_id, "fail", { error: "no" }), 409, "lease_lost");
    const { state, result } = await job(id);
    assert.deepEqual([state, result], ["succeeded", 1]);
    const told = await attemptsOf(node.runtime.database.sql, id);
    assert.deepEqual(
      told.map(({ outcome }) => outcome),
      ["succeeded", "superseded"],
    );
  });

  it("whose lease was superseded is told so, changes nothing, and its result is kept as evidence", async () => {
    const id = await enqueue();
    const { lease_id } = await lease();
    const { sql } = node.runtime.database;
    await sql`update job set token = 2 where job_id = ${id}::uuid`;
    for (const [verb, body] of [
      ["heartbeat", {}],
      ["log", { text: "x" }],
      ["fail", { error: "late" }],
      ["complete", { result: "late" }],
    ] as const) {
      const json = problem(await tell(lease_id, verb, body), 409, "lease_lost");
      assert.equal(json.why, "superseded");
    }
    assert.equal((await job(id)).state, "running");
    assert.deepEqual(
      (await attemptsOf(sql, id)).map(({ token, outcome }) => [token, outcome]),
      [[1, "superseded"]],
    );
    done(await tell(`${id}.2`, "complete", { result: "in time" }));
    assert.equal((await job(id)).result, "in time");
  });

  it("is told that its job was cancelled", async () => {
    const id = await enqueue();
    const { lease_id } = await lease();
    done(await node.request("PUT", `/api/job/${id}/cancel`, { token: tokens.operator }));
    const json = problem(await tell(lease_id, "heartbeat"), 409, "lease_lost");
    assert.equal(json.why, "cancelled");
  });

  it("computes data products, whose state follows it", async () => {
    const [dataset, parent, child] = [randomUUID(), randomUUID(), randomUUID()];
    const product = (id: string, name: string) => ({ id, name, version: "2", compute: "remote", eager: true });
    const plan = {
      dataset: { id: dataset, extra: { ship: "A" } },
      data_products: [{ ...product(parent, "raw"), passthrough: { day: 1 } }, product(child, "map")],
      dependencies: [{ parent_id: parent, child_id: child }],
    };
    done(await node.request("POST", "/api/plan", { token: tokens.publisher, body: plan }));
    const stateOf = async (id: string) => (await node.request("GET", `/api/data_product/${dataset}/${id}`)).json.state;
    const first = await lease({ queues: ["products"] });
    assert.deepEqual(first.product, { id: parent, name: "raw", version: "2" });
    assert.deepEqual([first.payload, first.dataset], [{ day: 1 }, { id: dataset, extra: { ship: "A" } }]);
    assert.deepEqual([await stateOf(parent), await stateOf(child)], ["running", "waiting"]);
    done(await tell(first.lease_id, "complete", { result: { rows: 7 }, link: "https://example.org/raw" }));
    const second = await lease({ queues: ["products"] });
    assert.deepEqual(second.parents, [{ id: parent, name: "raw", version: "2", passback: { rows: 7 } }]);
    done(await tell(second.lease_id, "fail", { error: "no", retryable: false }));
    assert.deepEqual([await stateOf(parent), await stateOf(child)], ["success", "failed"]);
    done(await node.request("PUT", `/api/data_product/${dataset}/clear`, { token: tokens.admin, body: [child] }));
    problem(await tell(second.lease_id, "complete", { result: 1 }), 409, "lease_lost");
    done(await tell((await lease({ queues: ["products"] })).lease_id, "complete", {}));
  });

  it("that is to drain is told so, and is given no more", async () => {
    const id = await enqueue();
    done(await node.request("PUT", "/api/worker/w-1/drain", { token: tokens.operator }));
    assert.deepEqual(done(await poll()).json, { leases: [], drain: true });
    const other = await lease({ worker_id: "w-2" });
    assert.equal(other.job_id, id);
    done(await tell(other.lease_id, "complete", {}));
  });
});

describe("a remote worker that ends", () => {
  const stateOf = async (id: string) => {
    const rows: { id: string; state: string }[] = done(await node.request("GET", "/api/worker")).json;
    return rows.find((row) => row.id === id)?.state ?? null;
  };

  it("is listed as draining while it holds something, and leaves the list with its goodbye", async () => {
    done(await poll({ worker_id: "w-ends", count: 0 }));
    assert.equal(await stateOf("w-ends"), "idle");
    assert.deepEqual(done(await poll({ worker_id: "w-ends", held: 1, draining: true })).json, {
      leases: [],
      drain: true,
    });
    assert.equal(await stateOf("w-ends"), "draining");
    assert.deepEqual(done(await poll({ worker_id: "w-ends", draining: true })).json, { leases: [], drain: true });
    assert.equal(await stateOf("w-ends"), null);
  });
});

describe("a request of a worker", () => {
  it("needs the role update, a lease that is one, and fields that fit", async () => {
    const { publisher } = tokens;
    const body = { ...worker, count: 1, wait_s: 0 };
    refused(await node.request("POST", "/api/lease", { token: publisher, body }), 403);
    refused(await node.request("POST", "/api/lease", { body }), 401);
    refused(await tell("nonsense", "complete", {}), 400);
    problem(await tell(`${randomUUID()}.1`, "complete", {}), 409, "lease_lost");
    for (const [field, value] of [
      ["count", 101],
      ["wait_s", 61],
      ["worker_id", ""],
      ["labels", "gpu"],
      ["queues", ["a b"]],
    ] as const) {
      const json = problem(await poll({ [field]: value }), 422, "invalid_field");
      assert.ok(json.field.startsWith(field), json.field);
    }
  });

  it("may not hand back more than a product may hold", async () => {
    await enqueue();
    const { lease_id } = await lease({ worker_id: "w-3" });
    problem(await tell(lease_id, "complete", { result: "x".repeat(300_000) }), 422, "invalid_field");
    done(await tell(lease_id, "complete", { result: "x" }));
  });
});
