// The 11-product plan that the load scenarios run: products that a client reports on, in an order that respects their dependencies.
import { uuidv4 } from "./uuid.js";

const source = JSON.parse(open("./gl.json"));

/** A plan for a new dataset. */
export function newPlan() {
  return { ...source, dataset: { id: uuidv4(), extra: { period: "2026-10" } } };
}

/** Product ids, parents before children. */
export const productIds = inOrder(
  source.data_products.map((product) => product.id),
  source.dependencies,
);

function inOrder(ids, dependencies) {
  const done = new Set();
  while (done.size < ids.length) {
    for (const id of ids) {
      if (dependencies.every((edge) => edge.child_id !== id || done.has(edge.parent_id))) done.add(id);
    }
  }
  return [...done];
}
