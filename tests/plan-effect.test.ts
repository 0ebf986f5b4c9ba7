/** What an action on a plan would change, asked for from its page: the rules' own answer, with nothing done; and one product beside its plan. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { newUuid } from "../src/model/ids.ts";
import { contentOf, textOf } from "./support/html.ts";
import { done, Scene, states } from "./support/http.ts";
import { openTestRuntime, type ServiceName, type TestRuntime } from "./support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

/** The cookie of a service that has signed in. */
async function cookieOf(service: ServiceName): Promise<string> {
  const answer = await api.request("POST", "/session", {
    body: new URLSearchParams({ key: `${service}-key`, service }).toString(),
    headers: { Origin: api.url, "Content-Type": "application/x-www-form-urlencoded" },
  });
  assert.equal(answer.status, 303, answer.text);
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

async function effect(scene: Scene, query: Record<string, string>, service: ServiceName = "admin") {
  const path = `/component/plan/${scene.datasetId}/effect?${new URLSearchParams(query)}`;
  return api.request("GET", path, { headers: { Cookie: await cookieOf(service) } });
}

/** `load:1.0 success→waiting` */
const namedIn = (html: string): string[] =>
  contentOf(html, "li")
    .map((item) => textOf(item))
    .sort();

describe("GET /component/plan/{dataset_id}/effect", () => {
  it("names what would change and to what, and changes nothing; the action then does just that", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b>c a>d~ e"));
    done(await scene.set("success", "a"));
    done(await scene.set("running", "b"));
    const before = await scene.get();
    const { status, text } = await effect(scene, { action: "clear", product: scene.id("a") });
    assert.equal(status, 200);
    assert.deepEqual(namedIn(text), ["a:1.0success→queued", "b:1.0running→waiting"]);
    assert.ok(
      text.includes('data-method="PUT"') && text.includes(`data-url="/api/data_product/${scene.datasetId}/clear"`),
    );
    assert.deepEqual(await scene.get().then(({ json }) => json), before.json);
    assert.deepEqual(states(await scene.clear("a")), {
      a: "queued",
      b: "waiting",
      c: "waiting",
      d: "waiting",
      e: "queued",
    });
  });

  it("names what a disabled product no longer holds", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const { text } = await effect(scene, { action: "disable", product: scene.id("a") });
    assert.deepEqual(namedIn(text), ["a:1.0queued→disabled", "b:1.0waiting→queued"]);
  });

  it("names no more than a hundred, and counts the others", async () => {
    const scene = new Scene(api);
    done(await scene.publish(Array.from({ length: 150 }, (_, n) => `root>leaf${n}`).join(" ")));
    done(await scene.set("success", "root"));
    const { text } = await effect(scene, { action: "clear", product: scene.id("root") });
    assert.equal(contentOf(text, "li").length, 101);
    assert.ok(text.includes("and 51 more") && text.includes("Clear 151 products"));
  });

  it("says beforehand what would be refused", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    const { text } = await effect(scene, { action: "unpause" });
    assert.match(text, /role="alert">[^<]+<\/p>/);
    assert.ok(!text.includes("data-url"));
  });

  it("answers only those who may do it, and only about what there is", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    assert.equal((await effect(scene, { action: "clear", product: scene.id("a") }, "pauser")).status, 403);
    const nobody = await api.request("GET", `/component/plan/${scene.datasetId}/effect?action=pause`);
    assert.equal(nobody.status, 403);
    for (const query of [
      {},
      { action: "clear" },
      { action: "destroy" },
      { action: "clear", product: newUuid() },
      { action: "pause", product: scene.id("a") },
    ])
      assert.equal((await effect(scene, query)).status, 404, JSON.stringify(query));
  });
});

describe("GET /plan/{dataset_id}?product=…", () => {
  it("has the product beside the plan; without it, or with another one, the plan alone", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const path = `/plan/${scene.datasetId}`;
    const { text } = await api.request("GET", `${path}?product=${scene.id("b").toUpperCase()}`);
    assert.match(text, /<aside class="drawer"[\s\S]*b waits for a/);
    for (const other of ["", `?product=${newUuid()}`, "?product=x"])
      assert.ok(!(await api.request("GET", path + other)).text.includes("<aside"), other);
    const alone = `/component/plan/${scene.datasetId}/product/`;
    assert.equal((await api.request("GET", alone + scene.id("a"))).status, 200);
    for (const id of [newUuid(), "x"]) assert.equal((await api.request("GET", alone + id)).status, 404);
  });
});
