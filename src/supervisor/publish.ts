/** Publishing a plan: creates or extends it (CONTRACT.md §7, POST /api/plan). */
import type { ClientCommand } from "../model/command.ts";
import { NotFoundError } from "../model/errors.ts";
import { type Edge, findCycle } from "../model/graph.ts";
import type { ProductId } from "../model/ids.ts";
import { dependencyKey } from "../model/plan.ts";
import {
  CyclicalPlanError,
  DuplicateDependencyError,
  DuplicateProductError,
  UnknownComputeError,
} from "../model/plan-errors.ts";
import { definitionOf, expectationOf } from "./expectations.ts";
import { type Paced, type RuleContext, trigger } from "./rules.ts";

type Publish = Extract<ClientCommand, { type: "plan.publish" }>;

export function* publish(context: RuleContext, command: Publish): Paced {
  const { plan, stamp, exists } = context;
  if (command.onlyIfAbsent && exists) return;
  check(context, command);
  plan.sendDataset({ type: "published", extra: command.extra, stamp });
  yield;
  for (const product of command.products) {
    plan.define(definitionOf(product), stamp);
    plan.expect(product.productId, expectationOf(product, stamp.at));
    yield;
  }
  for (const edge of command.dependencies) {
    plan.connect({ ...edge, modifiedBy: stamp.by, modifiedAt: stamp.at });
    yield;
  }
  context.turn.names = [...new Set(plan.rows().map((row) => row.name))].join("\n");
  yield* trigger(
    context,
    command.products.map((product) => product.productId),
  );
}

/** In the contract's order: duplicates, then ends that do not exist, then cycles. */
function check({ plan, computes }: RuleContext, { products, dependencies }: Publish): void {
  for (const { compute } of products)
    if (!computes.isKnown(compute)) throw new UnknownComputeError(compute, computes.names());

  const listed = new Set<ProductId>();
  for (const { productId } of products) {
    if (listed.has(productId)) throw new DuplicateProductError(productId);
    listed.add(productId);
  }
  const edges = new Set<string>();
  for (const edge of dependencies) {
    const key = dependencyKey(edge);
    if (edges.has(key)) throw new DuplicateDependencyError(edge.parentId, edge.childId);
    edges.add(key);
  }

  const requireEnd = (id: ProductId) => {
    if (listed.has(id) || plan.isLive(id)) return;
    const where = ` among the plan's data products, which an end of a dependency must be`;
    throw new NotFoundError("data product", id, where);
  };
  for (const { parentId } of dependencies) requireEnd(parentId);
  for (const { childId } of dependencies) requireEnd(childId);

  const stored: Edge[] = [];
  if (dependencies.length > 0) {
    for (const edge of plan.graph.edges()) {
      if (plan.isLive(edge.parentId) && plan.isLive(edge.childId) && !edges.has(dependencyKey(edge))) stored.push(edge);
    }
  }
  const cycle = findCycle([...stored, ...dependencies]);
  if (cycle) throw new CyclicalPlanError(cycle);
}
