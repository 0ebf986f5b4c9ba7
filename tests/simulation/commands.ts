/** Random commands on small plans: some legal, some to be refused. */
import type { ClientCommand } from "../../src/model/command.ts";
import type { DatasetId, ProductId } from "../../src/model/ids.ts";
import type { Scheduler } from "./scheduler.ts";

const productIds: ProductId[] = [1, 2, 3, 4, 5, 6].map((n) => `bbbbbbbb-0000-4000-8000-00000000000${n}`);

export function randomCommand(scheduler: Scheduler, datasetId: DatasetId): ClientCommand {
  const some = (): ProductId[] => productIds.filter(() => scheduler.chance(0.3));
  const choice = scheduler.random();
  if (choice < 0.15) return publish(scheduler, datasetId);
  if (choice < 0.22) return { type: "dataset.pause", datasetId };
  if (choice < 0.3) return { type: "dataset.unpause", datasetId };
  if (choice < 0.42) return { type: "products.clear", datasetId, productIds: some() };
  if (choice < 0.45) return { type: "products.disable", datasetId, productIds: [scheduler.pick(productIds)] };
  if (choice < 0.5) return { type: "products.enable", datasetId, productIds: [scheduler.pick(productIds)] };
  if (choice < 0.53) return { type: "products.retry", datasetId };
  const reports = some().map((productId) => ({
    productId,
    state: scheduler.pick(["running", "success", "success", "failed"] as const),
    runId: null,
    link: null,
    passback: null,
  }));
  return { type: "products.update", datasetId, reports };
}

function publish(scheduler: Scheduler, datasetId: DatasetId): ClientCommand {
  const listed = productIds.filter(() => scheduler.chance(0.8));
  const products = listed.map((productId) => ({
    productId,
    compute: scheduler.chance(0.5) ? "work" : "cams",
    name: "product",
    version: "1",
    eager: scheduler.chance(0.7),
    passthrough: null,
    extra: null,
  }));
  const dependencies = [];
  for (const parentId of listed) {
    for (const childId of listed) {
      // Mostly from the earlier to the later; the other way round now and then, for a cycle to be refused.
      const share = parentId < childId ? 0.3 : parentId > childId ? 0.01 : 0;
      if (scheduler.chance(share)) dependencies.push({ parentId, childId, extra: null });
    }
  }
  return { type: "plan.publish", datasetId, extra: null, products, dependencies };
}
