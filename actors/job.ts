/**
 * One job, as its rows behave: this machine is their specification, never run for each job (src/store/jobs.ts is).
 *
 *     scheduled ──due──▶ queued ──leased──▶ leased ──attempt.started──▶ running ──attempt.succeeded──▶ succeeded
 *                          ▲ ▲                 │                          │  └────attempt.failed, none left──▶ dead
 *                          │ └──lease.released─┘                          │
 *                          └──due── backing-off ◀──attempt.failed, attempt.deferred, lease.expired─┘
 *     any of these but the last three ──cancelled──▶ cancelled
 *
 * `token` grows with each lease and fences what its holder says; `attempt` grows only when work begins.
 */
import { assign, setup } from "xstate";

export interface JobContext {
  /** Of the current or last lease; 0 before the first. */
  readonly token: number;
  /** Attempts begun. */
  readonly attempt: number;
  /** Those of them that a stopping node or their compute gave back: they do not count against the maximum. */
  readonly returned: number;
  readonly attemptsMax: number;
}

/** `token` names the lease that a holder speaks for; an old one changes nothing. */
export type JobEvent =
  | { readonly type: "due" }
  | { readonly type: "leased" }
  | { readonly type: "attempt.started"; readonly token: number }
  | { readonly type: "attempt.succeeded"; readonly token: number }
  | { readonly type: "attempt.failed"; readonly token: number }
  /** Its compute gives it back until later. */
  | { readonly type: "attempt.deferred"; readonly token: number }
  /** The holder stops, and gives the job back: before its attempt began, or after. */
  | { readonly type: "lease.released"; readonly token: number }
  | { readonly type: "lease.expired"; readonly token: number }
  | { readonly type: "cancelled" };

export const jobMachine = setup({
  types: {
    context: {} as JobContext,
    input: {} as { readonly attemptsMax: number },
    events: {} as JobEvent,
  },
  guards: {
    isCurrent: ({ context, event }) => "token" in event && event.token === context.token,
    isCurrentAndLast: ({ context, event }) =>
      "token" in event && event.token === context.token && context.attempt - context.returned >= context.attemptsMax,
  },
  actions: {
    takeLease: assign({ token: ({ context }) => context.token + 1 }),
    begin: assign({ attempt: ({ context }) => context.attempt + 1 }),
    giveBack: assign({ returned: ({ context }) => context.returned + 1 }),
  },
}).createMachine({
  id: "job",
  context: ({ input }) => ({ token: 0, attempt: 0, returned: 0, attemptsMax: input.attemptsMax }),
  initial: "scheduled",
  states: {
    scheduled: { on: { due: "queued", cancelled: "cancelled" } },
    queued: { on: { leased: { target: "leased", actions: "takeLease" }, cancelled: "cancelled" } },
    leased: {
      on: {
        "attempt.started": { guard: "isCurrent", target: "running", actions: "begin" },
        // Nothing was begun: no attempt is burned, and it is due as it was.
        "lease.released": { guard: "isCurrent", target: "queued" },
        "lease.expired": { guard: "isCurrent", target: "queued" },
        cancelled: "cancelled",
      },
    },
    running: {
      on: {
        "attempt.succeeded": { guard: "isCurrent", target: "succeeded" },
        "attempt.failed": [
          { guard: "isCurrentAndLast", target: "dead" },
          { guard: "isCurrent", target: "backing-off" },
        ],
        "lease.expired": [
          { guard: "isCurrentAndLast", target: "dead" },
          { guard: "isCurrent", target: "backing-off" },
        ],
        "attempt.deferred": { guard: "isCurrent", target: "backing-off", actions: "giveBack" },
        "lease.released": { guard: "isCurrent", target: "queued", actions: "giveBack" },
        cancelled: "cancelled",
      },
    },
    "backing-off": { on: { due: "queued", cancelled: "cancelled" } },
    succeeded: { type: "final" },
    dead: { type: "final" },
    cancelled: { type: "final" },
  },
});
