/**
 * One contact with a ship, on the node that leases it: opens its listener before AOS, drains it after LOS, asks to be completed.
 *
 *     planned ──lease.taken──▶ prepass ──AOS, open──▶ receiving ──LOS──▶ draining ──completion.stored──▶ completed
 *        │                        │                      │                  │
 *        ├──window.missed─────────┴──LOS, never open──▶ missed              │
 *        └──pass.cancelled──▶ cancelled ◀────────────────┘──work.failed──▶ failed
 *
 * `lease.taken` in any state means that a node begins, or begins again after another one (or itself) was lost:
 * the listener is opened anew and the time since the last sign of life becomes an outage.
 */
import { assign, emit, enqueueActions, sendTo, setup } from "xstate";
import { type ListenerReport, listenerMachine, type SocketWish } from "./listener.ts";

export interface PassWindow {
  readonly passId: string;
  readonly host: string;
  readonly port: number;
  readonly aosMs: number;
  readonly losMs: number;
  /** The end of the drain margin after LOS. */
  readonly closesAtMs: number;
}

export interface PassContext extends PassWindow {
  /** True from the first time that any node had the port open. */
  readonly everOpen: boolean;
  readonly isOpen: boolean;
  /** False before the lease is taken and once its listener has closed: then there is no child to tell. */
  readonly hasListener: boolean;
  /** Since when the port should have been open and was not; null while all is well. */
  readonly outageSinceMs: number | null;
  /** Why it ended as it did, or why its port is not open now; null when there is nothing to say. */
  readonly reason: string | null;
}

/** What the runner tells about the socket: passed on to the listener as it stands. */
export type SocketEvent =
  | { readonly type: "socket.opened"; readonly nowMs: number; readonly receiveBufferBytes: number | null }
  | { readonly type: "socket.refused"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "socket.broken"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "socket.closed"; readonly nowMs: number }
  | { readonly type: "socket.drained" };

export type PassEvent =
  /** `heardUntilMs`: the last moment that an earlier holder is known to have listened; null if there was none. */
  | { readonly type: "lease.taken"; readonly nowMs: number; readonly heardUntilMs: number | null }
  | { readonly type: "clock.ticked"; readonly nowMs: number }
  | { readonly type: "window.missed"; readonly reason: string }
  /** Its LOS is later than it was. */
  | { readonly type: "window.extended"; readonly losMs: number; readonly closesAtMs: number }
  | { readonly type: "pass.cancelled"; readonly reason: string }
  | { readonly type: "work.failed"; readonly reason: string }
  | { readonly type: "completion.stored" }
  | SocketEvent
  | ListenerReport;

/** What it wants done. */
export type PassWish =
  | SocketWish
  /** The port was not open between these moments, within AOS … LOS. */
  | { readonly type: "outage.record"; readonly fromMs: number; readonly toMs: number }
  /** Store the end: archive, ledger, plan. */
  | { readonly type: "pass.complete" };

type PassTypes = { context: PassContext; input: PassContext; events: PassEvent; emitted: PassWish };

/** A pass as it is before anything happened. */
export function plannedPass(window: PassWindow): PassContext {
  return { ...window, everOpen: false, isOpen: false, hasListener: false, outageSinceMs: null, reason: null };
}

const passSetup = setup({
  types: {} as PassTypes,
  actors: { listener: listenerMachine },
  guards: {
    aosReached: ({ context, event }) =>
      event.type === "clock.ticked" && event.nowMs >= context.aosMs && event.nowMs < context.losMs && context.isOpen,
    openInWindow: ({ context, event }) =>
      event.type === "listener.opened" && event.nowMs >= context.aosMs && event.nowMs < context.losMs,
    losReached: ({ context, event }) => event.type === "clock.ticked" && event.nowMs >= context.losMs,
    losWhileClosed: ({ context, event }) =>
      event.type === "clock.ticked" && event.nowMs >= context.losMs && !context.isOpen,
    losNeverOpen: ({ context, event }) =>
      event.type === "clock.ticked" && event.nowMs >= context.losMs && !context.everOpen,
    isOpen: ({ context }) => context.isOpen,
  },
  actions: {
    openListener: enqueueActions(({ enqueue, context }) => {
      if (context.hasListener) enqueue.stopChild("listener");
      enqueue.assign({ hasListener: true });
      enqueue.spawnChild("listener", {
        id: "listener",
        input: { host: context.host, port: context.port, closesAtMs: context.closesAtMs },
      });
    }),
    stopListener: enqueueActions(({ enqueue, context }) => {
      if (context.hasListener) enqueue.stopChild("listener");
      enqueue.assign({ hasListener: false });
    }),
    tellListener: enqueueActions(({ enqueue, context, event }) => {
      if (context.hasListener) enqueue.sendTo("listener", event);
    }),
    drainListener: sendTo("listener", { type: "drain" }),
    emitWish: enqueueActions(({ enqueue, event }) => {
      if (event.type === "listener.asked") enqueue.emit(event.wish);
    }),
    askClose: emit({ type: "socket.close" as const }),
    askComplete: emit({ type: "pass.complete" as const }),
    noteWindow: assign(({ context, event }) =>
      event.type === "window.extended" ? { losMs: event.losMs, closesAtMs: event.closesAtMs } : context,
    ),
    noteOpen: assign({ isOpen: true, everOpen: true, reason: null }),
    noteClosed: assign({ isOpen: false }),
    noteReason: assign({ reason: ({ context, event }) => ("reason" in event ? event.reason : context.reason) }),
    /** Nothing kept its port from being opened but that nobody was there to do it. */
    noteMissed: assign({ reason: ({ context }) => context.reason ?? "no_eligible_node" }),
    noteTakeover: assign({
      isOpen: false,
      outageSinceMs: ({ context, event }) =>
        event.type === "lease.taken" && event.heardUntilMs !== null
          ? Math.max(context.aosMs, event.heardUntilMs)
          : context.outageSinceMs,
    }),
    beginOutage: assign({
      outageSinceMs: ({ context, event }) =>
        context.outageSinceMs ?? ("nowMs" in event ? Math.max(context.aosMs, event.nowMs) : null),
    }),
    /** Ends the outage, if there is one (or there was none noted, as nobody had opened the port since AOS). */
    endOutage: enqueueActions(({ enqueue, context, event }) => {
      const nowMs = "nowMs" in event ? event.nowMs : context.losMs;
      const fromMs = context.outageSinceMs ?? (context.everOpen ? null : context.aosMs);
      const toMs = Math.min(nowMs, context.losMs);
      if (fromMs !== null && toMs > fromMs) enqueue.emit({ type: "outage.record", fromMs, toMs });
      enqueue.assign({ outageSinceMs: null });
    }),
  },
});

export const passMachine = passSetup.createMachine({
  id: "pass",
  context: ({ input }) => input,
  initial: "planned",
  on: {
    "listener.asked": { actions: "emitWish" },
    "socket.opened": { actions: "tellListener" },
    "socket.refused": { actions: "tellListener" },
    "socket.broken": { actions: "tellListener" },
    "socket.closed": { actions: "tellListener" },
    "socket.drained": { actions: "tellListener" },
  },
  states: {
    planned: {
      on: {
        "lease.taken": "prepass",
        "window.missed": { target: "missed", actions: "noteReason" },
        "pass.cancelled": { target: "cancelled", actions: "noteReason" },
      },
    },
    prepass: {
      entry: "openListener",
      on: {
        "lease.taken": { actions: ["noteTakeover", "openListener"] },
        "clock.ticked": [
          { guard: "losNeverOpen", target: "missed", actions: ["noteMissed", "askClose"] },
          { guard: "losReached", target: "draining", actions: "endOutage" },
          { guard: "aosReached", target: "receiving" },
          { actions: "tellListener" },
        ],
        "listener.opened": [
          { guard: "openInWindow", target: "receiving", actions: ["endOutage", "noteOpen"] },
          { actions: ["endOutage", "noteOpen"] },
        ],
        "listener.refused": { actions: "noteReason" },
        "listener.failed": { actions: ["noteClosed", "beginOutage", "noteReason", "openListener"] },
        "window.missed": { target: "missed", actions: ["noteReason", "askClose"] },
        "window.extended": { actions: ["noteWindow", "tellListener"] },
        "pass.cancelled": { target: "cancelled", actions: ["noteReason", "askClose"] },
        "work.failed": { target: "failed", actions: ["noteReason", "askClose"] },
      },
    },
    receiving: {
      on: {
        "lease.taken": { actions: ["noteTakeover", "openListener"] },
        "clock.ticked": [
          { guard: "losReached", target: "draining", actions: "endOutage" },
          { actions: "tellListener" },
        ],
        "window.extended": { actions: ["noteWindow", "tellListener"] },
        "listener.opened": { actions: ["endOutage", "noteOpen"] },
        "listener.refused": { actions: "noteReason" },
        "listener.failed": { actions: ["noteClosed", "beginOutage", "noteReason", "openListener"] },
        "pass.cancelled": { target: "cancelled", actions: ["noteReason", "askClose"] },
        "work.failed": { target: "failed", actions: ["noteReason", "askClose"] },
      },
    },
    draining: {
      entry: enqueueActions(({ enqueue, context }) => {
        if (context.isOpen) {
          enqueue("drainListener");
        } else {
          enqueue("stopListener");
          enqueue("askClose");
          enqueue("askComplete");
        }
      }),
      on: {
        "lease.taken": { actions: ["noteTakeover", "endOutage", "askComplete"] },
        "clock.ticked": { guard: "isOpen", actions: "tellListener" },
        "listener.closed": { actions: ["noteClosed", "stopListener", "askComplete"] },
        "listener.failed": { actions: ["noteClosed", "noteReason", "stopListener", "askComplete"] },
        "completion.stored": "completed",
        "pass.cancelled": { target: "cancelled", actions: ["noteReason", "askClose"] },
        "work.failed": { target: "failed", actions: ["noteReason", "askClose"] },
      },
    },
    completed: { type: "final" },
    failed: { type: "final" },
    cancelled: { type: "final" },
    missed: { type: "final" },
  },
});
