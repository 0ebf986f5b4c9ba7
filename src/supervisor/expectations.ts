/** What a plan expects of its products: what it says when it is published, and whether a passback is as its check says. */
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import type { ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { brokenRule } from "../model/json-schema.ts";
import type { Expectation, ProductDefinition, PublishedProduct } from "../model/plan.ts";
import type { RuleContext } from "./rules.ts";

/** Null when nothing is expected. */
export function expectationOf(product: PublishedProduct, at: Instant): Expectation | null {
  const { check = null, deadlineS = null } = product;
  const deadlineAt = product.deadlineAt ?? (deadlineS === null ? null : instantOf(epochMsOf(at) + deadlineS * 1000));
  return check === null && deadlineAt === null ? null : { check, deadlineAt };
}

/** The product without what is expected of it, which is not part of its row. */
export function definitionOf(product: PublishedProduct): ProductDefinition {
  const { check, deadlineAt, deadlineS } = product;
  if (check === undefined && deadlineAt === undefined && deadlineS === undefined) return product;
  const { productId, compute, name, version, eager, passthrough, extra } = product;
  return { productId, compute, name, version, eager, passthrough, extra };
}

/** Why this success counts as a failure; null when it is one, or nothing is checked. */
export function brokenCheck({ plan }: RuleContext, id: ProductId, passback: JsonText | null): string | null {
  const check = plan.expectation(id)?.check ?? null;
  if (check === null) return null;
  const why = brokenRule(check, passback);
  return why === null ? null : `The passback breaks its check: ${why}`;
}

/** Adds to what the product said last why it did so, for its history. */
export function giveReason({ turn }: RuleContext, id: ProductId, why: string): void {
  const at = turn.changes.findLastIndex((change) => change.productId === id);
  const change = turn.changes[at];
  if (change !== undefined) turn.changes[at] = { ...change, why };
}
