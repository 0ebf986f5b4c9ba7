/** CONTRACT.md §7, POST /api/plan: creating and extending a plan, and trigger. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { done, productOf, refused, Scene, sorted, states, touched } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

describe("publishing a plan", () => {
  it("creates it unpaused, eager roots queued, everything else waiting, run fields null", async () => {
    const scene = new Scene(api);
    const plan = done(await scene.publish("a>b>c d~ e"));
    assert.equal(plan.json.dataset.paused, false);
    assert.deepEqual(states(plan), { a: "queued", b: "waiting", c: "waiting", d: "waiting", e: "queued" });
    for (const product of plan.json.data_products) {
      assert.deepEqual([product.run_id, product.link, product.passback], [null, null, null]);
    }
  });

  it("may be empty", async () => {
    const scene = new Scene(api);
    const plan = done(await scene.publish(""));
    assert.deepEqual([plan.json.data_products, plan.json.dependencies], [[], []]);
    assert.equal((await scene.get()).text, plan.text);
  });

  it("checks duplicate products, then duplicate dependencies, then parents, then children, then cycles", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b>a");
    const [first, second] = body.data_products;
    const [edge] = body.dependencies;
    assert.ok(first && second && edge);
    const [lostParent, lostChild] = [randomUUID(), randomUUID()];
    const lost = [
      { parent_id: first.id, child_id: lostChild },
      { parent_id: lostParent, child_id: first.id },
    ];
    const all = { ...body, data_products: [first, second, first], dependencies: [...body.dependencies, edge, ...lost] };
    refused(await scene.publish(all), 400, first.id);
    const noDuplicateProduct = { ...all, data_products: [first, second] };
    refused(await scene.publish(noDuplicateProduct), 400, edge.parent_id, edge.child_id);
    refused(
      await scene.publish({ ...noDuplicateProduct, dependencies: [...body.dependencies, ...lost] }),
      404,
      lostParent,
    );
    refused(
      await scene.publish({ ...noDuplicateProduct, dependencies: [...body.dependencies, ...lost.slice(0, 1)] }),
      404,
      lostChild,
    );
    refused(await scene.publish({ ...noDuplicateProduct, dependencies: body.dependencies }), 422, "cyclical");
    assert.equal((await scene.get()).status, 404);
  });

  it("finds a cycle over submitted and stored edges together", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b>c"));
    refused(await scene.publish("c>a"), 422, "cyclical");
    refused(
      await scene.publish({ ...scene.body(""), dependencies: [{ parent_id: scene.id("c"), child_id: scene.id("b") }] }),
      422,
      "cyclical",
    );
    done(await scene.publish("a>c"));
  });

  it("leaves stored edges that touch a disabled product out of the cycle check", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b>c"));
    done(await scene.disable("b"));
    done(await scene.publish("c>a"));
  });

  it("takes a stored disabled product as an end only if the request lists it again; it stays disabled", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b"));
    done(await scene.disable("a"));
    const edge = { parent_id: scene.id("a"), child_id: scene.id("b") };
    refused(await scene.publish({ ...scene.body("b"), dependencies: [edge] }), 404, scene.id("a"));
    const plan = done(await scene.publish("a>b"));
    assert.equal(states(plan).a, "disabled");
    assert.equal(plan.json.dependencies.length, 1);
  });

  it("takes stored products that are not listed as ends", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b~"));
    const edge = { parent_id: scene.id("a"), child_id: scene.id("b") };
    const plan = done(await scene.publish({ ...scene.body(""), dependencies: [edge] }));
    assert.equal(plan.json.dependencies.length, 1);
    assert.equal(plan.json.data_products.length, 2);
  });

  it("replaces the dataset's extra, absent meaning null, and never the paused flag", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a", { x: 1, y: 2 }));
    done(await scene.pause());
    const replaced = done(await scene.publish("a", { y: 3 }));
    assert.deepEqual([replaced.json.dataset.extra, replaced.json.dataset.paused], [{ y: 3 }, true]);
    assert.equal(done(await scene.publish("a")).json.dataset.extra, null);
  });

  it("replaces what defines a listed product, never its state or run fields; JSON is replaced, not merged", async () => {
    const scene = new Scene(api);
    const body = scene.body("a");
    const [product] = body.data_products;
    assert.ok(product);
    Object.assign(product, { passthrough: { x: 1 }, extra: { x: 1 } });
    done(await scene.publish(body));
    const run = randomUUID();
    done(await scene.update([{ id: product.id, state: "running", run_id: run, link: "http://x", passback: { p: 1 } }]));
    Object.assign(product, { compute: "dbxaas", version: "2", eager: false, passthrough: { y: 1 }, extra: undefined });
    const changed = productOf(await scene.publish(body), "a");
    assert.deepEqual(
      [changed.compute, changed.version, changed.eager, changed.passthrough, changed.extra],
      ["dbxaas", "2", false, { y: 1 }, null],
    );
    assert.deepEqual(
      [changed.state, changed.run_id, changed.link, changed.passback],
      ["running", run, "http://x", { p: 1 }],
    );
  });

  it("creates each listed dependency or replaces its extra", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b");
    const [edge] = body.dependencies;
    assert.ok(edge);
    edge.extra = { x: 1 };
    assert.deepEqual(done(await scene.publish(body)).json.dependencies[0].extra, { x: 1 });
    edge.extra = [2];
    assert.deepEqual(done(await scene.publish(body)).json.dependencies[0].extra, [2]);
    delete edge.extra;
    assert.equal(done(await scene.publish(body)).json.dependencies[0].extra, null);
  });

  it("keeps products and dependencies that are not listed, with their stamps", async () => {
    const scene = new Scene(api);
    const before = done(await scene.publish("a>b", null, "publisher"));
    const after = done(await scene.publish("c"));
    assert.deepEqual(touched(after, before), ["c"]);
    assert.deepEqual(after.json.dependencies, before.json.dependencies);
    assert.equal(productOf(after, "a").modified_by, "publisher");
  });

  it("resets nothing: a new edge into a queued, running or finished child leaves it alone, into a waiting one holds it", async () => {
    const scene = new Scene(api);
    done(await scene.publish("queued running success failed waiting~"));
    done(await scene.set("running", "running"));
    done(await scene.set("success", "success"));
    done(await scene.set("failed", "failed"));
    const plan = done(await scene.publish("p>queued p>running p>success p>failed p>waiting"));
    assert.deepEqual(states(plan), {
      failed: "failed",
      p: "queued",
      queued: "queued",
      running: "running",
      success: "success",
      waiting: "waiting",
    });
  });

  it("queues a new eager child of successful parents at once", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b"));
    done(await scene.set("success", "a", "b"));
    assert.equal(states(await scene.publish("a>c b>c")).c, "queued");
    assert.equal(states(await scene.publish("a>d e>d")).d, "waiting");
  });

  it("may queue a product by turning it eager, and takes no queued one back by turning it lazy", async () => {
    const scene = new Scene(api);
    assert.equal(states(await scene.publish("a~")).a, "waiting");
    assert.equal(states(await scene.publish("a")).a, "queued");
    assert.equal(states(await scene.publish("a~")).a, "queued");
  });

  it("again, unchanged, changes stamps only: the dataset, the listed products and dependencies", async () => {
    const scene = new Scene(api);
    const before = done(await scene.publish("a>b c", { x: 1 }));
    const after = done(await scene.publish("a>b", { x: 1 }));
    const bare = (plan: unknown) =>
      JSON.parse(JSON.stringify(plan, (key, value) => (key.startsWith("modified_") ? undefined : value)));
    assert.equal(sorted(bare(after.json)), sorted(bare(before.json)));
    assert.deepEqual(touched(after, before), ["a", "b"]);
    const date = after.json.dataset.modified_date;
    assert.ok(date > before.json.dataset.modified_date);
    assert.equal(after.json.dependencies[0].modified_date, date);
    assert.equal(productOf(after, "a").modified_date, date);
  });

  it("triggers nothing while the dataset is paused", async () => {
    const scene = new Scene(api);
    done(await scene.publish(""));
    done(await scene.pause());
    assert.deepEqual(states(await scene.publish("a b>c")), { a: "waiting", b: "waiting", c: "waiting" });
  });

  it("accepts 10,000 products, and one chain of them", async () => {
    for (const isChain of [false, true]) {
      const scene = new Scene(api);
      const ids = Array.from({ length: 10_000 }, () => randomUUID());
      const plan = done(
        await scene.publish({
          dataset: { id: scene.datasetId },
          data_products: ids.map((id, i) => ({ id, compute: "cams", name: `p${i}`, version: "1", eager: true })),
          dependencies: isChain ? ids.slice(1).map((id, i) => ({ parent_id: ids[i] ?? "", child_id: id })) : [],
        }),
      );
      const queued = plan.json.data_products.filter((product: { state: string }) => product.state === "queued").length;
      assert.equal(queued, isChain ? 1 : 10_000);
    }
  });
});
