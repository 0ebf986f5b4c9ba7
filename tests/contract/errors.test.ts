/** CONTRACT.md §4 and §5: routes, statuses, what a refusal names, and the order of checks. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { done, refused, Scene, sorted } from "../support/http.ts";
import { openTestRuntime, type ServiceName, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let scene: Scene;
before(async () => {
  api = await openTestRuntime();
  scene = new Scene(api);
  done(await scene.publish("a>b"));
});
after(() => api.stop());

interface Guarded {
  readonly method: string;
  readonly path: (datasetId: string) => string;
  readonly role: ServiceName;
  readonly lacking: ServiceName;
  /** A body that is well formed; null where none is taken. */
  readonly body: unknown;
}

const product = { id: randomUUID(), compute: "cams", name: "n", version: "1", eager: true };

const guarded: readonly Guarded[] = [
  {
    method: "POST",
    path: () => "/api/plan",
    role: "publisher",
    lacking: "updater",
    body: { dataset: { id: randomUUID() }, data_products: [], dependencies: [] },
  },
  { method: "PUT", path: (id) => `/api/plan/${id}/pause`, role: "pauser", lacking: "updater", body: null },
  { method: "PUT", path: (id) => `/api/plan/${id}/unpause`, role: "pauser", lacking: "publisher", body: null },
  { method: "PUT", path: (id) => `/api/data_product/${id}/update`, role: "updater", lacking: "publisher", body: [] },
  { method: "PUT", path: (id) => `/api/data_product/${id}/clear`, role: "updater", lacking: "disabler", body: [] },
  { method: "DELETE", path: (id) => `/api/data_product/${id}`, role: "disabler", lacking: "updater", body: [] },
  { method: "PUT", path: (id) => `/api/data_product/${id}/enable`, role: "disabler", lacking: "updater", body: [] },
];

describe("routes (§4)", () => {
  it("need their role and no other", async () => {
    for (const { method, path, role, lacking, body } of guarded) {
      const target = path(scene.datasetId);
      const allowed = await scene.call(method, target, body ?? undefined, role);
      assert.ok(allowed.status === 200 || allowed.json.code === "pause_state", `${method} ${target} ${allowed.text}`);
      const { service, roles } = { service: lacking, roles: role.replace(/er$|r$/, "") };
      refused(await scene.call(method, target, body ?? undefined, lacking), 403, service, roles.slice(0, 4));
      refused(await scene.call(method, target, body ?? undefined, "reader"), 403, "reader");
    }
  });

  it("without a role need no token and ignore any Authorization header, even a bad one", async () => {
    for (const value of ["Bearer nonsense", "Basic YTpi", "Bearer", "", "x".repeat(200)]) {
      const headers = { Authorization: value };
      done(await api.request("GET", `/api/plan/${scene.datasetId}`, { headers }));
      done(await api.request("GET", `/api/data_product/${scene.datasetId}/${scene.id("a")}`, { headers }));
      done(await api.request("GET", "/api/plan/search?search_by=&page=0", { headers }));
      done(await api.request("POST", "/api/authenticate", { headers, body: { service: "admin", key: "admin-key" } }));
    }
  });

  it("answer a write with the whole plan, equal to what GET returns next", async () => {
    const other = new Scene(api);
    const writes = [
      () => other.publish("a>b>c d"),
      () => other.set("success", "a"),
      () => other.pause(),
      () => other.clear("a"),
      () => other.unpause(),
      () => other.disable("b"),
      () => other.enable("b"),
    ];
    for (const write of writes) {
      const answer = done(await write());
      assert.equal(sorted(answer.json), sorted((await other.get()).json));
    }
  });

  it("let search win over {dataset_id}", async () => {
    const found = done(await api.request("GET", "/api/plan/search?search_by=&page=0"));
    assert.ok(Array.isArray(found.json.rows));
    refused(await api.request("GET", "/api/plan/search"), 400);
  });

  it("answer 405 to another method on a known path", async () => {
    const one = `/api/data_product/${scene.datasetId}/${scene.id("a")}`;
    const wrong: [string, string][] = [
      ["GET", "/api/authenticate"],
      ["PUT", "/api/authenticate"],
      ["GET", "/api/plan"],
      ["DELETE", "/api/plan"],
      ["POST", `/api/plan/${scene.datasetId}`],
      ["DELETE", `/api/plan/${scene.datasetId}`],
      ["POST", "/api/plan/search"],
      ["GET", `/api/plan/${scene.datasetId}/pause`],
      ["POST", `/api/plan/${scene.datasetId}/unpause`],
      ["PUT", one],
      ["POST", one],
      ["GET", `/api/data_product/${scene.datasetId}/update`],
      ["POST", `/api/data_product/${scene.datasetId}/clear`],
      ["GET", `/api/data_product/${scene.datasetId}`],
      ["PUT", `/api/data_product/${scene.datasetId}`],
      ["PATCH", `/api/plan/${scene.datasetId}`],
      ["OPTIONS", "/api/plan"],
      ["POST", "/"],
      ["PUT", `/plan/${scene.datasetId}`],
      ["DELETE", "/spec"],
      ["POST", "/swagger"],
      ["POST", "/component/plan_search"],
      ["HEAD", "/api/authenticate"],
    ];
    for (const [method, path] of wrong) {
      const answer = await api.request(method, path);
      assert.equal(answer.status, 405, `${method} ${path} answers ${answer.status}`);
      assert.ok(answer.headers.get("allow"), `${method} ${path} names no Allow`);
    }
  });

  it("answer HEAD wherever GET works, without a body", async () => {
    const paths = [
      `/api/plan/${scene.datasetId}`,
      `/api/data_product/${scene.datasetId}/${scene.id("a")}`,
      "/api/plan/search?search_by=&page=0",
      "/",
      `/plan/${scene.datasetId}`,
      "/component/plan_search?search_by=&page=0",
      "/spec",
      "/swagger",
    ];
    for (const path of paths) {
      const head = await api.request("HEAD", path);
      const get = await api.request("GET", path);
      assert.deepEqual([head.status, head.text], [200, ""], path);
      assert.equal(head.headers.get("content-type"), get.headers.get("content-type"));
      assert.notEqual(head.headers.get("content-length"), "0", path);
    }
    assert.equal((await api.request("HEAD", `/api/plan/${randomUUID()}`)).status, 404);
  });

  it("answer 404 to a trailing slash and to every unknown path, as the HTML page, under /api too", async () => {
    const paths = [
      "/api/plan/",
      `/api/plan/${scene.datasetId}/`,
      "/api/plan/search/",
      `/api/data_product/${scene.datasetId}/`,
      `/api/data_product/${scene.datasetId}/${scene.id("a")}/`,
      "/api/authenticate/",
      "/api",
      "/api/",
      "/api/nonsense",
      "/nonsense",
      "/spec/",
      "/swagger/",
      "/API/plan/search",
      `/api/plan/${scene.datasetId}/nonsense`,
    ];
    for (const path of paths) {
      for (const method of ["GET", "POST", "PUT", "DELETE"]) {
        const answer = await api.request(method, path);
        assert.equal(answer.status, 404, `${method} ${path}`);
        assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8", path);
        assert.match(answer.text, /<title>Orrery<\/title>/);
      }
    }
  });

  it("answer a missing file under /assets/ with a bare 404", async () => {
    const answer = await api.request("GET", "/assets/nothing.js");
    assert.deepEqual([answer.status, answer.text], [404, ""]);
  });
});

describe("400 (§5)", () => {
  const bad = async (method: string, path: string, body: unknown, ...named: string[]) => {
    const before = sorted((await scene.get()).json);
    const answer = await scene.call(method, path, body);
    assert.equal(
      answer.status,
      400,
      `${method} ${path} ${String(JSON.stringify(body)).slice(0, 200)}: ${answer.status} ${answer.text}`,
    );
    refused(answer, 400, ...named);
    assert.equal(sorted((await scene.get()).json), before);
    return answer;
  };

  it("when the body is not JSON", async () => {
    const id = scene.datasetId;
    for (const body of ["", " ", "{", "[1,]", "nul", "{'a':1}", "\u0000", "[] []", "NaN", '{"a":}']) {
      await bad("POST", "/api/plan", body);
      await bad("PUT", `/api/data_product/${id}/update`, body);
      await bad("PUT", `/api/data_product/${id}/clear`, body);
      await bad("DELETE", `/api/data_product/${id}`, body);
      refused(await api.request("POST", "/api/authenticate", { body }), 400);
    }
  });

  it("when the body is not UTF-8", async () => {
    const answer = await fetch(`${api.url}/api/authenticate`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: Uint8Array.of(0x22, 0xff, 0xfe, 0x22),
    });
    await answer.text();
    assert.equal(answer.status, 400);
  });

  it("when a plan lacks a required field, naming it", async () => {
    const whole = {
      dataset: { id: scene.datasetId },
      data_products: [product],
      dependencies: [{ parent_id: product.id, child_id: scene.id("a") }],
    };
    for (const field of ["dataset", "data_products", "dependencies"]) {
      await bad("POST", "/api/plan", { ...whole, [field]: undefined }, field);
      await bad("POST", "/api/plan", { ...whole, [field]: null }, field);
    }
    await bad("POST", "/api/plan", { ...whole, dataset: {} }, "dataset.id");
    for (const field of ["id", "compute", "name", "version", "eager"]) {
      await bad(
        "POST",
        "/api/plan",
        { ...whole, data_products: [{ ...product, [field]: undefined }] },
        `data_products.0.${field}`,
      );
      await bad(
        "POST",
        "/api/plan",
        { ...whole, data_products: [{ ...product, [field]: null }] },
        `data_products.0.${field}`,
      );
    }
    for (const field of ["parent_id", "child_id"]) {
      const edge = { parent_id: product.id, child_id: scene.id("a"), [field]: undefined };
      await bad("POST", "/api/plan", { ...whole, dependencies: [edge] }, `dependencies.0.${field}`);
    }
  });

  it("when a plan's field has the wrong type: nothing is converted", async () => {
    const whole = { dataset: { id: scene.datasetId }, data_products: [product], dependencies: [] };
    for (const value of [[], null, "text", 1, true]) await bad("POST", "/api/plan", value);
    for (const value of [[], "text", 1]) await bad("POST", "/api/plan", { ...whole, dataset: value });
    for (const value of [{}, "text", 1, true]) {
      await bad("POST", "/api/plan", { ...whole, data_products: value });
      await bad("POST", "/api/plan", { ...whole, dependencies: value });
      if (value !== "text") await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, name: value }] });
      if (value !== "text")
        await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, version: value }] });
      if (value !== true) await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, eager: value }] });
      await bad("POST", "/api/plan", { ...whole, data_products: [value] });
      await bad("POST", "/api/plan", { ...whole, dependencies: [value] });
    }
    for (const eager of ["true", "false", 0, 1, null]) {
      await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, eager }] });
    }
    await bad("POST", "/api/plan", {
      ...whole,
      data_products: [{ ...product, name: 9007199254740993n.toString() === "" ? 1 : 12 }],
    });
  });

  const badUuids = [
    "",
    "x",
    "123",
    `{${randomUUID()}}`,
    `urn:uuid:${randomUUID()}`,
    `${randomUUID()}0`,
    ` ${randomUUID()}`,
    randomUUID().replace("-", ""),
    "g".repeat(32),
  ];

  it("when a uuid in the body is none; braces and urn: are none", async () => {
    const whole = { dataset: { id: scene.datasetId }, data_products: [product], dependencies: [] };
    for (const id of [...badUuids, 1, null, {}, []]) {
      await bad("POST", "/api/plan", { ...whole, dataset: { id } });
      await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, id }] });
      await bad("POST", "/api/plan", { ...whole, dependencies: [{ parent_id: id, child_id: product.id }] });
      await bad("PUT", `/api/data_product/${scene.datasetId}/clear`, [id]);
      await bad("DELETE", `/api/data_product/${scene.datasetId}`, [id]);
      await bad("PUT", `/api/data_product/${scene.datasetId}/update`, [{ id, state: "success" }]);
      if (id !== null)
        await bad("PUT", `/api/data_product/${scene.datasetId}/update`, [
          { id: scene.id("a"), state: "success", run_id: id },
        ]);
    }
  });

  it("when an enum's value is none; case counts", async () => {
    const whole = { dataset: { id: scene.datasetId }, data_products: [product], dependencies: [] };
    for (const compute of ["CAMS", "Dbxaas", "C-AMS", "", "spark", 1]) {
      await bad("POST", "/api/plan", { ...whole, data_products: [{ ...product, compute }] });
    }
    await bad(
      "POST",
      "/api/plan",
      { ...whole, data_products: [{ ...product, compute: "spark" }] },
      "spark",
      "cams",
      "dbxaas",
    );
    for (const state of ["Success", "SUCCESS", "done", "", 1, null, undefined]) {
      await bad("PUT", `/api/data_product/${scene.datasetId}/update`, [{ id: scene.id("a"), state }]);
    }
  });

  it("when an update's item has the wrong shape", async () => {
    const path = `/api/data_product/${scene.datasetId}/update`;
    const item = { id: scene.id("a"), state: "success" };
    for (const body of [{}, item, null, "text", [[]], [1], ["text"], [null]]) await bad("PUT", path, body);
    for (const link of [1, true, {}, []]) await bad("PUT", path, [{ ...item, link }]);
    await bad("PUT", path, [{ state: "success" }], "0.id");
    await bad("PUT", path, [item, { id: scene.id("b") }], "1.state");
    for (const body of [{}, scene.id("a"), null, [[scene.id("a")]], [{ id: scene.id("a") }]]) {
      await bad("PUT", `/api/data_product/${scene.datasetId}/clear`, body);
      await bad("DELETE", `/api/data_product/${scene.datasetId}`, body);
    }
  });

  it("when a login lacks a field or has a wrong type", async () => {
    for (const body of [
      {},
      { service: "admin" },
      { key: "x" },
      { service: 1, key: "x" },
      { service: "admin", key: null },
      [],
      null,
    ]) {
      refused(await api.request("POST", "/api/authenticate", { body: JSON.stringify(body) }), 400);
    }
  });

  it("when a uuid in the path is none", async () => {
    for (const id of badUuids.filter((id) => id !== "").map(encodeURIComponent)) {
      refused(await api.request("GET", `/api/plan/${id}`), 400);
      refused(await api.request("GET", `/api/data_product/${id}/${scene.id("a")}`), 400);
      refused(await api.request("GET", `/api/data_product/${scene.datasetId}/${id}`), 400);
      refused(await scene.call("PUT", `/api/plan/${id}/pause`), 400);
      refused(await scene.call("PUT", `/api/data_product/${id}/update`, []), 400);
      refused(await scene.call("DELETE", `/api/data_product/${id}`, []), 400);
    }
  });

  it("when a plan lists a product twice, compared as uuid, naming it", async () => {
    const twice = [product, { ...product, id: product.id.toUpperCase().replaceAll("-", "") }];
    await bad(
      "POST",
      "/api/plan",
      { dataset: { id: scene.datasetId }, data_products: twice, dependencies: [] },
      product.id,
    );
  });

  it("when a plan lists a dependency twice, naming both ends", async () => {
    const [parent_id = "", child_id = ""] = scene.ids("a", "b");
    const dependencies = [
      { parent_id, child_id },
      { parent_id: parent_id.toUpperCase(), child_id, extra: 1 },
    ];
    await bad(
      "POST",
      "/api/plan",
      { dataset: { id: scene.datasetId }, data_products: [], dependencies },
      parent_id,
      child_id,
    );
  });

  it("when an update asks for waiting, queued or disabled, naming product and state", async () => {
    for (const state of ["waiting", "queued", "disabled"]) {
      const path = `/api/data_product/${scene.datasetId}/update`;
      await bad("PUT", path, [{ id: scene.id("a"), state }], scene.id("a"), state);
      await bad(
        "PUT",
        path,
        [
          { id: scene.id("a"), state: "success" },
          { id: scene.id("b"), state },
        ],
        scene.id("b"),
        state,
      );
      const elsewhere = `/api/data_product/${randomUUID()}/update`;
      await bad("PUT", elsewhere, [{ id: scene.id("a"), state }], scene.id("a"), state);
    }
  });

  it("when a paused dataset is paused or one that is not is unpaused, naming it and the state it is in", async () => {
    const other = new Scene(api);
    done(await other.publish(""));
    refused(await other.unpause(), 400, other.datasetId, "false");
    done(await other.pause());
    refused(await other.pause(), 400, other.datasetId, "true");
  });

  it("when text holds a NUL or half a surrogate pair, or a number or boolean stands for text", async () => {
    const whole = { dataset: { id: scene.datasetId }, data_products: [product], dependencies: [] };
    for (const text of ['"a\\u0000b"', '"\\ud800"', "12", "true"]) {
      for (const field of ["name", "version"]) {
        const body = JSON.stringify({ ...whole, data_products: [{ ...product, [field]: "HERE" }] }).replace(
          '"HERE"',
          text,
        );
        await bad("POST", "/api/plan", body);
      }
      await bad(
        "PUT",
        `/api/data_product/${scene.datasetId}/update`,
        `[{"id":"${scene.id("a")}","state":"success","link":${text}}]`,
      );
    }
    refused(await api.request("GET", "/api/plan/search?search_by=%00&page=0"), 400);
  });
});

describe("404, 403 and 422 (§5)", () => {
  it("404 for no such dataset and for no such product in it", async () => {
    const id = randomUUID();
    refused(await api.request("GET", `/api/plan/${id}`), 404);
    refused(await api.request("GET", `/api/data_product/${id}/${scene.id("a")}`), 404);
    refused(await api.request("GET", `/api/data_product/${scene.datasetId}/${id}`), 404);
    for (const { method, path, body } of guarded.slice(1))
      refused(await scene.call(method, path(id), body ?? undefined), 404);
  });

  it("404 for a product id in a body, or an end of a dependency, that is not in the dataset, naming it", async () => {
    const id = randomUUID();
    refused(await scene.update([{ id, state: "success" }]), 404, id);
    refused(await scene.call("PUT", `/api/data_product/${scene.datasetId}/clear`, [id]), 404, id);
    refused(await scene.call("DELETE", `/api/data_product/${scene.datasetId}`, [id]), 404, id);
    refused(await scene.call("PUT", `/api/data_product/${scene.datasetId}/enable`, [id]), 404, id);
    const edge = (parent_id: string, child_id: string) =>
      scene.publish({ ...scene.body(""), dependencies: [{ parent_id, child_id }] });
    refused(await edge(id, scene.id("a")), 404, id);
    refused(await edge(scene.id("a"), id), 404, id);
  });

  it("403 for an update, clear or disable of a disabled product, naming it", async () => {
    const other = new Scene(api);
    done(await other.publish("a b"));
    done(await other.disable("a"));
    for (const answer of [await other.set("success", "a"), await other.clear("b", "a"), await other.disable("a")]) {
      refused(answer, 403, other.id("a"));
    }
  });

  it("422 for a cycle, a self-loop too, with the word cyclical", async () => {
    refused(await new Scene(api).publish("a>a"), 422, "cyclical");
    refused(await new Scene(api).publish("a>b>c>a"), 422, "cyclical");
    refused(await scene.publish("b>a"), 422, "cyclical");
  });
});

describe("the order of checks (§5)", () => {
  it("is token, then path and body, then role, then existence", async () => {
    for (const { method, path, lacking, body } of guarded) {
      const missing = path(randomUUID());
      const malformed = path("no-uuid");
      const broken = body === null ? undefined : "{";
      // Anything wrong, without a token: 401; with a bad one: 403.
      refused(await api.request(method, malformed, { ...(broken !== undefined && { body: broken }) }), 401);
      refused(
        await api.request(method, malformed, { token: "nonsense", ...(broken !== undefined && { body: broken }) }),
        403,
      );
      refused(await api.request(method, missing, { headers: { "Content-Type": "text/plain" } }), 401);
      // A token without the role: 400 for a malformed path or body, 403 on a missing dataset.
      if (malformed !== missing && malformed.includes("no-uuid"))
        refused(await scene.call(method, malformed, body ?? undefined, lacking), 400);
      if (broken !== undefined) refused(await scene.call(method, missing, broken, lacking), 400);
      if (broken !== undefined) refused(await scene.call(method, missing, undefined, lacking), 415);
      refused(await scene.call(method, missing, body ?? undefined, lacking), 403);
    }
  });

  it("puts unknown computes and states before the role, and rules after it", async () => {
    const plan = {
      dataset: { id: scene.datasetId },
      data_products: [{ ...product, compute: "spark" }],
      dependencies: [],
    };
    refused(await scene.call("POST", "/api/plan", plan, "reader"), 400);
    const path = `/api/data_product/${scene.datasetId}/update`;
    refused(await scene.call("PUT", path, [{ id: scene.id("a"), state: "nonsense" }], "reader"), 400);
    refused(await scene.call("PUT", path, [{ id: scene.id("a"), state: "waiting" }], "reader"), 403);
    const twice = { dataset: { id: scene.datasetId }, data_products: [product, product], dependencies: [] };
    refused(await scene.call("POST", "/api/plan", twice, "reader"), 403);
  });
});
