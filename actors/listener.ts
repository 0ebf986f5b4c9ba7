/**
 * One UDP port of a pass. It asks for the socket until it gets it, and closes it when it was read until nothing was left.
 *
 *     opening ──socket.opened──▶ listening ──drain──▶ draining ──socket.closed──▶ closed
 *        │ ▲                        │                    │
 *        └─┘ socket.refused         └──socket.broken─────┴──▶ failed
 *
 * A child of its pass: what it wants done goes to the parent as `listener.asked`, as a child's own start cannot be heard from outside.
 */
import { assign, type EventObject, sendParent, setup } from "xstate";

/** What a listener, and through it a pass, wants done to its socket. */
export type SocketWish =
  | { readonly type: "socket.open"; readonly host: string; readonly port: number }
  /** Read on until the kernel's queue is empty, but not past this moment. */
  | { readonly type: "socket.drain"; readonly untilMs: number }
  | { readonly type: "socket.close" };

export interface ListenerInput {
  readonly host: string;
  readonly port: number;
  /** When a draining socket is closed whatever its queue holds. */
  readonly closesAtMs: number;
}

export interface ListenerContext extends ListenerInput {
  /** When to ask again for a refused socket; null while an answer is awaited. */
  readonly retryAtMs: number | null;
}

export type ListenerEvent =
  | { readonly type: "clock.ticked"; readonly nowMs: number }
  | { readonly type: "socket.opened"; readonly nowMs: number; readonly receiveBufferBytes: number | null }
  | { readonly type: "socket.refused"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "socket.broken"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "socket.closed"; readonly nowMs: number }
  | { readonly type: "socket.drained" }
  | { readonly type: "window.extended"; readonly closesAtMs: number }
  | { readonly type: "drain" };

/** What its parent hears. */
export type ListenerReport =
  | { readonly type: "listener.asked"; readonly wish: SocketWish }
  | { readonly type: "listener.opened"; readonly nowMs: number; readonly receiveBufferBytes: number | null }
  | { readonly type: "listener.refused"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "listener.failed"; readonly nowMs: number; readonly reason: string }
  | { readonly type: "listener.closed"; readonly nowMs: number };

/** A port held by a stopped process or another pass may come free: asked for twice a second, until LOS. */
export const reopenEveryMs = 500;

export const listenerMachine = setup({
  types: {} as { context: ListenerContext; input: ListenerInput; events: ListenerEvent },
  guards: {
    retryDue: ({ context, event }) =>
      event.type === "clock.ticked" && context.retryAtMs !== null && event.nowMs >= context.retryAtMs,
    marginOver: ({ context, event }) => event.type === "clock.ticked" && event.nowMs >= context.closesAtMs,
  },
  actions: {
    askOpen: sendParent(({ context }: { context: ListenerContext }) =>
      asked({ type: "socket.open", host: context.host, port: context.port }),
    ),
    askDrain: sendParent(({ context }: { context: ListenerContext }) =>
      asked({ type: "socket.drain", untilMs: context.closesAtMs }),
    ),
    askClose: sendParent(asked({ type: "socket.close" })),
    tell: sendParent(({ event }: { event: EventObject }) => reportOf(event as ListenerEvent)), // setup types actions loosely
    noteWindow: assign({
      closesAtMs: ({ context, event }) => (event.type === "window.extended" ? event.closesAtMs : context.closesAtMs),
    }),
    await: assign({ retryAtMs: null }),
    retryLater: assign({
      retryAtMs: ({ context, event }) =>
        event.type === "socket.refused" ? event.nowMs + reopenEveryMs : context.retryAtMs,
    }),
  },
}).createMachine({
  id: "listener",
  context: ({ input }) => ({ ...input, retryAtMs: null }),
  initial: "opening",
  on: {
    "window.extended": { actions: "noteWindow" },
    "socket.broken": { target: ".failed", actions: "tell" },
    "socket.closed": { target: ".closed", actions: "tell" },
  },
  states: {
    opening: {
      entry: "askOpen",
      on: {
        "socket.opened": { target: "listening", actions: ["await", "tell"] },
        "socket.refused": { actions: ["retryLater", "tell"] },
        "clock.ticked": { guard: "retryDue", actions: ["await", "askOpen"] },
        drain: { actions: "askClose" },
      },
    },
    listening: { on: { drain: "draining" } },
    draining: {
      entry: "askDrain",
      on: {
        "socket.drained": { actions: "askClose" },
        "clock.ticked": { guard: "marginOver", actions: "askClose" },
      },
    },
    closed: { on: { "socket.broken": {}, "socket.closed": {} } },
    failed: { on: { "socket.broken": {}, "socket.closed": {} } },
  },
});

function asked(wish: SocketWish): ListenerReport {
  return { type: "listener.asked", wish };
}

/** The parent's word for what happened to the socket. */
function reportOf(event: ListenerEvent): ListenerReport {
  switch (event.type) {
    case "socket.opened":
      return { type: "listener.opened", nowMs: event.nowMs, receiveBufferBytes: event.receiveBufferBytes };
    case "socket.refused":
      return { type: "listener.refused", nowMs: event.nowMs, reason: event.reason };
    case "socket.broken":
      return { type: "listener.failed", nowMs: event.nowMs, reason: event.reason };
    case "socket.closed":
      return { type: "listener.closed", nowMs: event.nowMs };
    case "clock.ticked":
    case "socket.drained":
    case "window.extended":
    case "drain":
      throw new TypeError(`A listener has nothing to tell about ${event.type}`);
    default:
      throw event satisfies never;
  }
}
