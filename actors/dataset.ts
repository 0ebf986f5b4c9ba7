/**
 * One dataset: whether its plan may trigger products.
 *
 *     active ──paused──▶ paused ──unpaused──▶ active        published: its `extra` is replaced, the flag stays
 *
 * Its context is its row; `dataset.changed` carries the new one. Its products are actors of their own, its children.
 */
import { assign, emit, setup } from "xstate";
import type { JsonText } from "../src/model/json.ts";
import type { DatasetRow } from "../src/model/plan.ts";
import type { Stamp } from "./product.ts";

export type DatasetEvent = { readonly stamp: Stamp } & (
  | { readonly type: "published"; readonly extra: JsonText | null }
  | { readonly type: "paused" }
  | { readonly type: "unpaused" }
);

export type DatasetEmitted = { readonly type: "dataset.changed"; readonly row: DatasetRow };

export const datasetMachine = setup({
  types: {
    context: {} as DatasetRow,
    input: {} as DatasetRow,
    events: {} as DatasetEvent,
    emitted: {} as DatasetEmitted,
  },
  actions: {
    stamp: assign(({ event }) => ({ modifiedBy: event.stamp.by, modifiedAt: event.stamp.at })),
    describe: assign(({ event }) => (event.type === "published" ? { extra: event.extra } : {})),
    setPaused: assign((_, params: { paused: boolean }) => ({ paused: params.paused })),
    tell: emit(({ context }) => ({ type: "dataset.changed", row: context })),
  },
}).createMachine({
  id: "dataset",
  context: ({ input }) => input,
  initial: "active",
  on: { published: { actions: ["describe", "stamp", "tell"] } },
  states: {
    active: {
      on: {
        paused: {
          target: "paused",
          actions: [{ type: "setPaused", params: { paused: true } }, "stamp", "tell"],
        },
      },
    },
    paused: {
      on: {
        unpaused: {
          target: "active",
          actions: [{ type: "setPaused", params: { paused: false } }, "stamp", "tell"],
        },
      },
    },
  },
});
