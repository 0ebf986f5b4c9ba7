/** CONTRACT.md §10: enable, Idempotency-Key, If-Match and If-None-Match; and compression. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { done, productOf, refused, Scene, sorted, states, touched } from "../support/http.ts";
import { type Answer, openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime({
    config: { computes: { spark: { kind: "external" } } },
  });
});
after(() => api.stop());

async function published(chains: string): Promise<Scene> {
  const scene = new Scene(api);
  done(await scene.publish(chains));
  return scene;
}

describe("enable", () => {
  it("sends a disabled product to waiting and resets its descendants, then triggers", async () => {
    const scene = await published("a>b>c>d");
    done(await scene.set("success", "a"));
    done(await scene.disable("b"));
    done(await scene.set("success", "c"));
    done(await scene.set("running", "d"));
    const run = randomUUID();
    done(await scene.update([{ id: scene.id("c"), state: "success", run_id: run }]));
    const plan = done(await scene.enable("b"));
    assert.deepEqual(states(plan), { a: "success", b: "queued", c: "waiting", d: "waiting" });
    assert.equal(productOf(plan, "c").run_id, run);
  });

  it("holds the children of a product that is not yet success", async () => {
    const scene = await published("a>b");
    assert.equal(states(await scene.disable("a")).b, "queued");
    assert.deepEqual(states(await scene.enable("a")), { a: "queued", b: "waiting" });
  });

  it("is 403 for a product that is not disabled, naming it, 404 for one that is not there", async () => {
    const scene = await published("a b");
    done(await scene.disable("b"));
    refused(await scene.enable("b", "a"), 403, scene.id("a"));
    refused(await scene.enable("b", "b"), 403, scene.id("b"));
    refused(await scene.enable("nothing"), 404, scene.id("nothing"));
    refused(await new Scene(api).enable("a"), 404);
    assert.equal(states(await scene.get()).b, "disabled");
  });

  it("is 422 when the graph with it would have a cycle", async () => {
    const scene = await published("a>b>c");
    done(await scene.disable("b"));
    done(await scene.publish("c>a"));
    refused(await scene.enable("b"), 422, "cyclical");
  });

  it("stamps what is enabled, reset and triggered", async () => {
    const scene = await published("a>b x");
    done(await scene.disable("a"));
    const before = await scene.get();
    assert.deepEqual(touched(await scene.enable("a"), before), ["a", "b"]);
  });
});

describe("computes of the configuration", () => {
  it("are taken beside cams and dbxaas; another name is 400 and lists them all", async () => {
    const scene = new Scene(api);
    const body = scene.body("a b c");
    for (const [i, compute] of ["spark", "cams", "dbxaas"].entries())
      Object.assign(body.data_products[i] ?? {}, { compute });
    assert.equal(productOf(await scene.publish(body), "a").compute, "spark");
    Object.assign(body.data_products[0] ?? {}, { compute: "spork" });
    refused(await scene.publish(body), 400, "spork", "spark", "cams", "dbxaas");
    const { schemas } = (await api.request("GET", "/spec")).json.components;
    assert.deepEqual([...schemas.Compute.enum].sort(), ["cams", "dbxaas", "spark"]);
  });
});

describe("Idempotency-Key", () => {
  const keyed = (scene: Scene, method: string, path: string, body: unknown, key: string): Promise<Answer> =>
    scene.call(method, path, body, "admin", { headers: { "Idempotency-Key": key } });

  it("gives the same answer to the same key and body on every write, and does it once", async () => {
    const scene = new Scene(api);
    const path = `/api/data_product/${scene.datasetId}`;
    const writes: [string, string, () => unknown][] = [
      ["POST", "/api/plan", () => scene.body("a>b c")],
      ["PUT", `/api/plan/${scene.datasetId}/pause`, () => undefined],
      ["PUT", `/api/plan/${scene.datasetId}/unpause`, () => undefined],
      ["PUT", `${path}/update`, () => [{ id: scene.id("a"), state: "success" }]],
      ["PUT", `${path}/clear`, () => [scene.id("a")]],
      ["DELETE", path, () => [scene.id("c")]],
      ["PUT", `${path}/enable`, () => [scene.id("c")]],
    ];
    for (const [method, target, body] of writes) {
      const key = randomUUID();
      const first = done(await keyed(scene, method, target, body(), key));
      const again = done(await keyed(scene, method, target, body(), key));
      assert.equal(again.text, first.text, `${method} ${target}`);
      assert.equal(sorted((await scene.get()).json), sorted(first.json));
    }
  });

  it("answers what it answered, although the plan has moved on", async () => {
    const scene = await published("a>b");
    const path = `/api/data_product/${scene.datasetId}/update`;
    const body = [{ id: scene.id("a"), state: "success" }];
    const first = done(await keyed(scene, "PUT", path, body, "k1"));
    done(await scene.set("running", "b"));
    const again = done(await keyed(scene, "PUT", path, body, "k1"));
    assert.equal(again.text, first.text);
    assert.equal(states(await scene.get()).b, "running");
  });

  it("is 422 with another body, and nothing changes", async () => {
    const scene = await published("a");
    const path = `/api/data_product/${scene.datasetId}/update`;
    done(await keyed(scene, "PUT", path, [{ id: scene.id("a"), state: "running" }], "k2"));
    refused(await keyed(scene, "PUT", path, [{ id: scene.id("a"), state: "failed" }], "k2"), 422, "k2");
    assert.equal(states(await scene.get()).a, "running");
  });

  it("is apart for each dataset, service and route", async () => {
    const [one, other] = [await published("a"), await published("a")];
    const reports = (scene: Scene) => [{ id: scene.id("a"), state: "success" }];
    for (const scene of [one, other])
      done(await keyed(scene, "PUT", `/api/data_product/${scene.datasetId}/update`, reports(scene), "k3"));
    const clear = `/api/data_product/${one.datasetId}/clear`;
    assert.equal(states(await keyed(one, "PUT", clear, [one.id("a")], "k3")).a, "queued");
    const headers = { "Idempotency-Key": "k3" };
    const path = `/api/data_product/${one.datasetId}/update`;
    const failed = [{ id: one.id("a"), state: "failed" }];
    assert.equal(states(await one.call("PUT", path, failed, "updater", { headers })).a, "failed");
  });

  it("stores no refusal: the request may succeed later", async () => {
    const scene = await published("");
    const path = `/api/data_product/${scene.datasetId}/update`;
    const body = [{ id: scene.id("a"), state: "success" }];
    refused(await keyed(scene, "PUT", path, body, "k4"), 404);
    done(await scene.publish("a"));
    assert.equal(states(await keyed(scene, "PUT", path, body, "k4")).a, "success");
  });

  it("does it once for five requests at the same time", async () => {
    const scene = await published("a");
    const path = `/api/plan/${scene.datasetId}/pause`;
    const answers = await Promise.all(Array.from({ length: 5 }, () => keyed(scene, "PUT", path, undefined, "k5")));
    for (const answer of answers) assert.equal(done(answer).text, answers[0]?.text);
  });

  it("comes after token and role, and is 400 when it is empty or longer than 255 characters", async () => {
    const scene = await published("a");
    const path = `/api/plan/${scene.datasetId}/pause`;
    done(await keyed(scene, "PUT", path, undefined, "k6"));
    refused(await scene.call("PUT", path, undefined, "reader", { headers: { "Idempotency-Key": "k6" } }), 403);
    refused(await keyed(scene, "PUT", path, undefined, "x".repeat(256)), 400);
  });
});

describe("ETag", () => {
  const conditional = (scene: Scene, header: string, value: string, name?: string): Promise<Answer> =>
    api.request(
      "GET",
      name === undefined ? `/api/plan/${scene.datasetId}` : `/api/data_product/${scene.datasetId}/${scene.id(name)}`,
      {
        headers: { [header]: value, "Accept-Encoding": "identity" },
      },
    );
  const etagOf = async (scene: Scene): Promise<string> =>
    (await conditional(scene, "X-None", "")).headers.get("etag") ?? "";

  it("of a read and of the write before it are the same, and each write changes it", async () => {
    const scene = new Scene(api);
    const seen = new Set<string>();
    for (const write of [
      () => scene.publish("a"),
      () => scene.set("success", "a"),
      () => scene.pause(),
      () => scene.clear("a"),
    ]) {
      const tag = done(await write()).headers.get("etag") ?? "";
      assert.match(tag, /^"\d+"$/);
      assert.equal(await etagOf(scene), tag);
      assert.ok(!seen.has(tag));
      seen.add(tag);
    }
  });

  it("in If-None-Match of a read gives 304 without a body while nothing has changed", async () => {
    const scene = await published("a");
    const tag = await etagOf(scene);
    for (const value of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
      for (const name of [undefined, "a"]) {
        const answer = await conditional(scene, "If-None-Match", value, name);
        assert.deepEqual([answer.status, answer.text, answer.headers.get("etag")], [304, "", tag]);
      }
    }
    assert.equal((await conditional(scene, "If-None-Match", '"0"')).status, 200);
    done(await scene.set("success", "a"));
    assert.equal((await conditional(scene, "If-None-Match", tag)).status, 200);
  });

  it("in If-Match of a write lets it through only while it is current, 412 otherwise", async () => {
    const scene = await published("a");
    const write = (value: string) =>
      scene.call(
        "PUT",
        `/api/data_product/${scene.datasetId}/update`,
        [{ id: scene.id("a"), state: "running" }],
        "admin",
        {
          headers: { "If-Match": value },
        },
      );
    const tag = await etagOf(scene);
    for (const value of ['"999"', '"x"', "x", '""']) refused(await write(value), 412, scene.datasetId);
    done(await write(tag));
    refused(await write(tag), 412);
    done(await write("*"));
    done(await write(`"999", ${await etagOf(scene)}`));
    done(await write(`W/${await etagOf(scene)}`));
    refused(await write('"998", "999"'), 412);
  });

  it("in If-Match of the first publication is 412, as there is nothing to match", async () => {
    for (const value of ["*", '"1"', '"0"']) {
      const scene = new Scene(api);
      refused(await scene.call("POST", "/api/plan", scene.body("a"), "admin", { headers: { "If-Match": value } }), 412);
      assert.equal((await scene.get()).status, 404);
    }
  });
});

describe("compression", () => {
  it("is gzip when it is accepted and worthwhile", async () => {
    const scene = await published(Array.from({ length: 20 }, (_, i) => `p${i}`).join(" "));
    const send = (encoding: string, path = `/api/plan/${scene.datasetId}`) =>
      api.request("GET", path, { headers: { "Accept-Encoding": encoding } });
    const plain = await send("identity");
    assert.equal(plain.headers.get("content-encoding"), null);
    for (const encoding of ["gzip", "deflate, gzip;q=0.5, br", "*"]) {
      const zipped = await send(encoding);
      assert.equal(zipped.text, plain.text);
      assert.match(zipped.headers.get("etag") ?? "", /^W\/"\d+"$/);
      assert.match(zipped.headers.get("vary") ?? "", /accept-encoding/i);
    }
    for (const encoding of ["gzip;q=0", "br", "identity"]) {
      assert.match((await send(encoding)).headers.get("etag") ?? "", /^"/);
    }
    const small = await published("");
    assert.match((await send("gzip", `/api/plan/${small.datasetId}`)).headers.get("etag") ?? "", /^"/);
  });
});
