/** Reads how the data products of all plans move: each change of state is a message. One partition, read by one node at a time. */
import * as v from "valibot";
import { productStates } from "../../model/plan.ts";
import { beginFlowEvents, dropReadFlowEvents, plansPartition } from "../../store/flow-events.ts";
import { SqlError } from "../../store/sql.ts";
import type { Source } from "../source.ts";
import { createLeasedReaders } from "./leased-readers.ts";
import type { PlanFilter } from "./plan-message.ts";
import { createPlanReader, type PlanReader } from "./plan-reader.ts";
import type { SourceParts } from "./setup.ts";

const list = <Schema extends v.GenericSchema<string>>(item: Schema) =>
  v.optional(v.pipe(v.array(item), v.minLength(1), v.maxLength(1000)));

export const plansSource = v.strictObject({
  kind: v.literal("plans"),
  states: list(v.picklist(productStates)),
  /** Names; with a * at the end, all that begin so. */
  products: list(v.pipe(v.string(), v.nonEmpty())),
  /** Only those that name this flow: whose passthrough has it among its `flows`. */
  named: v.optional(v.boolean()),
  datasets: list(v.pipe(v.string(), v.uuid("a dataset's id is needed, a uuid"), v.toLowerCase())),
});

export type PlansSourceConfig = v.InferOutput<typeof plansSource>;

const pollMs = 500;
/** How often a node asks whether the partition is free. */
const takeMs = 3_000;
const dropMs = 10_000;
const dropMax = 10_000;

export function createPlansSource(
  flow: string,
  { states, products, named, datasets }: PlansSourceConfig,
  parts: SourceParts,
): Source {
  const { sql } = parts;
  const filter: PlanFilter = {
    states: states === undefined ? null : new Set(states),
    datasets: datasets === undefined ? null : new Set(datasets),
    products: products ?? null,
    flow: named === true ? flow : null,
  };
  let hasBegun = false;
  let triedMs = Number.NEGATIVE_INFINITY;
  let droppedMs = performance.now();

  async function begin(): Promise<void> {
    await beginFlowEvents(sql, flow);
    hasBegun = true;
  }

  const held = createLeasedReaders<PlanReader>(flow, parts, {
    pollMs,
    /** Where the table is busy, the first look tries again: a node starts all the same. */
    prepare: () =>
      begin().catch((error: unknown) => {
        if (!(error instanceof SqlError && error.fault === "retry")) throw error;
      }),
    async look(listener) {
      if (!hasBegun) await begin();
      if (!held.readers.has(plansPartition) && performance.now() - triedMs >= takeMs) {
        triedMs = performance.now();
        await held.take([plansPartition], 1, ({ partition, nextOffset }) =>
          createPlanReader({ flow, partition, start: nextOffset, filter, sql, listener, log: parts.log }),
        );
      }
      const reader = held.readers.get(plansPartition);
      if (reader === undefined) return;
      reader.look();
      await held.commitLeftOut();
      if (performance.now() - droppedMs < dropMs) return;
      droppedMs = performance.now();
      await dropReadFlowEvents(sql, dropMax);
    },
  });
  return held.source;
}
