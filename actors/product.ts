/**
 * One data product.
 *
 *     waiting ──triggered──▶ queued ──attempt.started──▶ running ──attempt.succeeded──▶ success
 *        ▲                                                  └──────attempts.exhausted──▶ failed
 *        └── cleared, from any state but disabled      reported: a client says running, success or failed, from any of these
 *     any ──disabled──▶ disabled ──enabled──▶ waiting
 *
 * Its context is its row. It says `product.changed` with the new row after every change, and what becomes of its job.
 */
import { assign, emit, enqueueActions, setup } from "xstate";
import type { Instant } from "../src/model/clock.ts";
import type { JobId, Uuid } from "../src/model/ids.ts";
import type { JsonText } from "../src/model/json.ts";
import type { ProductDefinition, ProductRow, ProductState, ReportedState } from "../src/model/plan.ts";

/** Who changes it, and when: the same for everything that one request touches. */
export interface Stamp {
  readonly by: string;
  readonly at: Instant;
}

export type ProductEvent = { readonly stamp: Stamp } & (
  | { readonly type: "defined"; readonly definition: ProductDefinition }
  | {
      readonly type: "reported";
      readonly state: ReportedState;
      readonly runId: Uuid | null;
      readonly link: string | null;
      readonly passback: JsonText | null;
    }
  | { readonly type: "cleared" }
  /** `job` null: nobody of ours computes it, a client will report. */
  | { readonly type: "triggered"; readonly job: Dispatch | null }
  | { readonly type: "disabled" }
  | { readonly type: "enabled" }
  | { readonly type: "attempt.started"; readonly jobId: JobId }
  | {
      readonly type: "attempt.succeeded";
      readonly jobId: JobId;
      readonly link: string | null;
      readonly passback: JsonText | null;
    }
  | { readonly type: "attempts.exhausted"; readonly jobId: JobId }
);

/** The job that a trigger creates. */
export interface Dispatch {
  readonly jobId: JobId;
  readonly attemptsMax: number;
  readonly queue: string;
  /** Labels that a worker must have. */
  readonly requires: readonly string[];
  /** -100 to 100; 0 if absent. */
  readonly priority?: number;
}

export type ProductEmitted =
  | { readonly type: "product.changed"; readonly row: ProductRow }
  | { readonly type: "job.enqueue"; readonly job: Dispatch; readonly row: ProductRow }
  | { readonly type: "job.cancel"; readonly jobId: JobId; readonly productId: Uuid };

const to = (state: ProductState) => ({ type: "move", params: { state } }) as const;

const stampOf = ({ stamp }: ProductEvent) => ({ modifiedBy: stamp.by, modifiedAt: stamp.at });

/** What a move changes in the row beside its state. */
function broughtBy(event: ProductEvent): Partial<ProductRow> {
  switch (event.type) {
    case "triggered":
      return event.job === null ? {} : { jobId: event.job.jobId };
    case "attempt.started":
      return { runId: event.jobId };
    case "attempt.succeeded":
      return { jobId: null, link: event.link, passback: event.passback };
    case "attempts.exhausted":
      return { jobId: null };
    case "reported":
      return { runId: event.runId, link: event.link, passback: event.passback };
    default:
      return {};
  }
}

const product = setup({
  types: {
    context: {} as ProductRow,
    input: {} as ProductRow,
    events: {} as ProductEvent,
    emitted: {} as ProductEmitted,
  },
  guards: {
    isEager: ({ context }) => context.eager,
    reports: ({ event }, params: { state: ReportedState }) => event.type === "reported" && event.state === params.state,
    isOwnJob: ({ context, event }) => "jobId" in event && event.jobId !== null && event.jobId === context.jobId,
  },
  actions: {
    define: assign(({ event }) => (event.type === "defined" ? { ...event.definition, ...stampOf(event) } : {})),
    /** One assignment for all that changes: each one costs a snapshot. */
    move: assign(({ event }, params: { state: ProductState }) => ({
      ...broughtBy(event),
      ...stampOf(event),
      state: params.state,
    })),
    dispatch: enqueueActions(({ event, enqueue }) => {
      if (event.type !== "triggered" || event.job === null) return;
      const { job } = event;
      enqueue.emit(({ context }) => ({ type: "job.enqueue", job, row: context }));
    }),
    /** Leaving queued or running other than by the job's own outcome: its result must not land later. */
    takeBackJob: enqueueActions(({ context, enqueue }) => {
      if (context.jobId === null) return;
      enqueue.emit({ type: "job.cancel", jobId: context.jobId, productId: context.productId });
      enqueue.assign({ jobId: null });
    }),
    tell: emit(({ context }) => ({ type: "product.changed", row: context })),
  },
});

/** How its own job may end it. */
const outcomes = {
  "attempt.succeeded": { guard: "isOwnJob", target: "success", actions: [to("success"), "tell"] },
  "attempts.exhausted": { guard: "isOwnJob", target: "failed", actions: [to("failed"), "tell"] },
} as const;

export const productMachine = product.createMachine({
  id: "product",
  context: ({ input }) => input,
  initial: "waiting",
  on: {
    defined: { actions: ["define", "tell"] },
    cleared: { target: ".waiting", actions: ["takeBackJob", to("waiting"), "tell"] },
    disabled: { target: ".disabled", actions: ["takeBackJob", to("disabled"), "tell"] },
    reported: [
      {
        guard: { type: "reports", params: { state: "running" } },
        target: ".running",
        actions: ["takeBackJob", to("running"), "tell"],
      },
      {
        guard: { type: "reports", params: { state: "success" } },
        target: ".success",
        actions: ["takeBackJob", to("success"), "tell"],
      },
      {
        guard: { type: "reports", params: { state: "failed" } },
        target: ".failed",
        actions: ["takeBackJob", to("failed"), "tell"],
      },
    ],
  },
  states: {
    waiting: {
      on: { triggered: { guard: "isEager", target: "queued", actions: [to("queued"), "dispatch", "tell"] } },
    },
    queued: {
      on: {
        "attempt.started": { guard: "isOwnJob", target: "running", actions: [to("running"), "tell"] },
        ...outcomes,
      },
    },
    running: { on: outcomes },
    success: {},
    failed: {},
    // Forbidden here: a disabled product is locked until it is enabled.
    disabled: {
      on: { cleared: {}, disabled: {}, reported: {}, enabled: { target: "waiting", actions: [to("waiting"), "tell"] } },
    },
  },
});
