/** A change of a product's state as a flow's message, and which changes a flow asks for. */
import { epochMsOf } from "../../model/clock.ts";
import type { JsonText } from "../../model/json.ts";
import type { ProductState } from "../../model/plan.ts";
import { changesPerPlace, type FlowEvent, type FlowProduct } from "../../store/flow-events.ts";
import type { Change } from "../../store/plan-store.ts";
import type { Message } from "../message.ts";

/** Null: all of them. */
export interface PlanFilter {
  readonly states: ReadonlySet<ProductState> | null;
  readonly datasets: ReadonlySet<string> | null;
  /** Names; with a * at the end, all that begin so. */
  readonly products: readonly string[] | null;
  /** The flow that a product's passthrough must name. */
  readonly flow: string | null;
}

/** `index`: among the changes of its event row. */
export interface PlanChange {
  readonly event: FlowEvent;
  readonly index: number;
  readonly productId: string;
  readonly from: Change["from"];
  readonly to: Change["to"];
}

/** Of one event row, those that may be asked for: what its product is called is not known yet. */
export function changesOf(event: FlowEvent, { states, datasets }: PlanFilter): PlanChange[] {
  if (datasets !== null && !datasets.has(event.datasetId)) return [];
  // Only the group commit writes them.
  const changes = JSON.parse(event.changes) as [Change["productId"], Change["from"], Change["to"]][];
  return changes.flatMap(([productId, from, to], index) =>
    productId === null || (states !== null && !(states as ReadonlySet<string>).has(to))
      ? []
      : [{ event, index, productId, from, to }],
  );
}

export function isAskedFor(product: FlowProduct | undefined, { products, flow }: PlanFilter): boolean {
  if (flow !== null && !namesFlow(product?.passthrough ?? null, flow)) return false;
  if (products === null) return true;
  const name = product?.name ?? "";
  return products.some((asked) => (asked.endsWith("*") ? name.startsWith(asked.slice(0, -1)) : name === asked));
}

/** Its passthrough is `{ "flows": ["deliver"], … }`. */
function namesFlow(passthrough: JsonText | null, flow: string): boolean {
  const { flows } = Object(JSON.parse(passthrough ?? "null")) as { flows?: unknown }; // of any shape
  return Array.isArray(flows) && flows.includes(flow);
}

const partChanges = 1000;

/**
 * `product`: as its plan has it now. What it reported is of this change only while it is in this state still, else null.
 */
export function messageOf(
  flow: string,
  partition: string,
  { event, index, productId, from, to }: PlanChange,
  product: FlowProduct | undefined,
): Message {
  const { datasetId, revision, part, seq, at, service, cause } = event;
  const isStill = product?.state === to;
  const told = {
    dataset_id: datasetId,
    revision,
    product_id: productId,
    name: product?.name ?? null,
    version: product?.version ?? null,
    state: to,
    from,
    at,
    service,
    cause,
    link: isStill ? product.link : null,
  };
  // As it was sent: its numbers may have more digits than ours.
  const passback = isStill ? (product.passback ?? "null") : "null";
  return {
    flow,
    partition,
    id: `${datasetId}.${revision}.${part * partChanges + index}`,
    offset: seq * changesPerPlace + index,
    key: datasetId,
    value: `${JSON.stringify(told).slice(0, -1)},"passback":${passback}}`,
    timestampMs: epochMsOf(at),
    headers: {},
  };
}
