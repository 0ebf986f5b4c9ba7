/** CONTRACT.md §1–§3: the model, the conventions, the schemas. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { canonical, done, productOf, refused, Scene, sorted } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

const dateShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$/;
const uuidShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("the model (§1)", () => {
  it("keeps the same product uuid in several datasets apart", async () => {
    const one = new Scene(api);
    const other = new Scene(api);
    const shared = randomUUID();
    for (const scene of [one, other]) {
      const body = scene.body("a");
      for (const product of body.data_products) product.id = shared;
      done(await scene.publish(body));
    }
    done(await one.update([{ id: shared, state: "success" }]));
    assert.equal(productOf(await one.get(), "a").state, "success");
    assert.equal(productOf(await other.get(), "a").state, "queued");
  });

  it("accumulates products and dependencies, and deletes nothing", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.disable("a"));
    const after = done(await scene.publish("c"));
    assert.equal(after.json.data_products.length, 3);
    assert.equal(after.json.dependencies.length, 1);
  });

  it("queues eager products when they are ready, lazy ones only when a client says so", async () => {
    const scene = new Scene(api);
    const plan = done(await scene.publish("eager lazy~"));
    assert.equal(productOf(plan, "eager").state, "queued");
    assert.equal(productOf(plan, "lazy").state, "waiting");
    assert.equal(productOf(await scene.set("running", "lazy"), "lazy").state, "running");
  });
});

describe("requests (§2)", () => {
  const writes = (scene: Scene): [string, string, unknown][] => [
    ["POST", "/api/plan", scene.body("a")],
    ["PUT", `/api/data_product/${scene.datasetId}/update`, []],
    ["PUT", `/api/data_product/${scene.datasetId}/clear`, []],
    ["PUT", `/api/data_product/${scene.datasetId}/enable`, []],
    ["DELETE", `/api/data_product/${scene.datasetId}`, []],
    ["POST", "/api/authenticate", { service: "admin", key: "admin-key" }],
  ];

  it("need Content-Type application/json, DELETE too; a charset is fine, any other type or none is 415", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    for (const [method, path, body] of writes(scene)) {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const token = await api.tokenOf("admin");
      const send = (type: string | null) =>
        fetch(`${api.url}${path}`, {
          method,
          headers: { Authorization: `Bearer ${token}`, ...(type !== null && { "Content-Type": type }) },
          body: bytes,
        });
      for (const type of [
        null,
        "text/plain",
        "application/xml",
        "application/jsonp",
        "text/json",
        "application/x-www-form-urlencoded",
      ]) {
        const answer = await send(type);
        await answer.text();
        assert.equal(answer.status, 415, `${method} ${path} as ${type}`);
      }
      for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]) {
        const answer = await send(type);
        assert.equal(answer.status, 200, `${method} ${path} as ${type}: ${await answer.text()}`);
      }
    }
  });

  it("answer 415 also when the body is empty and no type is given", async () => {
    const scene = new Scene(api);
    refused(await scene.call("POST", "/api/plan"), 415);
  });

  it("to pause and unpause take no body and ignore one of any type", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    const path = `/api/plan/${scene.datasetId}`;
    done(
      await scene.call("PUT", `${path}/pause`, "not json {", "admin", { headers: { "Content-Type": "text/plain" } }),
    );
    done(await scene.call("PUT", `${path}/unpause`, "[1,", "admin"));
    done(await scene.call("PUT", `${path}/pause`));
  });

  it("succeed with 200, also when a plan is created, as application/json; charset=utf-8", async () => {
    const scene = new Scene(api);
    for (const answer of [
      await scene.publish("a"),
      await scene.get(),
      await scene.product("a"),
      await scene.pause(),
      await api.request("GET", "/api/plan/search?search_by=&page=0"),
      await api.request("POST", "/api/authenticate", { body: { service: "admin", key: "admin-key" } }),
    ]) {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8");
    }
  });

  it("fail as application/problem+json with title, status, detail, code and the offending ids", async () => {
    const scene = new Scene(api);
    const answer = await scene.get();
    refused(answer, 404, scene.datasetId);
    assert.equal(answer.json.dataset_id, scene.datasetId);
  });

  it("may hold unknown fields at every level", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b");
    const more = { unknown: 1, __proto__x: {}, state: "success", paused: true, run_id: "no uuid", modified_by: 3 };
    const plan = done(
      await scene.call("POST", "/api/plan", {
        ...body,
        ...more,
        dataset: { ...body.dataset, ...more },
        data_products: body.data_products.map((product) => ({ ...product, ...more })),
        dependencies: body.dependencies.map((edge) => ({ ...edge, ...more })),
      }),
    );
    assert.equal(plan.json.dataset.paused, false);
    assert.equal(productOf(plan, "a").state, "queued");
    assert.equal(productOf(plan, "a").run_id, null);
    done(
      await scene.call("PUT", `/api/data_product/${scene.datasetId}/update`, [
        { id: scene.id("a"), ...more, state: "running", run_id: null },
      ]),
    );
    done(await api.request("POST", "/api/authenticate", { body: { service: "admin", key: "admin-key", more } }));
  });

  it("may leave an optional field out or say null, with the same meaning", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b");
    const nulls = {
      dataset: { ...body.dataset, extra: null },
      data_products: body.data_products.map((product) => ({ ...product, passthrough: null, extra: null })),
      dependencies: body.dependencies.map((edge) => ({ ...edge, extra: null })),
    };
    for (const plan of [done(await scene.call("POST", "/api/plan", nulls)), done(await scene.publish(body))]) {
      assert.equal(plan.json.dataset.extra, null);
      assert.equal(productOf(plan, "a").passthrough, null);
      assert.equal(plan.json.dependencies[0].extra, null);
    }
    const id = scene.id("a");
    done(await scene.update([{ id, state: "running", run_id: randomUUID(), link: "l", passback: 1 }]));
    const reset = productOf(
      await scene.update([{ id, state: "running", run_id: null, link: null, passback: null }]),
      "a",
    );
    assert.deepEqual([reset.run_id, reset.link, reset.passback], [null, null, null]);
  });
});

describe("answers (§2, §3)", () => {
  it("hold every field of the schemas, null where there is no value", async () => {
    const scene = new Scene(api);
    const plan = done(await scene.publish("a>b"));
    assert.deepEqual(Object.keys(plan.json).sort(), ["data_products", "dataset", "dependencies"]);
    assert.deepEqual(Object.keys(plan.json.dataset).sort(), ["extra", "id", "modified_by", "modified_date", "paused"]);
    const fields =
      "compute eager extra id link modified_by modified_date name passback passthrough run_id state version";
    assert.deepEqual(Object.keys(productOf(plan, "a")).sort(), fields.split(" "));
    assert.deepEqual(Object.keys((await scene.product("a")).json).sort(), fields.split(" "));
    const [edge] = plan.json.dependencies;
    assert.deepEqual(Object.keys(edge).sort(), ["child_id", "extra", "modified_by", "modified_date", "parent_id"]);
    const found = await api.request("GET", `/api/plan/search?search_by=${scene.datasetId}&page=0`);
    assert.deepEqual(Object.keys(found.json).sort(), ["next_page", "rows"]);
    assert.deepEqual(Object.keys(found.json.rows[0]).sort(), ["dataset_id", "extra", "modified_date"]);
    assert.deepEqual([found.json.next_page, found.json.rows[0].extra], [null, null]);
    const login = await api.request("POST", "/api/authenticate", { body: { service: "admin", key: "admin-key" } });
    const loginFields = "access_token expires issued issued_by roles service token_type ttl";
    assert.deepEqual(Object.keys(login.json).sort(), loginFields.split(" "));
  });

  it("take a uuid in any letter case, with or without hyphens, and give it lower-case and hyphenated", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b");
    const odd = (id: string) => id.toUpperCase();
    const bare = (id: string) => id.replaceAll("-", "");
    const plan = done(
      await scene.call("POST", "/api/plan", {
        dataset: { id: odd(bare(body.dataset.id)) },
        data_products: body.data_products.map((product) => ({ ...product, id: odd(product.id) })),
        dependencies: body.dependencies.map((edge) => ({
          parent_id: bare(edge.parent_id),
          child_id: odd(edge.child_id),
        })),
      }),
    );
    assert.equal(plan.json.dataset.id, scene.datasetId);
    assert.equal(productOf(plan, "a").id, scene.id("a"));
    assert.deepEqual([plan.json.dependencies[0].parent_id, plan.json.dependencies[0].child_id], scene.ids("a", "b"));
    for (const form of [odd, bare]) {
      done(await api.request("GET", `/api/plan/${form(scene.datasetId)}`));
      done(await api.request("GET", `/api/data_product/${form(scene.datasetId)}/${form(scene.id("a"))}`));
      const run = randomUUID();
      const updated = done(
        await scene.call("PUT", `/api/data_product/${form(scene.datasetId)}/update`, [
          { id: form(scene.id("a")), state: "running", run_id: form(run) },
        ]),
      );
      assert.equal(productOf(updated, "a").run_id, run);
      done(await scene.call("PUT", `/api/data_product/${form(scene.datasetId)}/clear`, [form(scene.id("a"))]));
    }
  });

  it("spell dates in UTC with +00:00 and at most six digits of a second", async () => {
    const before = Date.now();
    const scene = new Scene(api);
    const plan = done(await scene.publish("a>b"));
    const dates = [
      plan.json.dataset.modified_date,
      ...plan.json.data_products.map((product: { modified_date: string }) => product.modified_date),
      plan.json.dependencies[0].modified_date,
    ];
    for (const date of dates) {
      assert.match(date, dateShape);
      assert.ok(Math.abs(Date.parse(date) - before) < 60_000);
    }
    const found = await api.request("GET", `/api/plan/search?search_by=${scene.datasetId}&page=0`);
    assert.equal(found.json.rows[0].modified_date, plan.json.dataset.modified_date);
    assert.match(plan.json.dataset.id, uuidShape);
  });

  it("return any JSON value unchanged, apart from the order of keys", async () => {
    const values = [
      {},
      [],
      "",
      "text",
      0,
      -1,
      1.5,
      true,
      false,
      { a: { b: [1, null, { c: "d" }] }, "": null, ключ: "значение", "10": 1, "2": 2 },
      [[[[]]], {}, [{}]],
      'quote " backslash \\ slash / tab \t newline \n',
      "emoji 😀 \u2028 \u2029",
    ];
    for (const value of values) {
      const scene = new Scene(api);
      const body = scene.body("a>b", value);
      for (const product of body.data_products) Object.assign(product, { passthrough: value, extra: value });
      for (const edge of body.dependencies) edge.extra = value;
      done(await scene.publish(body));
      done(await scene.update([{ id: scene.id("a"), state: "running", passback: value }]));
      const { json } = await scene.get();
      const a = json.data_products.find((product: { name: string }) => product.name === "a");
      for (const given of [json.dataset.extra, a.passthrough, a.extra, a.passback, json.dependencies[0].extra]) {
        assert.equal(canonical(given), canonical(value));
      }
    }
  });

  it("keep every digit of 64-bit integers, and NUL and half a surrogate pair inside JSON", async () => {
    const scene = new Scene(api);
    const raw =
      '{"min":-9223372036854775808,"max":18446744073709551615,"odd":9007199254740993,"list":[9223372036854775807],"nul":"\\u0000","half":"\\ud800"}';
    const product = `{"id":"${scene.id("a")}","compute":"cams","name":"a","version":"1","eager":true,"passthrough":${raw},"extra":9007199254740993}`;
    const body = `{"dataset":{"id":"${scene.datasetId}","extra":${raw}},"data_products":[${product}],"dependencies":[]}`;
    done(await scene.call("POST", "/api/plan", body));
    done(
      await scene.call(
        "PUT",
        `/api/data_product/${scene.datasetId}/update`,
        `[{"id":"${scene.id("a")}","state":"running","passback":-9223372036854775808}]`,
      ),
    );
    const { text } = await scene.get();
    const digits = ["-9223372036854775808", "18446744073709551615", "9007199254740993", "9223372036854775807"];
    for (const part of [...digits, '"passback":-9223372036854775808', '"extra":9007199254740993']) {
      assert.ok(text.includes(part), `${part} is lost in ${text}`);
    }
    assert.equal(JSON.parse(text).dataset.extra.nul, "\u0000");
    assert.equal(JSON.parse(text).dataset.extra.half, "\ud800");
  });

  it("keep keys such as __proto__ as data", async () => {
    const scene = new Scene(api);
    const body = `{"__proto__":{"polluted":1},"dataset":{"id":"${scene.datasetId}","extra":{"__proto__":{"a":1},"constructor":2}},"data_products":[],"dependencies":[]}`;
    const { text } = done(await scene.call("POST", "/api/plan", body));
    assert.ok(text.includes('"__proto__":{"a":1}') && text.includes('"constructor":2'), text);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  });

  it("keep text of any Unicode, empty, or 20 000 characters long", async () => {
    for (const text of [
      "",
      "ÄÖÜ ßẞ 漢字 😀",
      "a".repeat(20_000),
      "<script>alert('x')</script> & \" ' \\",
      "\u0001\u001f\u007f",
    ]) {
      const scene = new Scene(api);
      const body = scene.body("a");
      for (const product of body.data_products) Object.assign(product, { name: text, version: text });
      done(await scene.publish(body));
      done(await scene.update([{ id: scene.id("a"), state: "running", link: text }]));
      const { json } = await scene.product("a");
      assert.deepEqual([json.name, json.version, json.link], [text, text, text]);
    }
  });

  it("stamp the service of the token and one date on everything that a request touches", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b", null, "publisher"));
    const plan = done(await scene.update([{ id: scene.id("a"), state: "success" }], "updater"));
    const [a, b] = [productOf(plan, "a"), productOf(plan, "b")];
    assert.deepEqual([a.modified_by, b.modified_by, b.state], ["updater", "updater", "queued"]);
    assert.equal(a.modified_date, b.modified_date);
    assert.equal(plan.json.dataset.modified_by, "publisher");
    assert.ok(a.modified_date > plan.json.dataset.modified_date);
    assert.equal(plan.json.dependencies[0].modified_by, "publisher");
  });
});

describe("a writing request (§2)", () => {
  it("is one transaction: an error leaves everything as it was", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b c"));
    done(await scene.disable("c"));
    const before = await scene.get();
    const unknown = randomUUID();
    const bad = scene.body("x>y>x");
    const refusals = [
      await scene.publish(bad),
      await scene.update([
        { id: scene.id("a"), state: "success" },
        { id: unknown, state: "success" },
      ]),
      await scene.update([
        { id: scene.id("a"), state: "success" },
        { id: scene.id("c"), state: "success" },
      ]),
      await scene.call("PUT", `/api/data_product/${scene.datasetId}/clear`, [scene.id("a"), unknown]),
      await scene.disable("a", "c"),
      await scene.unpause(),
    ];
    assert.deepEqual(
      refusals.map((answer) => answer.status),
      [422, 404, 403, 404, 403, 400],
    );
    assert.equal(sorted((await scene.get()).json), sorted(before.json));
  });
});
