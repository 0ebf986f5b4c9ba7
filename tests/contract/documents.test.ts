/** CONTRACT.md §9: the OpenAPI document and Swagger UI. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { done } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

const operations: readonly [string, string, boolean][] = [
  ["/authenticate", "post", false],
  ["/plan", "post", true],
  ["/plan/{dataset_id}", "get", false],
  ["/plan/search", "get", false],
  ["/plan/{dataset_id}/pause", "put", true],
  ["/plan/{dataset_id}/unpause", "put", true],
  ["/data_product/{dataset_id}/{data_product_id}", "get", false],
  ["/data_product/{dataset_id}/update", "put", true],
  ["/data_product/{dataset_id}/clear", "put", true],
  ["/data_product/{dataset_id}", "delete", true],
];

describe("GET /spec", () => {
  it("is an OpenAPI 3 document titled Orrery whose server is our address, ending in /api", async () => {
    const answer = done(await api.request("GET", "/spec"));
    assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8");
    assert.match(answer.json.openapi, /^3\.1/);
    assert.equal(answer.json.info.title, "Orrery");
    assert.equal(answer.json.servers[0].url, `${api.url}/api`);
  });

  it("lists the operations by paths relative to it; those with a role carry an http bearer scheme", async () => {
    const { json } = await api.request("GET", "/spec");
    for (const [path, method, isGuarded] of operations) {
      const operation = json.paths[path]?.[method];
      assert.ok(operation, `${method} ${path} is missing`);
      const [requirement] = operation.security ?? [];
      assert.equal(requirement !== undefined, isGuarded, `${method} ${path}`);
      if (requirement === undefined) continue;
      const [scheme = ""] = Object.keys(requirement);
      const { type, scheme: name } = json.components.securitySchemes[scheme];
      assert.deepEqual([type, name], ["http", "bearer"]);
    }
  });

  it("holds the three enums and the schemas of the contract, with all their fields required", async () => {
    const { schemas } = (await api.request("GET", "/spec")).json.components;
    assert.deepEqual([...schemas.State.enum].sort(), ["disabled", "failed", "queued", "running", "success", "waiting"]);
    assert.deepEqual([...schemas.Compute.enum].sort(), ["cams", "dbxaas"]);
    assert.deepEqual([...schemas.Role.enum].sort(), ["disable", "pause", "publish", "update"]);
    const fields: Record<string, string> = {
      Authenticated: "access_token expires issued issued_by roles service token_type ttl",
      Plan: "data_products dataset dependencies",
      Dataset: "extra id modified_by modified_date paused",
      DataProduct:
        "compute eager extra id link modified_by modified_date name passback passthrough run_id state version",
      Dependency: "child_id extra modified_by modified_date parent_id",
      SearchReturn: "next_page rows",
      SearchRow: "dataset_id extra modified_date",
    };
    for (const [name, expected] of Object.entries(fields)) {
      assert.deepEqual(Object.keys(schemas[name].properties).sort().join(" "), expected, name);
      assert.deepEqual([...schemas[name].required].sort().join(" "), expected, name);
    }
    assert.deepEqual([...schemas.StateParam.required].sort(), ["id", "state"]);
    assert.deepEqual([...schemas.PlanParam.required].sort(), ["data_products", "dataset", "dependencies"]);
    assert.deepEqual([...schemas.DataProductParam.required].sort(), ["compute", "eager", "id", "name", "version"]);
    assert.deepEqual([...schemas.Login.required].sort(), ["key", "service"]);
  });

  it("refers only to what it holds", async () => {
    const { text, json } = await api.request("GET", "/spec");
    for (const [, kind = "", name = ""] of text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)) {
      assert.ok(json.components[kind]?.[name], `${kind}/${name} is missing`);
    }
  });
});

describe("GET /swagger", () => {
  it("is a page titled Orrery that loads everything from us and runs nothing inline", async () => {
    const page = done(await api.request("GET", "/swagger"));
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(page.text, /<title>Orrery<\/title>/);
    assert.match(page.text, /<a href="\/">/);
    assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'self'/);
    const files = [...page.text.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, file = ""]) => file);
    assert.ok(files.length >= 3);
    for (const file of files) {
      assert.ok(file.startsWith("/assets/"), file);
      const asset = done(await api.request("GET", file));
      assert.match(asset.headers.get("content-type") ?? "", file.endsWith(".js") ? /^text\/javascript/ : /^text\/css/);
      assert.ok(asset.text.length > 50);
    }
    assert.doesNotMatch(page.text, /<script(?![^>]*src=)|\son\w+=|<style/);
    assert.equal((await api.request("GET", "/assets/swagger/nothing.js")).status, 404);
  });
});
