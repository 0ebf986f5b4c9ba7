/** CONTRACT.md §7: pause and unpause, update, clear, disable; reset downstream, trigger, stamps. */
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

async function published(chains: string): Promise<Scene> {
  const scene = new Scene(api);
  done(await scene.publish(chains));
  return scene;
}

describe("trigger", () => {
  it("queues a waiting eager product when all its parents are success, whatever their order", async () => {
    const scene = await published("a>c b>c");
    assert.equal(states(await scene.set("success", "a")).c, "waiting");
    assert.equal(states(await scene.set("success", "b")).c, "queued");
  });

  it("looks at direct parents only, and does not count disabled ones at all", async () => {
    const scene = await published("a>b>c d>e");
    done(await scene.set("success", "b"));
    assert.equal(states(await scene.get()).c, "queued");
    assert.equal(states(await scene.disable("d")).e, "queued");
  });

  it("never queues a lazy product, and keeps run fields of what it queues", async () => {
    const scene = await published("a>b a>l~");
    const run = randomUUID();
    done(await scene.update([{ id: scene.id("b"), state: "failed", run_id: run, link: "x", passback: [1] }]));
    const plan = done(await scene.set("success", "a"));
    assert.equal(states(plan).l, "waiting");
    const b = productOf(plan, "b");
    assert.deepEqual([b.state, b.run_id, b.link, b.passback], ["queued", run, "x", [1]]);
  });
});

describe("pause and unpause", () => {
  it("set the flag and stamp the dataset only; extra and products stay", async () => {
    const scene = new Scene(api);
    const before = done(await scene.publish("a>b", { x: 1 }, "publisher"));
    const paused = done(await scene.pause("pauser"));
    assert.deepEqual(
      [paused.json.dataset.paused, paused.json.dataset.extra, paused.json.dataset.modified_by],
      [true, { x: 1 }, "pauser"],
    );
    assert.ok(paused.json.dataset.modified_date > before.json.dataset.modified_date);
    assert.deepEqual(touched(paused, before), []);
    const unpaused = done(await scene.unpause());
    assert.equal(unpaused.json.dataset.paused, false);
    assert.deepEqual(touched(unpaused, before), []);
  });

  it("stop triggering and nothing else: publish, update, clear and disable still work", async () => {
    const scene = await published("a>b>c d>e");
    done(await scene.pause());
    assert.deepEqual(states(await scene.set("success", "a")), {
      a: "success",
      b: "waiting",
      c: "waiting",
      d: "queued",
      e: "waiting",
    });
    assert.equal(states(await scene.disable("d")).e, "waiting");
    assert.equal(states(await scene.clear("a")).a, "waiting");
    assert.equal(states(await scene.publish("f")).f, "waiting");
    done(await scene.set("success", "a"));
    const unpaused = done(await scene.unpause());
    assert.deepEqual(states(unpaused), {
      a: "success",
      b: "queued",
      c: "waiting",
      d: "disabled",
      e: "queued",
      f: "queued",
    });
    const { modified_date } = unpaused.json.dataset;
    for (const name of ["b", "e", "f"]) assert.equal(productOf(unpaused, name).modified_date, modified_date);
  });
});

describe("update", () => {
  it("checks the dataset also for an empty list, then each item in order", async () => {
    const scene = await published("a b c");
    done(await scene.disable("b"));
    refused(await new Scene(api).update([]), 404);
    const unknown = randomUUID();
    const item = (id: string) => ({ id, state: "success" });
    refused(await scene.update([item(unknown), item(scene.id("b"))]), 404, unknown);
    refused(await scene.update([item(scene.id("b")), item(unknown)]), 403, scene.id("b"));
    refused(await scene.update([item(unknown), { id: scene.id("a"), state: "queued" }]), 400, scene.id("a"), "queued");
  });

  it("replaces state, run_id, link and passback; an absent one becomes null", async () => {
    const scene = await published("a");
    const run = randomUUID();
    const id = scene.id("a");
    const full = productOf(
      await scene.update([{ id, state: "running", run_id: run, link: "http://x", passback: { a: [1] } }]),
      "a",
    );
    assert.deepEqual([full.state, full.run_id, full.link, full.passback], ["running", run, "http://x", { a: [1] }]);
    const bare = productOf(await scene.update([{ id, state: "success", link: "" }]), "a");
    assert.deepEqual([bare.state, bare.run_id, bare.link, bare.passback], ["success", null, "", null]);
  });

  it("has no transition table among the other states, whatever the parents are doing; the same state stamps again", async () => {
    const scene = await published("p>a");
    for (const from of ["waiting", "queued", "running", "success", "failed"]) {
      for (const to of ["running", "success", "failed"]) {
        if (from === "waiting") done(await scene.clear("a"));
        else if (from === "queued") {
          done(await scene.set("success", "p"));
          done(await scene.clear("a"));
        } else done(await scene.set(from, "a"));
        const before = await scene.get();
        assert.equal(states(before).a, from);
        const after = await scene.set(to, "a");
        assert.equal(states(after).a, to);
        assert.deepEqual(touched(after, before), ["a"]);
        done(await scene.clear("p"));
      }
    }
  });

  it("to success queues eager children whose parents are all success, and sends other descendants to waiting", async () => {
    const scene = await published("a>b>c a>d x>d");
    done(await scene.set("success", "x"));
    done(await scene.set("success", "a"));
    done(await scene.set("success", "b"));
    done(await scene.set("running", "c", "d"));
    const plan = await scene.set("success", "a");
    assert.deepEqual(states(plan), { a: "success", b: "queued", c: "waiting", d: "queued", x: "success" });
  });

  it("to running or failed sends every descendant to waiting, at any depth, running and success too, run fields kept", async () => {
    for (const state of ["running", "failed"]) {
      const scene = await published("a>b>c>d other");
      done(await scene.set("success", "a"));
      const run = randomUUID();
      done(await scene.update([{ id: scene.id("b"), state: "success", run_id: run, link: "l", passback: 1 }]));
      done(await scene.set("running", "c"));
      done(await scene.set("success", "d"));
      const plan = await scene.set(state, "a");
      assert.deepEqual(states(plan), { a: state, b: "waiting", c: "waiting", d: "waiting", other: "queued" });
      const b = productOf(plan, "b");
      assert.deepEqual([b.run_id, b.link, b.passback], [run, "l", 1]);
    }
  });

  it("does not reset or pass through disabled products: what lies only behind one stays", async () => {
    const scene = await published("a>b>c a>d>e b>e");
    done(await scene.set("success", "a"));
    done(await scene.set("success", "b", "d"));
    done(await scene.set("success", "c", "e"));
    done(await scene.disable("b"));
    const plan = await scene.set("running", "a");
    assert.deepEqual(states(plan), { a: "running", b: "disabled", c: "success", d: "waiting", e: "waiting" });
  });

  it("of a parent and its child in one request, in either order, ends with the child reset under its new run fields", async () => {
    for (const isChildFirst of [false, true]) {
      for (const [parentState, childState] of [
        ["success", "queued"],
        ["running", "waiting"],
      ] as const) {
        const scene = await published("a>b");
        const run = randomUUID();
        const reports = [
          { id: scene.id("a"), state: parentState },
          { id: scene.id("b"), state: "success", run_id: run, link: "new", passback: "p" },
        ];
        const plan = done(await scene.update(isChildFirst ? reports.reverse() : reports));
        const b = productOf(plan, "b");
        assert.deepEqual([b.state, b.run_id, b.link, b.passback], [childState, run, "new", "p"]);
      }
    }
  });

  it("lets the later item win when a product is listed twice", async () => {
    const scene = await published("a>b");
    const id = scene.id("a");
    const plan = done(
      await scene.update([
        { id, state: "failed", link: "one", passback: 1 },
        { id, state: "success", link: "two" },
      ]),
    );
    const a = productOf(plan, "a");
    assert.deepEqual([a.state, a.link, a.passback], ["success", "two", null]);
    assert.equal(states(plan).b, "queued");
  });

  it("of nothing changes nothing", async () => {
    const scene = await published("a>b");
    const before = await scene.get();
    assert.equal(sorted(done(await scene.update([])).json), sorted(before.json));
  });

  it("stamps listed, reset and triggered products; not the dataset, not dependencies, not what was waiting already", async () => {
    const scene = await published("a>b>c>d x");
    done(await scene.set("success", "a"));
    done(await scene.set("running", "c"));
    const before = await scene.get();
    const plan = done(await scene.update([{ id: scene.id("a"), state: "success" }], "updater"));
    assert.deepEqual(touched(plan, before), ["a", "b", "c"]);
    const date = productOf(plan, "a").modified_date;
    for (const name of ["a", "b", "c"]) {
      assert.deepEqual([productOf(plan, name).modified_date, productOf(plan, name).modified_by], [date, "updater"]);
    }
    assert.deepEqual(plan.json.dataset, before.json.dataset);
    assert.deepEqual(plan.json.dependencies, before.json.dependencies);
  });
});

describe("clear", () => {
  it("checks the dataset, then each id in order", async () => {
    const scene = await published("a b");
    done(await scene.disable("b"));
    refused(await new Scene(api).clear(), 404);
    refused(await scene.clear("nothing", "b"), 404, scene.id("nothing"));
    refused(await scene.clear("b", "nothing"), 403, scene.id("b"));
  });

  it("sends a product to waiting from any state, run fields kept, and queues it again if it is ready", async () => {
    const scene = await published("root lazy~ p>held");
    const run = randomUUID();
    for (const state of ["running", "success", "failed"]) {
      const fields = { run_id: run, link: "l", passback: { a: 1 } };
      done(await scene.update(["root", "lazy", "held"].map((name) => ({ id: scene.id(name), state, ...fields }))));
      const plan = await scene.clear("root", "lazy", "held");
      assert.deepEqual(states(plan), { held: "waiting", lazy: "waiting", p: "queued", root: "queued" });
      const root = productOf(plan, "root");
      assert.deepEqual([root.run_id, root.link, root.passback], [run, "l", { a: 1 }]);
    }
  });

  it("resets downstream", async () => {
    const scene = await published("a>b>c");
    done(await scene.set("success", "a"));
    done(await scene.set("success", "b"));
    assert.deepEqual(states(await scene.clear("a")), { a: "queued", b: "waiting", c: "waiting" });
    done(await scene.set("success", "a"));
    assert.deepEqual(states(await scene.clear("b")), { a: "success", b: "queued", c: "waiting" });
  });

  it("may repeat an id, and of nothing changes nothing", async () => {
    const scene = await published("a>b");
    done(await scene.set("success", "a"));
    assert.deepEqual(states(await scene.clear("a", "a")), { a: "queued", b: "waiting" });
    const before = await scene.get();
    assert.equal(sorted(done(await scene.clear()).json), sorted(before.json));
  });

  it("stamps as update does", async () => {
    const scene = await published("a>b>c x");
    done(await scene.set("success", "a"));
    const before = await scene.get();
    const plan = done(await scene.clear("a"));
    assert.deepEqual(touched(plan, before), ["a", "b"]);
    assert.deepEqual(plan.json.dataset, before.json.dataset);
    assert.deepEqual(plan.json.dependencies, before.json.dependencies);
  });
});

describe("disable", () => {
  it("checks the dataset, then each id in order; listed twice is 403", async () => {
    const scene = await published("a b");
    refused(await new Scene(api).disable(), 404);
    refused(await scene.disable("a", "nothing"), 404, scene.id("nothing"));
    refused(await scene.disable("a", "b", "a"), 403, scene.id("a"));
    assert.deepEqual(states(await scene.get()), { a: "queued", b: "queued" });
    done(await scene.disable("a"));
    refused(await scene.disable("a"), 403, scene.id("a"));
  });

  it("keeps run fields, product and dependencies, and returns them", async () => {
    const scene = await published("a>b");
    const run = randomUUID();
    done(await scene.update([{ id: scene.id("a"), state: "running", run_id: run, link: "l", passback: 1 }]));
    const plan = done(await scene.disable("a"));
    const a = productOf(plan, "a");
    assert.deepEqual([a.state, a.run_id, a.link, a.passback], ["disabled", run, "l", 1]);
    assert.equal(plan.json.dependencies.length, 1);
  });

  it("resets nothing, and starts children whose remaining parents are all success or that have none left", async () => {
    const scene = await published("a>b>c p>q r>q");
    done(await scene.set("success", "r"));
    assert.deepEqual(states(await scene.disable("b")), {
      a: "queued",
      b: "disabled",
      c: "queued",
      p: "queued",
      q: "waiting",
      r: "success",
    });
    assert.equal(states(await scene.disable("p")).q, "queued");
    const other = await published("a>b");
    done(await other.set("success", "a"));
    done(await other.set("success", "b"));
    assert.deepEqual(states(await other.disable("a")), { a: "disabled", b: "success" });
  });

  it("has no way back by any other request", async () => {
    const scene = await published("a");
    done(await scene.disable("a"));
    for (const state of ["running", "success", "failed"]) refused(await scene.set(state, "a"), 403);
    refused(await scene.clear("a"), 403);
    assert.equal(states(await scene.publish("a")).a, "disabled");
    done(await scene.pause());
    assert.equal(states(await scene.unpause()).a, "disabled");
  });

  it("stamps disabled and triggered products", async () => {
    const scene = await published("a>b>c x");
    const before = await scene.get();
    const plan = done(await scene.disable("a"));
    assert.deepEqual(touched(plan, before), ["a", "b"]);
    assert.deepEqual(plan.json.dataset, before.json.dataset);
    assert.deepEqual(plan.json.dependencies, before.json.dependencies);
  });
});

describe("at the same time (§7, concurrency)", () => {
  it("all submissions of one new plan succeed", async () => {
    const scene = new Scene(api);
    const answers = await Promise.all(Array.from({ length: 20 }, () => scene.publish("a>b c")));
    for (const answer of answers) assert.deepEqual(states(answer), { a: "queued", b: "waiting", c: "queued" });
  });

  it("two parents reported successful are both recorded, and the child is queued", async () => {
    for (let round = 0; round < 20; round++) {
      const scene = await published("a>c b>c");
      const answers = await Promise.all([scene.set("success", "a"), scene.set("success", "b")]);
      for (const answer of answers) done(answer);
      assert.deepEqual(states(await scene.get()), { a: "success", b: "success", c: "queued" });
    }
  });

  it("a hundred updates of one dataset and many of others are each applied once", async () => {
    const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
    const scene = await published(`${names.join(" ")} ${names.map((name) => `${name}>end`).join(" ")}`);
    const others = await Promise.all(Array.from({ length: 10 }, () => published("a>b")));
    await Promise.all([
      ...names.map(async (name) => done(await scene.set("success", name))),
      ...others.map(async (other) => done(await other.set("success", "a"))),
    ]);
    assert.equal(states(await scene.get()).end, "queued");
    for (const other of others) assert.deepEqual(states(await other.get()), { a: "success", b: "queued" });
  });
});
