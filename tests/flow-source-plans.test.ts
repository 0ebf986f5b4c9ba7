/** Flows that read plans: each change of a product's state reaches the sink, whatever happens to the nodes meanwhile. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "node:test";
import { open, type Runtime } from "../src/runtime.ts";
import { type FlowFolder, makeFlowFolder } from "./support/flow-folder.ts";
import { done, Scene } from "./support/http.ts";
import { openTestRuntime, requester, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let flows: FlowFolder;
let node: TestRuntime | null = null;
const others: Runtime[] = [];
beforeEach(async () => {
  flows = await makeFlowFolder();
});
afterEach(async () => {
  for (const other of others.splice(0)) await other.stop();
  await node?.stop();
  node = null;
  await flows.remove();
});

async function start(): Promise<TestRuntime> {
  node = await openTestRuntime({ config: { flowsDir: flows.dir } });
  return node;
}

const payloads = async (name: string) => (await flows.rows(name)).map(({ payload }) => payload);
const moves = async (name: string) =>
  (await payloads(name)).map((told) => `${told.name} ${told.from ?? "new"}>${told.state}`);
const reaches = (name: string, count: number) =>
  until(`${count} messages`, async () => (await flows.rows(name)).length >= count);

describe("a flow that reads plans", () => {
  it("hands on each change in order, with what the product reported", async () => {
    await flows.add("all", "{ kind: plans }");
    const scene = new Scene(await start());
    done(await scene.publish("a>b"));
    await reaches("all", 3);
    const passback = '{"rows":9007199254740993}';
    const body = `[{"id":"${scene.id("a")}","state":"success","link":"https://x.test/a","passback":${passback}}]`;
    done(await scene.call("PUT", `/api/data_product/${scene.datasetId}/update`, body));
    await reaches("all", 5);
    assert.deepEqual(await moves("all"), [
      "a new>waiting",
      "b new>waiting",
      "a waiting>queued",
      "a queued>success",
      "b waiting>queued",
    ]);
    const rows = await flows.rows("all");
    const told = rows.map(({ payload }) => payload).find(({ state }) => state === "success");
    const { at, revision, ...rest } = told;
    assert.match(at, /^\d{4}-\d\d-\d\dT.*\+00:00$/);
    assert.equal(revision, 2);
    assert.deepEqual(rest, {
      dataset_id: scene.datasetId,
      product_id: scene.id("a"),
      name: "a",
      version: "1.0",
      state: "success",
      from: "queued",
      service: "admin",
      cause: "products.update",
      link: "https://x.test/a",
      passback: JSON.parse(passback),
    });
    assert.equal(new Set(rows.map(({ key }) => key)).size, 5);
    assert.match(rows[0]?.key ?? "", new RegExp(`^all:plans:${scene.datasetId}\\.1\\.1:`));
  });

  it("hands on only what it asks for: states, names, datasets", async () => {
    const api = await start();
    await api.runtime.stop();
    const [scene, other] = [new Scene(api), new Scene(api)];
    await flows.add("done", "{ kind: plans, states: [success] }");
    await flows.add("named", '{ kind: plans, products: ["ra*", b] }');
    await flows.add("one", `{ kind: plans, datasets: ["${other.datasetId.toUpperCase()}"] }`);
    await again(api);
    done(await scene.publish("raw rain b c"));
    done(await other.publish("d"));
    done(await scene.set("success", "raw", "c"));
    await reaches("done", 2);
    await reaches("named", 7);
    await reaches("one", 2);
    assert.deepEqual((await moves("done")).sort(), ["c queued>success", "raw queued>success"]);
    assert.deepEqual((await moves("named")).sort(), [
      "b new>waiting",
      "b waiting>queued",
      "rain new>waiting",
      "rain waiting>queued",
      "raw new>waiting",
      "raw queued>success",
      "raw waiting>queued",
    ]);
    assert.deepEqual(await moves("one"), ["d new>waiting", "d waiting>queued"]);
    // What they left out is passed over, so that the table is emptied.
    const { sql } = others[0]?.database ?? api.runtime.database;
    await until("all have passed the last one", async () => {
      const rows = await sql<{ behind: boolean }>`
        select next_offset < 1024 * (select last_value from flow_event_place) as behind from flow_partition`;
      return rows.length === 3 && rows.every(({ behind }) => !behind);
    });
  });

  it("hands on only what names it, where it asks for that: a product by its passthrough, a template's task likewise", async () => {
    await flows.add("deliver", "{ kind: plans, states: [queued], named: true }");
    const api = await start();
    const scene = new Scene(api);
    const { dataset } = scene.body("");
    const product = (name: string, passthrough: unknown) => ({
      ...{ id: randomUUID(), compute: "cams", name, version: "1", eager: true, passthrough },
    });
    const data_products = [
      product("one", { flows: ["deliver", "other"] }),
      product("two", { flows: ["other"] }),
      product("three", "deliver"),
      product("four", null),
      product("five", { flows: "deliver" }),
    ];
    done(await scene.publish({ dataset, data_products, dependencies: [] }));
    const template = `id: named
params: { day: { default: monday } }
tasks:
  - { id: six, compute: cams, passthrough: { flows: [deliver] } }
  - { id: seven, compute: cams }
`;
    const token = await api.tokenOf("publisher");
    done(
      await api.request("POST", "/api/template", {
        token,
        body: template,
        headers: { "Content-Type": "application/yaml" },
      }),
    );
    done(await api.request("POST", "/api/template/named/trigger", { token, body: { params: {} } }));
    await reaches("deliver", 2);
    assert.deepEqual((await payloads("deliver")).map(({ name }) => name).sort(), ["one", "six"]);
  });

  it("hands on the products of a pass that names it, beside those whose tasks do", async () => {
    await flows.add("deliver", "{ kind: plans, states: [queued], named: true }");
    await flows.add("other", "{ kind: plans, states: [queued], named: true }");
    const api = await start();
    const token = await api.tokenOf("publisher");
    const ask = async (method: string, path: string, body: unknown, headers = {}) =>
      done(await api.request(method, path, { token, body, headers })).json;
    const template = `id: of-pass
tasks:
  - { id: image, compute: cams, passthrough: { flows: [other], dpi: 300 } }
  - { id: log, compute: cams }
`;
    await ask("POST", "/api/template", template, { "Content-Type": "application/yaml" });
    await ask("PUT", "/api/ship/probe", { format: "raw" });
    const body = { ship: "probe", aos: new Date(Date.now() + 200).toISOString(), duration_s: 1, drain_margin_s: 0 };
    const pass = await ask("POST", "/api/pass", { ...body, template: "of-pass", flows: ["deliver", "deliver"] });
    assert.deepEqual(pass.flows, ["deliver"]);
    await reaches("deliver", 2);
    await reaches("other", 1);
    assert.deepEqual((await payloads("deliver")).map(({ name }) => name).sort(), ["image", "log"]);
    assert.deepEqual(
      (await payloads("other")).map(({ name }) => name),
      ["image"],
    );
    const { dataset_id } = (await api.request("GET", `/api/pass/${pass.id}`)).json;
    const image = (await payloads("other"))[0]?.product_id;
    const { passthrough } = (await api.request("GET", `/api/data_product/${dataset_id}/${image}`)).json;
    assert.deepEqual([passthrough.flows, passthrough.dpi], [["other", "deliver"], 300]);
    assert.match((await api.request("GET", `/pass/${pass.id}`)).text, /deliver/);
  });

  it("takes thousands of products in one revision, whatever they are called", async () => {
    await flows.add("all", "{ kind: plans }", "window: 100");
    const scene = new Scene(await start());
    const hostile = ['"}', "a\\b", "x%y_*", "';drop table event;--", "\u{1f6f0}\u2028", "<script>", "[null,", "  "];
    const names = [...hostile, ...Array.from({ length: 2_492 }, (_, i) => `p${i}`)];
    const { dataset } = scene.body("");
    const data_products = names.map((name) => ({ id: randomUUID(), compute: "cams", name, version: "1", eager: true }));
    done(await scene.publish({ dataset, data_products, dependencies: [] }));
    await reaches("all", 2 * names.length);
    const rows = await flows.rows("all");
    assert.deepEqual(new Set(rows.map(({ payload }) => payload.name)), new Set(names));
    assert.equal(new Set(rows.map(({ key }) => key)).size, 2 * names.length);
  });

  it("reads nothing while it is paused, and all of it when it is resumed on a node that was started again", async () => {
    await flows.add("all", "{ kind: plans }");
    const api = await start();
    const token = await api.tokenOf("operator");
    done(await api.request("PUT", "/api/flow/all/pause", { token }));
    const scene = new Scene(api);
    done(await scene.publish("a"));
    done(await scene.set("success", "a"));
    await until("its partition is there", async () => {
      const { json } = await api.request("GET", "/api/flow/all");
      return json.partitions.length === 1;
    });
    await api.runtime.stop();
    const second = await again(api);
    assert.deepEqual(await flows.rows("all"), []);
    await second.flows.pause("all", false, "test");
    await reaches("all", 3);
    assert.deepEqual(await moves("all"), ["a new>waiting", "a waiting>queued", "a queued>success"]);
  });

  it("begins where it is first started, and costs nothing before", async () => {
    const api = await start();
    const triggers = async () =>
      (await api.runtime.database.sql`select 1 from pg_trigger where tgname = 'flow_event_note'`).length;
    assert.equal(await triggers(), 0);
    done(await new Scene(api).publish("early"));
    await api.runtime.stop();
    await flows.add("late", "{ kind: plans }");
    await again(api);
    done(await new Scene(api).publish("now"));
    await reaches("late", 2);
    assert.deepEqual(await moves("late"), ["now new>waiting", "now waiting>queued"]);
  });
});

describe("a flow that reads plans on two nodes", () => {
  const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the embedded store has one node";

  it("hands on each change by one of them, and by the other when that one stops", { skip }, async () => {
    await flows.add("all", "{ kind: plans }");
    const api = await start();
    const second = await open({ ...api.config, port: 0 });
    others.push(second);
    const scenes = Array.from({ length: 20 }, () => new Scene(api));
    await Promise.all(scenes.map(async (scene) => done(await scene.publish("a>b>c"))));
    for (const name of ["a", "b"])
      await Promise.all(scenes.map(async (scene) => done(await scene.set("success", name))));
    const count = 20 * 8;
    await reaches("all", count);
    const holders = [api.runtime, second].filter(({ flows }) => flows.find("all")?.state.partitions.length === 1);
    assert.equal(holders.length, 1);
    await holders[0]?.stop();
    const left = holders[0] === second ? api.runtime : second;
    const last = new Scene({ ...api, request: requester(left.url ?? "") });
    done(await last.publish("last"));
    await reaches("all", count + 2);
    const rows = await flows.rows("all");
    assert.equal(rows.length, count + 2);
    assert.equal(new Set(rows.map(({ key }) => key)).size, count + 2);
    for (const { datasetId } of scenes) {
      const own = rows.filter(({ payload }) => payload.dataset_id === datasetId).map(({ payload }) => payload.revision);
      assert.deepEqual(
        own,
        own.toSorted((a, b) => a - b),
      );
    }
  });
});

/** The node of the test, started again on the same port, so that its address stays. */
async function again(api: TestRuntime): Promise<Runtime> {
  const runtime = await open({ ...api.config, port: Number(new URL(api.url).port) });
  others.push(runtime);
  return runtime;
}
