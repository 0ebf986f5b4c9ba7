/** Web services as the computes of a whole node: from a plan over HTTP to the product's state, and back by a callback. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { ComputeConfig } from "../src/config-computes.ts";
import { done, productOf, Scene } from "./support/http.ts";
import { type Receiver, receiver } from "./support/receiver.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let api: TestRuntime;
let service: Receiver;

before(async () => {
  service = await receiver();
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const http: Extract<ComputeConfig, { kind: "http" }> = {
    kind: "http",
    url: service.url,
    secret,
    allow_private: ["127.0.0.1"],
    attempts: 3,
    retry: { kind: "fixed", base_s: 0.01, max_s: 0.01 },
  };
  api = await openTestRuntime({ config: { computes: { detect: http, guarded: { ...http, allow_private: false } } } });
});
after(async () => {
  await api.stop();
  await service.close();
});
beforeEach(() => {
  service.received.length = 0;
});

async function publish(compute: string): Promise<Scene> {
  const scene = new Scene(api);
  const body = scene.body("a");
  done(await scene.publish({ ...body, data_products: body.data_products.map((product) => ({ ...product, compute })) }));
  return scene;
}

const ended = async (scene: Scene, state: string) => {
  await until(`a is ${state}`, async () => productOf(await scene.get(), "a").state === state);
  return productOf(await scene.get(), "a");
};

describe("a product whose compute is a web service", () => {
  it("succeeds with what the service answers at once", async () => {
    service.answer = () => ({
      status: 200,
      body: '{"passback":{"rows":12345678901234567890},"link":"https://example.org/p"}',
    });
    const product = await ended(await publish("detect"), "success");
    assert.equal(product.link, "https://example.org/p");
    assert.equal(service.received.length, 1);
  });

  it("succeeds with what comes later by the callback, which works once", async () => {
    service.answer = () => ({ status: 202 });
    const scene = await publish("detect");
    await until("the service was asked", () => service.received.length === 1);
    const { callback } = JSON.parse(service.received[0]?.body ?? "");
    assert.ok(callback.startsWith(`${api.url}/api/callback/`), callback);
    const path = new URL(callback).pathname;
    done(await api.request("POST", path, { body: { result: { n: 1 }, link: "https://example.org/later" } }));
    const product = await ended(scene, "success");
    assert.deepEqual([product.passback, product.link], [{ n: 1 }, "https://example.org/later"]);
    assert.equal((await api.request("POST", path, { body: { result: 2 } })).status, 404);
  });

  it("is tried again after 503, each attempt under an id of its own", async () => {
    service.answer = () => (service.received.length < 3 ? { status: 503 } : { status: 200, body: "1" });
    await ended(await publish("detect"), "success");
    const ids = service.received.map(({ headers }) => String(headers["webhook-id"]));
    assert.deepEqual(
      ids.map((id) => id.split("_")[2]),
      ["1", "2", "3"],
    );
  });

  it("fails for good after 422, and for an address that is not allowed", async () => {
    service.answer = () => ({ status: 422, body: "no such orbit" });
    await ended(await publish("detect"), "failed");
    assert.equal(service.received.length, 1);
    const before = service.connections();
    await ended(await publish("guarded"), "failed");
    assert.equal(service.connections(), before);
  });

  it("is given up when the product is cleared: its callback is unknown from then on", async () => {
    service.answer = () => ({ status: 202 });
    const scene = await publish("detect");
    await until("the service was asked", () => service.received.length === 1);
    service.answer = () => ({ status: 200, body: '"second"' });
    done(await scene.clear("a"));
    const { callback } = JSON.parse(service.received[0]?.body ?? "");
    const path = new URL(callback).pathname;
    await until(
      "nobody waits any more",
      async () => (await api.request("POST", path, { body: { error: "late" } })).status === 404,
    );
    assert.equal((await ended(scene, "success")).passback, "second");
  });
});
