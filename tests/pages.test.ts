/** CONTRACT.md §9: the pages, through HTTP, without a browser. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { cellsOf, contentOf, page, textOf } from "./support/html.ts";
import { done, Scene } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

const get = (path: string) => api.request("GET", path);
const nasty = `<img src=x onerror=alert(1)>"'&\\`;

describe("GET /plan/{dataset_id}", () => {
  it("has the heading, the breadcrumb, the dataset's id, who modified it and when", async () => {
    const scene = new Scene(api);
    const plan = done(await scene.publish("a>b", { period: "2026-10" })).json;
    const html = page(await get(`/plan/${scene.datasetId}`));
    assert.deepEqual(contentOf(html, "h1"), ["Plan"]);
    const [crumbs = ""] = contentOf(html, "nav").filter((nav) => nav.includes("<ol>"));
    assert.deepEqual(
      [...crumbs.matchAll(/href="([^"]*)"/g)].map(([, href]) => href),
      ["/", `/plan/${scene.datasetId}`],
    );
    assert.ok(html.includes(scene.datasetId));
    assert.deepEqual(contentOf(html, "dd").map(textOf).slice(0, 2), [scene.datasetId, "admin"]);
    assert.ok(html.includes(`datetime="${plan.dataset.modified_date}"`));
  });

  it("says Active or Paused, and only one of them", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const active = page(await get(`/plan/${scene.datasetId}`));
    assert.ok(active.includes("Active") && !active.includes("Paused"));
    done(await scene.pause());
    const paused = page(await get(`/plan/${scene.datasetId}`));
    assert.ok(paused.includes("Paused") && !paused.includes("Active"));
  });

  it("has one row a product, disabled ones too, with the nine columns", async () => {
    const scene = new Scene(api);
    const body = scene.body("a>b>c~ d");
    const plan = {
      ...body,
      data_products: body.data_products.map((p) => (p.name === "b" ? { ...p, compute: "dbxaas" } : p)),
    };
    done(await scene.publish(plan));
    const runId = randomUUID();
    done(
      await scene.update([
        { id: scene.id("a"), state: "success", run_id: runId, link: "https://example.com/run?x=1&y=2" },
      ]),
    );
    done(await scene.disable("d"));
    const html = page(await get(`/plan/${scene.datasetId}`));
    assert.deepEqual(contentOf(html, "th"), [
      ...["Data Product ID", "Compute", "Name", "Version", "Eager", "State", "Run ID", "Link", "Last Update"],
    ]);
    const rows = new Map(cellsOf(html).map((cells) => [cells[2], cells]));
    const link = "https://example.com/run?x=1&y=2";
    assert.deepEqual(rows.get("a")?.slice(0, 8), [scene.id("a"), "C-AMS", "a", "1.0", "true", "success", runId, link]);
    assert.deepEqual(rows.get("b")?.slice(0, 8), [scene.id("b"), "DBXaaS", "b", "1.0", "true", "queued", "", ""]);
    assert.deepEqual(rows.get("c")?.slice(4, 6), ["false", "waiting"]);
    assert.equal(rows.get("d")?.[5], "disabled");
    assert.equal(rows.size, 4);
    assert.match(html, /<a href="https:\/\/example\.com\/run\?x=1&amp;y=2" rel="noopener/);
  });

  it("holds the graph's source: name:version of every product that is not disabled", async () => {
    const scene = new Scene(api);
    done(await scene.publish("extract>load gone"));
    done(await scene.disable("gone"));
    const html = page(await get(`/plan/${scene.datasetId}`));
    assert.match(html, /id="graph"/);
    for (const label of ["extract:1.0", "load:1.0"]) assert.ok(html.includes(`<span>${label}</span>`), label);
    assert.ok(!html.includes("gone:1.0"));
  });

  it("shows the whole plan as pretty JSON in pre and code", async () => {
    const scene = new Scene(api);
    const extra = '{"big":18446744073709551615,"text":"<b>&</b>"}';
    const body = JSON.stringify({ ...scene.body("a>b"), dataset: { id: scene.datasetId, extra: 0 } });
    done(await scene.call("POST", "/api/plan", body.replace('"extra":0', `"extra":${extra}`)));
    const html = page(await get(`/plan/${scene.datasetId}`));
    const [, shown = ""] = /<pre><code>([\s\S]*?)<\/code><\/pre>/.exec(html) ?? [];
    assert.match(shown, /\n {2}&quot;data_products&quot;: \[\n/);
    assert.ok(shown.includes("18446744073709551615"));
    assert.deepEqual(JSON.parse(textOf(shown)), (await scene.get()).json);
  });

  it("works for an empty plan, and says what to do next", async () => {
    const scene = new Scene(api);
    done(await scene.publish(""));
    const html = page(await get(`/plan/${scene.datasetId}`));
    assert.equal(cellsOf(html).length, 0);
    assert.match(html, /no data products yet/);
  });

  it("takes the id in any letter case, with or without hyphens; another one is the 404 page", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    page(await get(`/plan/${scene.datasetId.toUpperCase()}`));
    page(await get(`/plan/${scene.datasetId.replaceAll("-", "")}`));
    for (const id of [randomUUID(), "no-uuid", "%00", `{${scene.datasetId}}`]) page(await get(`/plan/${id}`), 404);
  });

  it("escapes every value that a client sent, and puts none into a script", async () => {
    const scene = new Scene(api);
    const body = scene.body("a", { note: nasty });
    const products = body.data_products.map((product) => ({ ...product, name: nasty, version: nasty, extra: nasty }));
    done(await scene.publish({ ...body, data_products: products }));
    done(await scene.update([{ id: scene.id("a"), state: "failed", link: `javascript:${nasty}`, passback: nasty }]));
    const html = page(await get(`/plan/${scene.datasetId}`));
    assert.ok(!html.includes("<img"));
    assert.ok(!html.includes('href="javascript:'));
    assert.equal(cellsOf(html)[0]?.[2], nasty);
    assert.ok(html.includes("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\\:&lt;img"));
    for (const script of contentOf(html, "script")) assert.equal(script, "");
  });

  it("gives the parts that live updates need, whole or only some rows", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b>c"));
    const whole = await get(`/component/plan/${scene.datasetId}`);
    assert.equal(cellsOf(whole.text).length, 3);
    for (const id of ["plan_state", "plan_facts", "graph_source", "plan_json"])
      assert.ok(whole.text.includes(`id="${id}"`));
    const part = await get(`/component/plan/${scene.datasetId}?product=${scene.id("b")}&product=${randomUUID()}`);
    assert.deepEqual(
      cellsOf(part.text).map((cells) => cells[2]),
      ["b"],
    );
    assert.ok(!part.text.includes("plan_json"));
  });
});

describe("every page", () => {
  it("serves what it loads itself, for ever, and forbids everything else", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    for (const path of ["/", `/plan/${scene.datasetId}`, "/pass", "/nowhere"]) {
      const answer = await get(path);
      const policy = answer.headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'/);
      assert.ok(!policy.includes("unsafe-inline") && !policy.includes("'unsafe-eval'"), policy);
      assert.ok(!/ style="| on\w+="|<style/.test(answer.text), path);
      const loaded = [...answer.text.matchAll(/<(?:script|link)[^>]* (?:src|href)="([^"]*)"/g)].map(
        ([, url]) => url ?? "",
      );
      assert.ok(loaded.length >= 3);
      for (const url of loaded) {
        assert.match(url, /^\/assets\/[\w.-]+-[0-9a-f]{10}\.(?:js|css|svg)$/);
        const asset = await get(url);
        assert.equal(asset.status, 200, url);
        assert.match(asset.headers.get("cache-control") ?? "", /immutable/);
      }
    }
  });

  it("is the 404 page for an unknown path, under /api too, but bare under /assets", async () => {
    for (const path of [
      "/nowhere",
      "/api/nowhere",
      "/plan",
      "/plan/",
      "/component/nothing",
      "/pass/no-uuid",
      "/ship/none",
    ]) {
      assert.match(page(await get(path), 404), /Not found/);
    }
    const missing = await get("/assets/missing.js");
    assert.equal(missing.status, 404);
    assert.equal(missing.text, "");
  });

  it("answers 405 to another method, and HEAD as GET without the body", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    for (const path of ["/", "/component/plan_search", `/plan/${scene.datasetId}`, "/pass"]) {
      for (const method of ["POST", "PUT", "DELETE"]) {
        const answer = await api.request(method, path);
        assert.equal(answer.status, 405, `${method} ${path}`);
        assert.equal(answer.headers.get("allow"), "GET, HEAD");
      }
    }
    const head = await api.request("HEAD", `/plan/${scene.datasetId}`);
    assert.deepEqual([head.status, head.text], [200, ""]);
    assert.equal((await api.request("HEAD", "/nowhere")).status, 404);
  });
});
