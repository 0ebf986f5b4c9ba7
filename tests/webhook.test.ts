/** Standard Webhooks: the specification's own example, rotation of secrets, and what a receiver refuses. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { isSignedWebhook, secretFlaw, sendWebhook, signWebhook } from "../src/compute/webhook.ts";
import { type Received, receiver } from "./support/receiver.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const other = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const sent = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", epochS: 1614265330, body: '{"test": 2432232314}' };

describe("a webhook's signature", () => {
  it("is the one that the specification's reference implementations give", () => {
    assert.deepEqual(signWebhook([secret], sent), {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it("is made under each secret while one is replaced, and taken under either", () => {
    const headers = signWebhook([other, secret], sent);
    assert.equal(headers["webhook-signature"].split(" ").length, 2);
    for (const known of [[secret], [other]]) assert.ok(isSignedWebhook(known, headers, sent.body, sent.epochS));
  });

  it("is refused for another body, id, time, secret, and when it is old", () => {
    const headers = signWebhook([secret], sent);
    assert.ok(isSignedWebhook([secret], headers, sent.body, sent.epochS + 299));
    const later = { ...headers, "webhook-timestamp": "1614265331" };
    assert.ok(!isSignedWebhook([secret], headers, '{"test": 2432232315}', sent.epochS));
    assert.ok(!isSignedWebhook([secret], { ...headers, "webhook-id": "msg_other" }, sent.body, sent.epochS));
    assert.ok(!isSignedWebhook([secret], later, sent.body, sent.epochS));
    assert.ok(!isSignedWebhook([other], headers, sent.body, sent.epochS));
    assert.ok(!isSignedWebhook([secret], headers, sent.body, sent.epochS + 301));
    assert.ok(!isSignedWebhook([secret], {}, sent.body, sent.epochS));
  });

  it("needs a secret of 24 to 64 bytes, and a message never shows it", () => {
    assert.equal(secretFlaw(secret), null);
    assert.match(secretFlaw("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? "", /begins with whsec_/);
    assert.match(secretFlaw("whsec_MfKQ9r8G") ?? "", /24 to 64 bytes, this one 6/);
    assert.match(secretFlaw("whsec_hunter2 hunter2") ?? "", /base64/);
    assert.doesNotMatch(secretFlaw("whsec_hunter2 hunter2") ?? "", /hunter2/);
  });
});

describe("sendWebhook", () => {
  let service: Awaited<ReturnType<typeof receiver>>;
  before(async () => {
    service = await receiver();
  });
  after(() => service.close());
  const ask = { secret, type: "product.late", data: { product: "Plot" }, id: "msg_1", at: "2026-01-02T03:04:05Z" };

  it("sends the type, the time and the data, signed", async () => {
    service.answer = () => ({ status: 204 });
    await sendWebhook({ ...ask, url: `${service.url}/alarms`, allowPrivate: true });
    const { headers, body, url } = service.received.at(-1) as Received; // it has just come
    assert.equal(url, "/alarms");
    assert.deepEqual(JSON.parse(body), { type: "product.late", timestamp: ask.at, data: { product: "Plot" } });
    assert.ok(isSignedWebhook([secret], headers, body, Math.floor(Date.now() / 1000)));
  });

  it("rejects when the answer is not 2xx, and refuses a private address by default", async () => {
    service.answer = () => ({ status: 302, headers: { location: "/elsewhere" } });
    const seen = service.received.length;
    await assert.rejects(sendWebhook({ ...ask, url: service.url, allowPrivate: true }), /answered 302/);
    assert.equal(service.received.length, seen + 1, "the redirect was not followed");
    await assert.rejects(sendWebhook({ ...ask, url: service.url }), /not a public address/);
    assert.equal(service.received.length, seen + 1);
  });

  it("gives up at its deadline on a receiver that takes the request and says nothing", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number }; // it listens on TCP
    const url = `http://127.0.0.1:${port}/`;
    await assert.rejects(
      sendWebhook({ ...ask, url, allowPrivate: true, timeoutMs: 100 }),
      /no whole answer within 0.1 s/,
    );
    silent.closeAllConnections();
    silent.close();
  });
});
