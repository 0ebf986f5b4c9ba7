/** The webhook sink against a real service: what it sends, what each answer means, where it may not send, and how much at once. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import * as v from "valibot";
import { isSignedWebhook } from "../src/compute/webhook.ts";
import { idempotencyKey } from "../src/flow/message.ts";
import type { Delivery, Outcome, Sink } from "../src/flow/sink.ts";
import { createWebhookSink, type WebhookSinkConfig, webhookSink } from "../src/flow/sinks/webhook.ts";
import { type Receiver, receiver } from "./support/receiver.ts";
import { until } from "./support/signal.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const other = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const { signal } = new AbortController();

const delivery = (id: number, payload: unknown = { n: id }): Delivery => ({
  key: idempotencyKey({ flow: "a flow:\r\nx", partition: "p", id: String(id) }, "0"),
  origin: { partition: "p", id: String(id) },
  payload,
});
const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind);
const sinkOf = (config: Partial<WebhookSinkConfig>, environment: Record<string, string> = {}): Sink => {
  const url = "https://a.test/";
  return createWebhookSink("hook", { kind: "webhook", url, ...config }, { configDir: "/nowhere", environment });
};

describe("the webhook sink's settings", () => {
  it("are refused when the address, a secret, a header or a number is none", () => {
    const good = { kind: "webhook", url: "https://a.test/x", secret_env: "HOOK", concurrency: 3 };
    assert.ok(v.is(webhookSink, good));
    const bad = [
      { url: "file:///etc/passwd" },
      { url: "https://me:hunter2@a.test" },
      { secret: "hunter2" },
      { headers: { "webhook-id": "1" } },
      { headers: { "x-a": "1\r\nx-b: 2" } },
      { concurrency: 0 },
      { concurrency: 1000 },
      { method: "GET" },
    ];
    for (const one of bad) assert.ok(!v.is(webhookSink, { ...good, ...one }), JSON.stringify(one));
  });

  it("refuse the start by the sink's name, and never show a secret", async () => {
    await assert.rejects(sinkOf({}).check(), /^SetupError: Cannot use sink "hook" as it has no secret to sign with/);
    await assert.rejects(
      sinkOf({ secret_env: "HOOK" }).check(),
      /Cannot use sink "hook" as the environment variable HOOK is not set/,
    );
    await assert.rejects(sinkOf({ secret_env: "HOOK" }, { HOOK: "hunter2" }).check(), (error: Error) => {
      assert.match(error.message, /Cannot use sink "hook" as its secret in HOOK is unsound/);
      return !error.message.includes("hunter2");
    });
    await assert.rejects(sinkOf({ secret, ca_file: "no.pem" }).check(), /Cannot use sink "hook" as its ca_file/);
    await assert.rejects(
      sinkOf({ secret, headers_env: { authorization: "TOKEN" } }).check(),
      /Cannot use sink "hook" as the environment variable TOKEN is not set/,
    );
  });
});

describe("the webhook sink", () => {
  let service: Receiver;
  before(async () => {
    service = await receiver();
  });
  after(() => service.close());
  beforeEach(() => {
    service.received.length = 0;
    service.answer = () => ({ status: 204 });
  });

  async function open(config: Partial<WebhookSinkConfig> = {}, environment: Record<string, string> = {}) {
    const sink = sinkOf({ url: `${service.url}/hook?a=1`, secret, allow_private: true, ...config }, environment);
    await sink.check();
    return sink;
  }

  it("posts each delivery signed under its key, with its origin, and sends it again under the same key", async () => {
    const sink = await open({ headers_env: { authorization: "TOKEN" } }, { TOKEN: "Bearer x" });
    assert.deepEqual(kinds(await sink.deliver([delivery(1)], signal)), ["ok"]);
    assert.deepEqual(kinds(await sink.deliver([delivery(1)], signal)), ["ok"]);
    assert.equal(service.received.length, 2);
    for (const { method, url, headers, body } of service.received) {
      assert.deepEqual([method, url, headers.authorization], ["POST", "/hook?a=1", "Bearer x"]);
      assert.equal(headers["webhook-id"], "a%20flow%3A%0D%0Ax:p:1:0");
      assert.ok(isSignedWebhook([secret], headers, body, Math.floor(Date.now() / 1000)));
      const { type, data, timestamp } = JSON.parse(body);
      assert.deepEqual([type, data], ["flow.delivery", { origin: { partition: "p", id: "1" }, payload: { n: 1 } }]);
      assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
    }
  });

  it("signs under each secret while one is replaced", async () => {
    const sink = await open({ secret: [secret], secret_env: "HOOK" }, { HOOK: other });
    await sink.deliver([delivery(1)], signal);
    const { headers, body } = service.received[0] ?? assert.fail("nothing came");
    for (const known of [secret, other])
      assert.ok(isSignedWebhook([known], headers, body, Math.floor(Date.now() / 1000)));
  });

  it("tells answers that say 'not now' from those that say 'not this', each delivery for itself", async () => {
    const sink = await open();
    const statuses = [200, 299, 302, 400, 401, 404, 408, 409, 410, 425, 429, 500, 503, 599];
    service.answer = ({ body }) => ({ status: JSON.parse(body).data.payload, headers: { location: "/elsewhere" } });
    const outcomes = await sink.deliver(
      statuses.map((status, id) => delivery(id, status)),
      signal,
    );
    const expected = statuses.map((status) => {
      if (status < 300) return "ok";
      return [408, 425, 429].includes(status) || status >= 500 ? "retry" : "refused";
    });
    assert.deepEqual(kinds(outcomes), expected);
    assert.match(JSON.stringify(outcomes[3]), /answered 400/);
    assert.equal(service.received.length, statuses.length);
    assert.deepEqual(await sink.deliver([], signal), []);
  });

  it("sends no more than so many at once, and all of them", async () => {
    const sink = await open({ concurrency: 3 });
    let under = 0;
    let most = 0;
    const held: (() => void)[] = [];
    service.answer = async () => {
      most = Math.max(most, ++under);
      await new Promise<void>((resolve) => held.push(resolve));
      under -= 1;
      return { status: 200 };
    };
    const batch = Array.from({ length: 10 }, (_, id) => delivery(id));
    const delivering = sink.deliver(batch, signal);
    for (let answered = 0; answered < batch.length; answered += 1) {
      const due = Math.min(3, batch.length - answered);
      await until(`${due} are under way`, () => held.length === due);
      held.shift()?.();
    }
    assert.deepEqual(kinds(await delivering), new Array(10).fill("ok"));
    assert.equal(most, 3);
  });

  it("refuses what is no JSON, and sends the others of its batch", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const hostile = [cycle, () => 1, 1n, "</script>\u2028\ud800", { __proto__: null, toJSON: 1 }];
    const sink = await open();
    const outcomes = await sink.deliver(
      hostile.map((payload, id) => delivery(id, payload)),
      signal,
    );
    assert.deepEqual(kinds(outcomes), ["refused", "refused", "refused", "ok", "ok"]);
    const sent = service.received.map(({ body }) => JSON.parse(body).data.payload);
    assert.deepEqual(
      new Set(sent.map((payload) => JSON.stringify(payload))),
      new Set([JSON.stringify("</script>\u2028\ud800"), '{"toJSON":1}']),
    );
  });

  it("refuses private addresses, the clouds' metadata too, without connecting", async () => {
    const before = service.connections();
    const metadata = await open({ url: "http://169.254.169.254/latest/meta-data/", allow_private: ["127.0.0.0/8"] });
    const inside = await open({ allow_private: false });
    for (const sink of [metadata, inside]) {
      const [outcome] = await sink.deliver([delivery(1)], signal);
      assert.equal(outcome?.kind, "refused");
      assert.match(JSON.stringify(outcome), /not a public address/);
    }
    assert.equal(service.connections(), before);
  });

  it("asks for another try while the service is away, and delivers once it is back", async () => {
    const brief = await receiver();
    const sink = await open({ url: brief.url });
    const { port } = new URL(brief.url);
    await brief.close();
    const [away] = await sink.deliver([delivery(1)], signal);
    assert.equal(away?.kind, "retry");
    assert.match(JSON.stringify(away), new RegExp(`Cannot reach 127.0.0.1:${port}`));
    const back = await receiver(undefined, "http", Number(port));
    assert.deepEqual(kinds(await sink.deliver([delivery(1)], signal)), ["ok"]);
    assert.equal(back.received.length, 1);
    await back.close();
  });

  it("when its time is over, keeps what was delivered and asks for another try of the rest", async () => {
    const sink = await open({ concurrency: 2 });
    const timeout = new AbortController();
    service.answer = ({ body }) => (JSON.parse(body).data.payload === "quick" ? { status: 200 } : null);
    const delivering = sink.deliver([delivery(1, "quick"), delivery(2, "slow"), delivery(3, "slow")], timeout.signal);
    await until("both slow ones are under way", () => service.received.length === 3);
    timeout.abort(new Error("its time is over"));
    assert.deepEqual(kinds(await delivering), ["ok", "retry", "retry"]);
  });
});
