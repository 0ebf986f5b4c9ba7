/** Beyond the plans of the contract: why a product is where it is, what it did, retrying what has failed, checks of passbacks. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { roles } from "../src/model/service.ts";
import { done, type PlanBody, productOf, refused, Scene, states } from "./support/http.ts";
import { type Answer, openTestRuntime, services, type TestRuntime } from "./support/runtime.ts";

const rootHash = services.find(({ service }) => service === "admin")?.hash ?? "";
const root = { service: "root", hash: rootHash, roles: [...roles] };

let api: TestRuntime;
let token: string;
before(async () => {
  api = await openTestRuntime({ config: { services: [...services, root] } });
  const body = { service: "root", key: "admin-key" };
  token = done(await api.request("POST", "/api/authenticate", { body })).json.access_token;
});
after(() => api.stop());

const explain = async (scene: Scene, name: string) =>
  done(await api.request("GET", `/api/data_product/${scene.datasetId}/${scene.id(name)}/explain`)).json;

const historyOf = async (scene: Scene, name: string, query = "") =>
  done(await api.request("GET", `/api/data_product/${scene.datasetId}/${scene.id(name)}/history${query}`)).json;

const retry = (scene: Scene, as = token) =>
  api.request("POST", `/api/plan/${scene.datasetId}/retry-failed`, { token: as });

/** A plan whose products have what `expected` says, by name. */
function expecting(scene: Scene, chains: string, expected: Record<string, object>): PlanBody {
  const body = scene.body(chains);
  return { ...body, data_products: body.data_products.map((product) => ({ ...product, ...expected[product.name] })) };
}

describe("explaining a product", () => {
  it("names each parent that it waits for, and since when", async () => {
    const scene = new Scene(api);
    done(await scene.publish("EDM_GL>ledger BSEG>ledger done>ledger gone>ledger"));
    done(await scene.set("running", "EDM_GL"));
    done(await scene.set("failed", "BSEG"));
    done(await scene.set("success", "done"));
    const plan = done(await scene.disable("gone"));
    const told = await explain(scene, "ledger");
    const since = productOf(plan, "EDM_GL").modified_date;
    const [first, second] = [`EDM_GL (running since ${since.slice(0, 19)}Z)`, "BSEG (failed)"];
    assert.ok(
      [`ledger waits for ${first} and ${second}`, `ledger waits for ${second} and ${first}`].includes(told.summary),
      told.summary,
    );
    assert.equal(told.state, "waiting");
    assert.deepEqual(told.blocked_by.map((row: { name: string; state: string }) => [row.name, row.state]).sort(), [
      ["BSEG", "failed"],
      ["EDM_GL", "running"],
    ]);
    assert.equal(told.blocked_by.find((row: { name: string }) => row.name === "EDM_GL").since, since);
    assert.match(told.suggested_action, /retry-failed/);
    assert.deepEqual([told.job_id, told.next_run_at, told.last_error], [null, null, null]);
  });

  it("says that its dataset is paused, that it is lazy, that somebody else computes it", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b c~"));
    assert.match((await explain(scene, "a")).summary, /^a is queued since .*: cams is computed elsewhere/);
    assert.match((await explain(scene, "c")).summary, /^c is lazy/);
    done(await scene.pause());
    done(await scene.set("success", "a"));
    const told = await explain(scene, "b");
    assert.match(told.summary, /^b waits, as its dataset is paused$/);
    assert.match(told.suggested_action, /unpause/);
    assert.deepEqual(told.blocked_by, []);
  });

  it("tells the end of those that ended", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b c d"));
    done(await scene.update([{ id: scene.id("a"), state: "success" }], "updater"));
    done(await scene.update([{ id: scene.id("b"), state: "failed" }], "updater"));
    done(await scene.disable("c"));
    done(await scene.update([{ id: scene.id("d"), state: "running" }], "updater"));
    assert.match((await explain(scene, "a")).summary, /^a succeeded at .* as updater reported$/);
    assert.match((await explain(scene, "c")).summary, /^c was disabled by admin at/);
    assert.match((await explain(scene, "d")).summary, /^d is running since .* as updater reported$/);
    const told = await explain(scene, "b");
    assert.match(told.summary, /^b failed at .* as updater reported$/);
    assert.match(told.suggested_action, /retry-failed/);
    // A new definition does not change who made it fail.
    done(await scene.publish("b", undefined, "publisher"));
    assert.match((await explain(scene, "b")).summary, /^b failed at .* as updater reported$/);
  });

  it("names a few of very many parents", async () => {
    const scene = new Scene(api);
    done(await scene.publish(Array.from({ length: 130 }, (_, i) => `p${i}>sum`).join(" ")));
    const told = await explain(scene, "sum");
    assert.match(told.summary, / and 125 more$/);
    assert.equal(told.blocked_by.length, 100);
  });

  it("is 404 for what is not there, and 400 for what is no id", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    for (const verb of ["explain", "history"]) {
      const of = (dataset: string, product: string) =>
        api.request("GET", `/api/data_product/${dataset}/${product}/${verb}`);
      const missing = randomUUID();
      refused(await of(missing, scene.id("a")), 404, missing);
      refused(await of(scene.datasetId, missing), 404, missing);
      refused(await of("x", missing), 400);
      refused(await of(scene.datasetId, "x"), 400);
    }
    refused(await api.request("GET", `/api/plan/${randomUUID()}/history`), 404);
  });
});

describe("history", () => {
  it("of a product tells who moved it, when, from what to what and why, the newest first", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.update([{ id: scene.id("a"), state: "success" }], "updater"));
    const { rows, next_cursor } = await historyOf(scene, "b");
    assert.equal(next_cursor, null);
    assert.deepEqual(
      rows.map((row: Record<string, unknown>) => [row.revision, row.service, row.cause, row.from, row.to, row.why]),
      [
        [2, "updater", "products.update", "waiting", "queued", null],
        [1, "admin", "plan.publish", null, "waiting", null],
      ],
    );
    assert.match(rows[0].at, /\+00:00$/);
  });

  it("turns pages by whole turns", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b"));
    for (let i = 0; i < 7; i++) done(await scene.set(i % 2 === 0 ? "running" : "failed", "a"));
    done(await scene.set("running", "b"));
    const seen: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: { rows: { revision: number }[]; next_cursor: string | null } = await historyOf(
        scene,
        "a",
        `?limit=3&cursor=${cursor}`,
      );
      seen.push(...page.rows.map((row) => row.revision));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, [8, 7, 6, 5, 4, 3, 2, 1, 1].slice(0, seen.length));
    assert.equal(new Set(seen).size, 8);
    refused(await api.request("GET", `/api/plan/${scene.datasetId}/history?cursor=x`), 400, "cursor");
  });

  it("of a plan tells every turn, and what it changed", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.pause("pauser"));
    const { rows } = done(await api.request("GET", `/api/plan/${scene.datasetId}/history`)).json;
    assert.deepEqual(
      rows.map((row: { cause: string; service: string; is_cut: boolean }) => [row.cause, row.service, row.is_cut]),
      [
        ["dataset.pause", "pauser", false],
        ["plan.publish", "admin", false],
      ],
    );
    assert.deepEqual(rows[0].changes, [{ id: null, from: "active", to: "paused", why: null }]);
  });

  it("of a large turn is cut, and that of one product in it is whole", async () => {
    const scene = new Scene(api);
    done(await scene.publish(Array.from({ length: 1200 }, (_, i) => `p${i}`).join(" ")));
    const { rows } = done(await api.request("GET", `/api/plan/${scene.datasetId}/history`)).json;
    assert.deepEqual([rows.length, rows[0].changes.length, rows[0].is_cut], [1, 1000, true]);
    for (const name of ["p0", "p1199"]) assert.ok((await historyOf(scene, name)).rows.length >= 1, name);
    for (const name of ["p0", "p1199"]) assert.ok((await historyOf(scene, name, "?limit=1")).rows.length >= 1, name);
  });
});

describe("retrying what has failed", () => {
  it("clears it and what depends on it, in one turn", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b>c x>y lone"));
    done(await scene.set("success", "a", "x"));
    done(await scene.set("success", "y"));
    done(await scene.set("failed", "b", "lone"));
    done(await scene.set("running", "c"));
    const answer = done(await retry(scene));
    assert.deepEqual(states(answer), {
      a: "success",
      b: "queued",
      c: "waiting",
      lone: "queued",
      x: "success",
      y: "success",
    });
    assert.equal(productOf(answer, "b").modified_by, "root");
    const [row] = (await historyOf(scene, "b")).rows;
    assert.deepEqual([row.cause, row.to], ["products.retry", "queued"]);
    assert.deepEqual(states(answer), states(await scene.get()));
  });

  it("changes nothing when nothing has failed", async () => {
    const scene = new Scene(api);
    const before = done(await scene.publish("a>b"));
    const answer = done(await retry(scene));
    assert.deepEqual(states(answer), states(before));
    assert.equal(productOf(answer, "a").modified_date, productOf(before, "a").modified_date);
  });

  it("waits while the dataset is paused, and leaves what is disabled", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a b"));
    done(await scene.set("failed", "a", "b"));
    done(await scene.disable("b"));
    done(await scene.pause());
    assert.deepEqual(states(await retry(scene)), { a: "waiting", b: "disabled" });
  });

  it("needs the role operate and a plan", async () => {
    const scene = new Scene(api);
    refused(await retry(scene), 404, scene.datasetId);
    refused(await retry(scene, await api.tokenOf("admin")), 403, "admin", "operate");
    refused(await api.request("POST", `/api/plan/${scene.datasetId}/retry-failed`), 401);
    refused(await api.request("POST", "/api/plan/x/retry-failed", { token }), 400);
  });

  it("answers a repetition under one Idempotency-Key as before", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    done(await scene.set("failed", "a"));
    const headers = { "Idempotency-Key": "again" };
    const path = `/api/plan/${scene.datasetId}/retry-failed`;
    const first = done(await api.request("POST", path, { token, headers }));
    done(await scene.set("failed", "a"));
    const second = done(await api.request("POST", path, { token, headers }));
    assert.equal(first.text, second.text);
    assert.deepEqual(states(await scene.get()), { a: "failed" });
  });
});

describe("a check of a passback", () => {
  const check = { type: "object", required: ["rows"], properties: { rows: { minimum: 1 } } };
  const report = (scene: Scene, passback?: unknown): Promise<Answer> =>
    scene.update([{ id: scene.id("a"), state: "success", passback, link: "https://example.org/a" }], "updater");

  it("lets a passback through that fits", async () => {
    const scene = new Scene(api);
    done(await scene.publish(expecting(scene, "a>b", { a: { check } })));
    assert.deepEqual(states(await report(scene, { rows: 3 })), { a: "success", b: "queued" });
  });

  it("fails the product that was reported with another one, in that commit, and says why", async () => {
    const scene = new Scene(api);
    done(await scene.publish(expecting(scene, "a>b", { a: { check } })));
    const answer = await report(scene, { rows: 0 });
    assert.deepEqual(states(answer), { a: "failed", b: "waiting" });
    const product = productOf(answer, "a");
    assert.deepEqual(
      [product.passback, product.link, product.modified_by],
      [{ rows: 0 }, "https://example.org/a", "updater"],
    );
    const why = "The passback breaks its check: rows must be at least 1";
    const [row] = (await historyOf(scene, "a")).rows;
    assert.deepEqual([row.from, row.to, row.cause, row.why], ["queued", "failed", "products.update", why]);
    const told = await explain(scene, "a");
    assert.match(
      told.summary,
      /^a failed at .* as updater reported: The passback breaks its check: rows must be at least 1$/,
    );
    assert.equal(told.last_error, why);
    assert.deepEqual(states(await report(scene)), { a: "failed", b: "waiting" });
    assert.match((await explain(scene, "a")).last_error, /it must be object/);
    assert.deepEqual(states(await report(scene, { rows: 1 })), { a: "success", b: "queued" });
  });

  it("counts for successes only, and for its own product only", async () => {
    const scene = new Scene(api);
    done(await scene.publish(expecting(scene, "a b", { a: { check: false } })));
    assert.deepEqual(states(await scene.set("running", "a")), { a: "running", b: "queued" });
    assert.deepEqual(states(await scene.set("success", "a", "b")), { a: "failed", b: "success" });
  });

  it("holds until the product is published without it, on a node that reads it anew too", async () => {
    const scene = new Scene(api);
    done(await scene.publish(expecting(scene, "a", { a: { check } })));
    // As another node, or this one after an hour, sees it.
    const { supervisor, database } = api.runtime;
    const revision = (await supervisor.read(scene.datasetId))?.revision ?? 0;
    await database.sql`update dataset_head set revision = ${revision + 1}::bigint where dataset_id = ${scene.datasetId}::uuid`;
    assert.deepEqual(states(await report(scene, { rows: 0 })), { a: "failed" });
    done(await scene.publish("a"));
    assert.deepEqual(states(await report(scene, { rows: 0 })), { a: "success" });
    const rows = await database.sql`select 1 from expectation where dataset_id = ${scene.datasetId}::uuid`;
    assert.equal(rows.length, 0);
  });

  it("is no part of the plan that is answered", async () => {
    const scene = new Scene(api);
    const plain = new Scene(api);
    const expected = { check, deadline_s: 3600 };
    const [one, other] = [
      done(await scene.publish(expecting(scene, "a", { a: expected }))),
      done(await plain.publish("a")),
    ];
    assert.deepEqual(Object.keys(productOf(one, "a")), Object.keys(productOf(other, "a")));
    assert.deepEqual(Object.keys(one.json), Object.keys(other.json));
  });

  it("and a deadline of a template hold for its runs, and a flaw of a check is shown where it is", async () => {
    const source = (check: string) => `id: checked
name: Checked
deadline: 2h
tasks:
  - { id: first, compute: cams, check: ${check}, deadline: 1h }
  - { id: last, compute: cams, depends_on: [first] }
`;
    const put = (body: string) =>
      api.request("POST", "/api/template", { token, body, headers: { "Content-Type": "application/yaml" } });
    const wrong = await put(source("{ properties: { rows: { minimun: 1 } } }"));
    refused(wrong, 422);
    assert.match(wrong.json.detail, /5:\d+: cannot use this check: this keyword is not supported/);
    done(await put(source("{ required: [rows] }")));
    const plan = done(await api.request("POST", "/api/template/checked/trigger", { token, body: {} })).json;
    const id = plan.data_products.find(({ name }: { name: string }) => name === "first").id;
    const update = (passback: unknown) =>
      api.request("PUT", `/api/data_product/${plan.dataset.id}/update`, {
        token,
        body: [{ id, state: "success", passback }],
      });
    assert.deepEqual(states(await update({})), { first: "failed", last: "waiting" });
    assert.deepEqual(states(await update({ rows: 1 })), { first: "success", last: "queued" });
    const { sql } = api.runtime.database;
    const deadlines = await sql<{ s: number }>`
      select round(extract(epoch from deadline_at - ${plan.dataset.modified_date}::timestamptz))::int as s
      from expectation where dataset_id = ${plan.dataset.id}::uuid order by 1`;
    assert.deepEqual(deadlines, [{ s: 3600 }, { s: 7200 }]);
  });

  it("that cannot be used refuses the plan, naming the place", async () => {
    const wrong: [object, string][] = [
      [{ check: { $ref: "https://example.org" } }, "data_products.0.check.$ref"],
      [{ check: { properties: { a: { pattern: "x" } } } }, "data_products.0.check.properties.a.pattern"],
      [{ check: "object" }, "data_products.0.check"],
      [{ deadline: "soon" }, "data_products.0.deadline"],
      [{ deadline_s: -1 }, "data_products.0.deadline_s"],
      [{ deadline_s: "5" }, "data_products.0.deadline_s"],
      [{ deadline: "2030-01-01T00:00:00Z", deadline_s: 5 }, "data_products.0.deadline_s"],
    ];
    for (const [expected, field] of wrong) {
      const scene = new Scene(api);
      const answer = await scene.publish(expecting(scene, "a", { a: expected }));
      refused(answer, 400);
      assert.equal(answer.json.field, field);
      refused(await scene.get(), 404);
    }
    const scene = new Scene(api);
    done(await scene.publish(expecting(scene, "a", { a: { check: null, deadline: null, deadline_s: null } })));
  });
});
