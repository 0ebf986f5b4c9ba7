/** New inputs for products that are there: `products.renew`, which late data is told by. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Command } from "../src/model/command.ts";
import type { OrreryError } from "../src/model/errors.ts";
import { newUuid } from "../src/model/ids.ts";
import { createPlanStore } from "../src/store/plans.ts";
import type { Database } from "../src/store/sql.ts";
import type { Supervisor } from "../src/supervisor/supervisor.ts";
import { openTestDatabase } from "./support/database.ts";
import { origin, Sketch, supervise } from "./support/supervised.ts";

let database: Database;
let node: Supervisor;
before(async () => {
  database = await openTestDatabase();
  node = supervise(createPlanStore(database.sql));
});
after(async () => {
  await node.stop();
  await database.close();
});

const renewal = (plan: Sketch, given: Record<string, string>, ...clear: string[]): Command => ({
  type: "products.renew",
  datasetId: plan.datasetId,
  extra: '{"new":true}',
  inputs: Object.entries(given).map(([name, passthrough]) => ({ productId: plan.id(name), passthrough })),
  clear: clear.map((name) => plan.id(name)),
});

/** a > b and c, all in success. */
async function computed(): Promise<Sketch> {
  const plan = new Sketch();
  await node.submit(plan.publish(["a>b", "c"]), origin);
  for (const name of ["a", "b", "c"]) await node.submit(plan.update(name, "success", `${name}.png`), origin);
  return plan;
}

async function seen(plan: Sketch, name: string): Promise<unknown[]> {
  const row = (await node.read(plan.datasetId))?.products.get(plan.id(name));
  return [row?.state, row?.passthrough, row?.link];
}

describe("products.renew", () => {
  it("gives inputs and leaves states and results, but of what it clears and what comes after that", async () => {
    const plan = await computed();
    const inputs = { a: '{"n":1}', b: '{"n":2}', c: '{"n":3}' };
    await node.submit(renewal(plan, inputs, "a"), origin);
    assert.deepEqual((await seen(plan, "a")).slice(0, 2), ["queued", '{"n":1}']);
    assert.deepEqual((await seen(plan, "b")).slice(0, 2), ["waiting", '{"n":2}']);
    assert.deepEqual(await seen(plan, "c"), ["success", '{"n":3}', "c.png"]);
    const view = await node.read(plan.datasetId);
    const json = JSON.parse(view?.json() ?? "");
    assert.deepEqual([json.dataset.extra, json.dependencies.length], [{ new: true }, 1]);
    // As another node reads it from the store, where rows are in the order of their ids.
    const other = supervise(createPlanStore(database.sql));
    const stored = (await other.read(plan.datasetId))?.products;
    assert.deepEqual(new Map(stored?.entries()), new Map(view?.products.entries()));
    await other.stop();
  });

  it("is one turn under its key, and refuses what is unknown or disabled as a whole", async () => {
    const plan = await computed();
    const keyed = { ...origin, idempotency: { route: "late", key: "k", digest: "d" } };
    for (let i = 0; i < 3; i++) await node.submit(renewal(plan, { a: "1" }, "a"), keyed);
    const [row] = await database.sql<{ revision: number }>`
      select max(revision)::int as revision from event where dataset_id = ${plan.datasetId}::uuid`;
    assert.equal(row?.revision, 5);

    const disable = { type: "products.disable" as const, datasetId: plan.datasetId, productIds: [plan.id("c")] };
    await node.submit(disable, origin);
    const code = (expected: string) => (error: unknown) => (error as OrreryError).code === expected;
    await assert.rejects(node.submit(renewal(plan, { a: "2" }, "c"), origin), code("product_disabled"));
    await assert.rejects(node.submit(renewal(plan, { nobody: "2" }), origin), code("not_found"));
    const nowhere = { ...renewal(plan, {}), datasetId: newUuid() } as Command;
    await assert.rejects(node.submit(nowhere, origin), code("not_found"));
    assert.equal((await seen(plan, "a"))[1], "1");
    // Its inputs are new all the same, for the day that it is enabled.
    await node.submit(renewal(plan, { c: "3" }), origin);
    assert.deepEqual((await seen(plan, "c")).slice(0, 2), ["disabled", "3"]);
  });
});
