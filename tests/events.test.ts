/** GET /api/event: what is committed, as it is committed. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { EventReader } from "./support/events.ts";
import { done, refused, Scene } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

describe("GET /api/event", () => {
  it("tells each commit of the dataset that is asked for, and of no other", async () => {
    const [scene, other] = [new Scene(api), new Scene(api)];
    done(await scene.publish("a>b"));
    const events = await EventReader.open(`${api.url}/api/event?dataset=${scene.datasetId}`);
    done(await other.publish("c"));
    done(await scene.set("success", "a"));
    const event = await events.next();
    assert.equal(event.name, "plan");
    assert.equal(event.data.dataset_id, scene.datasetId);
    assert.deepEqual([event.data.cause, event.data.service, event.data.redefined], ["products.update", "admin", false]);
    assert.deepEqual(
      new Map(event.data.products.map(({ id, state }: { id: string; state: string }) => [id, state])),
      new Map([
        [scene.id("a"), "success"],
        [scene.id("b"), "queued"],
      ]),
    );
    const plan = (await scene.get()).json;
    assert.equal(event.data.at, plan.data_products[0].modified_date);
    done(await scene.publish("a>b>c"));
    assert.equal((await events.next()).data.redefined, true);
    await events.close();
  });

  it("tells of every plan without a filter", async () => {
    const events = await EventReader.open(`${api.url}/api/event?type=plan`);
    const scenes = [new Scene(api), new Scene(api)];
    for (const scene of scenes) done(await scene.publish("a"));
    const seen = new Set<string>();
    while (seen.size < 2) seen.add((await events.next()).data.dataset_id);
    assert.deepEqual(seen, new Set(scenes.map((scene) => scene.datasetId)));
    await events.close();
  });

  it("sends again what came after Last-Event-ID, or says that something may have been missed", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    const url = `${api.url}/api/event?dataset=${scene.datasetId}`;
    const stays = await EventReader.open(url); // so that the node goes on remembering
    const first = await EventReader.open(url);
    done(await scene.set("running", "a"));
    const { id } = await first.next();
    await first.close();
    done(await scene.set("failed", "a"));
    const again = await EventReader.open(url, id);
    assert.deepEqual((await again.next()).data.products, [{ id: scene.id("a"), state: "failed" }]);
    await again.close();
    for (const unknown of ["another-run.1", "nonsense", `${id.split(".")[0]}.99999`]) {
      const lost = await EventReader.open(url, unknown);
      assert.equal((await lost.next()).name, "missed");
      await lost.close();
    }
    await stays.close();
  });

  it("refuses a filter that it does not understand", async () => {
    refused(await api.request("GET", "/api/event?dataset=no-uuid"), 400, "dataset");
    refused(await api.request("GET", "/api/event?pass=1"), 400, "pass");
    refused(await api.request("GET", "/api/event?type=plan,weather"), 400, "type");
  });

  it("ends when the node stops", async () => {
    const node = await openTestRuntime();
    const events = await EventReader.open(`${node.url}/api/event?dataset=${randomUUID()}`);
    const ended = events.ended();
    await node.stop();
    await ended;
  });

  it("tells, on Postgres, what another node commits", { skip: !process.env.TEST_DATABASE_URL }, async () => {
    const other = await openTestRuntime({ config: { databaseUrl: api.config.databaseUrl } });
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const events = await EventReader.open(`${other.url}/api/event?dataset=${scene.datasetId}`);
    // Until the first node has heard that the second one watches, it says nothing: so it is changed until it does.
    let isHeard = false;
    const heard = events.next().finally(() => {
      isHeard = true;
    });
    for (let n = 0; !isHeard; n++) done(await scene.set(n % 2 === 0 ? "running" : "failed", "a"));
    const { name, data } = await heard;
    assert.deepEqual([name, data.dataset_id, data.products], ["plan", scene.datasetId, null]);
    await events.close();
    await other.stop();
  });
});
