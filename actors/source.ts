/**
 * One partition of a flow's source, on the node that was given it. Messages go past it in batches, never as events: it says what the partition does.
 *
 *     starting ──opened──▶ live ◀──window.freed──── stalled
 *                           └──────window.filled──────▲
 *     any ──failed──▶ failed ──opened──▶ live
 *     any ──revoked──▶ stopped
 *
 * Live and stalled hold under a pause as well: it is a flag beside them, as the window may fill while the flow is paused.
 */
import { assign, emit, setup } from "xstate";

export interface SourceInput {
  readonly isPaused: boolean;
}

export interface SourceContext extends SourceInput {
  /** Why it failed. */
  readonly reason: string | null;
}

export type SourceEvent =
  | { readonly type: "opened" }
  /** As many messages are held as may be. */
  | { readonly type: "window.filled" }
  | { readonly type: "window.freed" }
  | { readonly type: "paused" }
  | { readonly type: "unpaused" }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "revoked" };

/** What a partition wants done to its source. */
export type SourceWish = { readonly type: "reading.stop" } | { readonly type: "reading.go" };

export const sourceMachine = setup({
  types: {} as { context: SourceContext; input: SourceInput; events: SourceEvent; emitted: SourceWish },
  guards: { isPaused: ({ context }) => context.isPaused },
  actions: {
    notePaused: assign({ isPaused: true }),
    noteUnpaused: assign({ isPaused: false }),
    noteReason: assign({ reason: ({ event }) => (event.type === "failed" ? event.reason : null) }),
    forgetReason: assign({ reason: null }),
    stopReading: emit({ type: "reading.stop" }),
    goOnReading: emit({ type: "reading.go" }),
  },
}).createMachine({
  id: "source",
  context: ({ input }) => ({ ...input, reason: null }),
  initial: "starting",
  on: {
    paused: { actions: ["notePaused", "stopReading"] },
    unpaused: { actions: "noteUnpaused" },
    failed: { target: ".failed", actions: "noteReason" },
    revoked: ".stopped",
  },
  states: {
    starting: {
      on: {
        opened: [{ guard: "isPaused", target: "live", actions: "stopReading" }, { target: "live" }],
      },
    },
    live: {
      on: {
        "window.filled": { target: "stalled", actions: "stopReading" },
        unpaused: { actions: ["noteUnpaused", "goOnReading"] },
      },
    },
    stalled: {
      on: {
        "window.freed": [
          { guard: "isPaused", target: "live" },
          { target: "live", actions: "goOnReading" },
        ],
      },
    },
    failed: { on: { opened: { target: "live", actions: "forgetReason" } } },
    stopped: { type: "final" },
  },
});
