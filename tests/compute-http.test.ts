/** The http compute against a real service: what it sends, what each answer means, and answers that come later by the callback. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { Hono } from "hono";
import { type Callbacks, createCallbacks } from "../src/compute/callbacks.ts";
import { type Outcome, stopBy, type Task } from "../src/compute/compute.ts";
import type { HttpConfig } from "../src/compute/compute-config.ts";
import { createHttp } from "../src/compute/http.ts";
import { retryAfterOf } from "../src/compute/http-answer.ts";
import { isSignedWebhook } from "../src/compute/webhook.ts";
import { callbackRoutes } from "../src/http/callback.ts";
import { problemResponse } from "../src/http/problem.ts";
import { type Server, serve } from "../src/http/serve.ts";
import { answersOf, openCallback, pruneCallbacks } from "../src/store/callbacks.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { type Receiver, receiver } from "./support/receiver.ts";
import { requester } from "./support/runtime.ts";
import { until } from "./support/signal.ts";
import { freeTaskOf, taskOf } from "./support/task.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const silent = { warn: () => {}, error: () => {} };

let database: Database;
let service: Receiver;
/** Two nodes on one store: the first waits, a callback may come to either. */
let nodes: { callbacks: Callbacks; server: Server; url: string }[];

before(async () => {
  database = await openTestDatabase();
  service = await receiver();
  nodes = [];
  for (let i = 0; i < 2; i++) {
    const late: { callbacks?: Callbacks } = {};
    const app = new Hono();
    const server = serve({ host: "127.0.0.1", port: 0, fetch: (request) => app.fetch(request) });
    const url = `http://127.0.0.1:${server.port}`;
    late.callbacks = createCallbacks({ baseUrl: url, log: silent, pollMs: 50 });
    await late.callbacks.start(database);
    app.route("/api", callbackRoutes({ callbacks: late.callbacks }));
    app.onError((error) => problemResponse(error, silent));
    nodes.push({ callbacks: late.callbacks, server, url });
  }
});
after(async () => {
  for (const { callbacks, server } of nodes) {
    await callbacks.stop();
    await server.close();
  }
  await service.close();
  await database.close();
});
beforeEach(() => {
  service.received.length = 0;
  service.raw = null;
  service.answer = () => ({ status: 200, body: "null" });
});

const node = (i: number) => {
  const found = nodes[i];
  assert.ok(found);
  return found;
};

function run(config: Partial<HttpConfig> = {}, task: Task = taskOf(), signal = new AbortController().signal) {
  const settings = { headers: {}, ca: undefined, secrets: [secret], callbacks: node(0).callbacks };
  const url = `${service.url}/compute?v=1`;
  return createHttp({ url, allow_private: ["127.0.0.1"], ...config }, settings).run(task, stopBy(signal));
}

const answering = (status: number, body = "", headers: Record<string, string> = {}) => {
  service.answer = () => ({ status, body, headers });
};

const failureOf = (outcome: Outcome) => {
  assert.ok("error" in outcome, JSON.stringify(outcome));
  return outcome;
};

/** Answers 202 at once, and hands over the callback's address. */
function accepting(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  service.answer = ({ body }) => {
    resolve(JSON.parse(body).callback);
    return { status: 202 };
  };
  return promise;
}

async function send(callback: string, body: unknown, through = node(0)) {
  const { pathname } = new URL(callback);
  return requester(through.url)("POST", pathname, { body });
}

const openCount = async (): Promise<number> => {
  const [row] = await database.sql<{ count: number }>`select count(*)::int as count from callback`;
  return row?.count ?? -1;
};

describe("an http compute", () => {
  it("posts the task as JSON with every digit, signed, under an id of the attempt", async () => {
    answering(200, '{"rows":1}');
    const outcome = await run({}, taskOf({ attempt: 2 }));
    assert.deepEqual(outcome, { outcome: "succeeded", passback: '{"rows":1}', link: null, output: "" });
    const [request] = service.received;
    assert.ok(request);
    assert.deepEqual([request.method, request.url], ["POST", "/compute?v=1"]);
    assert.equal(request.headers["content-type"], "application/json");
    assert.equal(request.headers["webhook-id"], "msg_018f3a52-0000-7000-8000-0000000000aa_2");
    assert.ok(isSignedWebhook([secret], request.headers, request.body, Math.floor(Date.now() / 1000)));
    assert.ok(request.body.includes('"passthrough":{"limit":18446744073709551615}'));
    const { job, attempt, dataset, product, payload, parents, callback } = JSON.parse(request.body);
    assert.deepEqual(job, { id: "018f3a52-0000-7000-8000-0000000000aa", queue: "products", type: "battery" });
    assert.deepEqual([attempt, dataset.extra.ship, product.name, payload], [2, "AURORA-1", "Battery health", null]);
    assert.deepEqual(
      parents.map((parent: { passback: unknown }) => parent.passback),
      [{ rows: 3 }, null],
    );
    assert.ok(callback.startsWith(`${node(0).url}/api/callback/`));
    assert.equal(await openCount(), 0, "the callback was closed");
  });

  it("posts a free-standing job with its payload", async () => {
    await run({}, freeTaskOf('{"to":[1e400]}'));
    const body = service.received[0]?.body ?? "";
    assert.ok(body.includes('"payload":{"to":[1e400]}'), body);
    assert.ok(body.includes('"dataset":null,"product":null,"passthrough":null'), body);
  });

  it("takes {passback, link}, any other JSON as the passback, and an empty answer as none", async () => {
    const cases: [string, string | null, string | null][] = [
      [
        '{"passback":{"n":12345678901234567890},"link":"https://example.org/p"}',
        '{"n":12345678901234567890}',
        "https://example.org/p",
      ],
      ['{"link":"https://example.org/p"}', null, "https://example.org/p"],
      ['{"passback":1,"other":2}', '{"passback":1,"other":2}', null],
      [" [1, 2] ", "[1, 2]", null],
      ["{}", "{}", null],
      ["null", null, null],
      ["", null, null],
    ];
    for (const [body, passback, link] of cases) {
      answering(201, body);
      assert.deepEqual(await run(), { outcome: "succeeded", passback, link, output: "" }, body);
    }
  });

  it("fails on an answer that is no JSON, or too large", async () => {
    answering(200, "<html>");
    assert.deepEqual(await run(), {
      outcome: "failed",
      error: "its answer 200 cannot be used: it is not JSON",
      code: "answer_invalid",
      output: "<html>",
    });
    answering(200, JSON.stringify("x".repeat(262_144)));
    assert.match(failureOf(await run()).error, /over the limit of 262144/);
    answering(200, JSON.stringify("x".repeat(400_000)));
    assert.equal(failureOf(await run()).code, "answer_too_large");
  });

  it("follows no redirect: 3xx is a failure", async () => {
    answering(307, "", { location: `${service.url}/elsewhere` });
    const { code, error, isFinal } = failureOf(await run());
    assert.deepEqual([code, isFinal], ["307", false]);
    assert.match(error, /answered 307, and a redirect is not followed/);
    assert.equal(service.received.length, 1);
  });

  it("takes 4xx as final, but for those that say not now; 5xx is tried again", async () => {
    const isFinal = async (status: number, config: Partial<HttpConfig> = {}) => {
      answering(status, "because");
      const outcome = failureOf(await run(config));
      assert.deepEqual([outcome.outcome, outcome.code, outcome.output], ["failed", String(status), "because"]);
      return outcome.isFinal;
    };
    for (const status of [400, 401, 403, 404, 410, 413, 422]) assert.equal(await isFinal(status), true, `${status}`);
    for (const status of [408, 409, 425, 429, 500, 502, 503]) assert.equal(await isFinal(status), false, `${status}`);
    assert.equal(await isFinal(503, { no_retry: [503] }), true);
  });

  it("hands on for how long the service wants to be left alone", async () => {
    answering(429, "", { "retry-after": "7" });
    const { retryAfterMs, error } = failureOf(await run());
    assert.equal(retryAfterMs, 7000);
    assert.match(error, /left alone for 7 s/);
    const now = Date.parse("2026-01-01T00:00:00Z");
    assert.equal(retryAfterOf("Thu, 01 Jan 2026 00:01:00 GMT", now), 60_000);
    assert.equal(retryAfterOf("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
    assert.deepEqual([retryAfterOf("soon", now), retryAfterOf(undefined)], [null, null]);
  });

  it("refuses a private address by default, for good, and sends nothing", async () => {
    const before = service.connections();
    const outcome = failureOf(await run({ allow_private: false }));
    assert.deepEqual([outcome.code, outcome.isFinal], ["address_refused", true]);
    assert.equal(service.connections(), before);
    const metadata = failureOf(
      await run({ url: "http://169.254.169.254/latest/meta-data/", allow_private: ["10.0.0.0/8"] }),
    );
    assert.equal(metadata.code, "address_refused");
  });

  it("is tried again when nobody listens or the connection breaks", async () => {
    const nobody = failureOf(await run({ url: "http://127.0.0.1:1/" }));
    assert.deepEqual([nobody.outcome, nobody.code, nobody.isFinal], ["failed", "network", false]);
    service.raw = (_, response) => response.socket?.destroy();
    assert.equal(failureOf(await run()).code, "network");
  });

  it("times out on a service that never answers, and ends at once when it is aborted", async () => {
    service.answer = () => null;
    const late = failureOf(await run({ timeout_s: 0.1 }));
    assert.deepEqual([late.outcome, late.code, late.error], ["timed_out", "timeout", "timed out after 0.1 s"]);
    const own = failureOf(await run({}, taskOf({ timeoutMs: 100 })));
    assert.equal(own.outcome, "timed_out");
    const abort = new AbortController();
    const ending = run({}, taskOf(), abort.signal);
    abort.abort(new Error("the product was cleared"));
    assert.deepEqual(await ending, { outcome: "cancelled", error: "the product was cleared", output: "" });
    assert.equal(await openCount(), 0);
  });

  it("never shows a secret or a header in what it says", async () => {
    const canary = "canary-5d1f";
    for (const status of [200, 302, 404, 500]) {
      answering(status, `<no json> you sent ${canary} and ${secret}`);
      const outcome = await createHttp(
        { url: `${service.url}/${canary}?token=${canary}`, allow_private: true },
        { headers: { authorization: canary }, ca: undefined, secrets: [secret], callbacks: node(0).callbacks },
      ).run(taskOf(), stopBy(new AbortController().signal));
      assert.ok(!JSON.stringify(outcome).includes(canary));
      assert.ok(!JSON.stringify(outcome).includes(secret));
    }
    assert.equal(service.received[0]?.headers.authorization, canary);
  });
});

describe("a callback", () => {
  it("answers a job that was accepted with 202, once", async () => {
    const accepted = accepting();
    const ending = run();
    const callback = await accepted;
    assert.match(callback, /\/api\/callback\/[\w-]{43}$/);
    const taken = await send(callback, { result: { n: 1 }, link: "https://example.org/p" });
    assert.deepEqual([taken.status, taken.json], [200, { accepted: true }]);
    assert.deepEqual(await ending, {
      outcome: "succeeded",
      passback: '{"n":1}',
      link: "https://example.org/p",
      output: "",
    });
    const again = await send(callback, { result: 2 });
    assert.deepEqual([again.status, again.json.code], [404, "callback_unknown"]);
    assert.ok(!again.text.includes(callback.slice(-43)));
  });

  it("that comes to another node reaches the one that waits", async () => {
    const accepted = accepting();
    const ending = run();
    assert.equal((await send(await accepted, { result: [1] }, node(1))).status, 200);
    const outcome = await ending;
    assert.equal(outcome.outcome === "succeeded" && outcome.passback, "[1]");
    assert.equal(await openCount(), 0);
  });

  it("is found without any hint, by a look at the store", async () => {
    const deaf: Database = { ...database, notify: () => {}, listen: async () => async () => {} };
    const callbacks = createCallbacks({ baseUrl: "http://orrery.test", log: silent, pollMs: 20 });
    await callbacks.start(deaf);
    const open = await callbacks.open({ jobId: taskOf().jobId, attempt: 1, token: 1, expiresInMs: 10_000 });
    assert.equal((await send(open.url, { result: "found" }, node(1))).status, 200);
    assert.equal(JSON.parse(await open.answer).result, "found");
    await open.close();
    await callbacks.stop();
  });

  it("may fail the attempt, with a code, and say whether another one is of use", async () => {
    const cases: [object, string | null, boolean][] = [
      [{ error: "no such orbit", code: "E_ORBIT", retryable: false }, "E_ORBIT", true],
      [{ error: "busy", code: 17 }, "17", false],
      [{ error: "busy", retryable: true }, null, false],
    ];
    for (const [body, code, isFinal] of cases) {
      const accepted = accepting();
      const ending = run();
      assert.equal((await send(await accepted, body)).status, 200);
      const outcome = failureOf(await ending);
      assert.deepEqual([outcome.outcome, outcome.code, outcome.isFinal], ["failed", code, isFinal]);
    }
  });

  it("counts when it comes before its service has answered the request", async () => {
    service.answer = async ({ body }) => {
      await send(JSON.parse(body).callback, { result: "early" });
      return null;
    };
    const outcome = await run();
    assert.equal(outcome.outcome === "succeeded" && outcome.passback, '"early"');
  });

  it("keeps every digit of the result", async () => {
    const accepted = accepting();
    const ending = run();
    await send(await accepted, '{"result":{"n":18446744073709551615}}');
    const outcome = await ending;
    assert.equal(outcome.outcome === "succeeded" && outcome.passback, '{"n":18446744073709551615}');
  });

  it("is unknown after the timeout, after an abort, and when its job is tried anew", async () => {
    let accepted = accepting();
    const late = run({ timeout_s: 0.2 });
    const first = await accepted;
    assert.equal((await late).outcome, "timed_out");
    assert.equal((await send(first, { result: 1 })).status, 404);

    accepted = accepting();
    const abort = new AbortController();
    const aborting = run({}, taskOf(), abort.signal);
    const second = await accepted;
    abort.abort(new Error("stopping"));
    assert.equal((await aborting).outcome, "cancelled");
    assert.equal((await send(second, { result: 1 })).status, 404);

    // As after a crash: the row of the attempt before is still there.
    const { callbacks } = node(0);
    const ask = { jobId: "018f3a52-0000-7000-8000-0000000000bb", token: 1, expiresInMs: 60_000 };
    const before = await callbacks.open({ ...ask, attempt: 1 });
    const after = await callbacks.open({ ...ask, attempt: 2, token: 2 });
    assert.equal((await send(before.url, { result: 1 })).status, 404);
    assert.equal((await send(after.url, { result: 2 })).status, 200);
    await after.close();
    await before.close();
  });

  it("takes the first of many that come at once, to both nodes", async () => {
    const accepted = accepting();
    const ending = run();
    const callback = await accepted;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => send(callback, { result: i }, node(i % 2))));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 404).length, 19);
    const winner = answers.findIndex(({ status }) => status === 200);
    const outcome = await ending;
    assert.equal(outcome.outcome === "succeeded" && outcome.passback, String(winner));
  });

  it("refuses a body that is too large, no JSON or of the wrong shape, and still waits", async () => {
    const accepted = accepting();
    const ending = run();
    const callback = await accepted;
    const statuses = [];
    for (const body of [
      "{",
      "[]",
      '"x"',
      { error: 7 },
      { link: 7, result: 1 },
      { result: 1, retryable: "no" },
      { result: "x".repeat(262_144) },
    ])
      statuses.push((await send(callback, body)).status);
    assert.deepEqual(statuses, [400, 400, 400, 400, 400, 400, 413]);
    assert.equal((await send(callback, { result: "x".repeat(262_100) })).status, 200);
    assert.equal((await ending).outcome, "succeeded");
  });

  it("of an unknown address is 404, whatever it looks like", async () => {
    for (const path of ["x", "%2e%2e", "a".repeat(43), "%00", "é"]) {
      const { status } = await send(`http://orrery.test/api/callback/${path}`, { result: 1 });
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
    }
  });

  it("keeps only a hash of its secret in the store, and is pruned when nobody came back for it", async () => {
    const { callbacks } = node(0);
    const open = await callbacks.open({ jobId: taskOf().jobId, attempt: 1, token: 7, expiresInMs: 60_000 });
    const rows = await database.sql<Record<string, unknown>>`select * from callback`;
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes(open.url.slice(-43)));
    await open.close();
    const left = { secretHash: "h", jobId: taskOf().jobId, attempt: 1, token: 1, expiresInMs: -10_000 };
    await openCallback(database.sql, left);
    assert.equal(await pruneCallbacks(database.sql, 3600, 10), 0);
    assert.equal(await pruneCallbacks(database.sql, 5, 10), 1);
    assert.deepEqual(await answersOf(database.sql, ["h"]), []);
    await until("nothing is open", async () => (await openCount()) === 0);
  });
});
