import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor, setup } from "xstate";
import { type ListenerEvent, type ListenerReport, listenerMachine, reopenEveryMs } from "./listener.ts";

const ask = { type: "socket.open", host: "127.0.0.1", port: 10015 };
const input = { host: "127.0.0.1", port: 10015, closesAtMs: 5_000 };

/** Runs a listener under a parent that writes down what it hears. */
function given(...events: ListenerEvent[]) {
  const heard: ListenerReport[] = [];
  const parent = setup({
    types: {} as { events: ListenerReport },
    actors: { listener: listenerMachine },
  }).createMachine({
    invoke: { src: "listener", id: "listener", input },
    on: { "*": { actions: ({ event }) => heard.push(event) } },
  });
  const actor = createActor(parent).start();
  const child = () => {
    const ref = actor.getSnapshot().children.listener;
    assert.ok(ref);
    return ref;
  };
  for (const event of events) child().send(event);
  return {
    state: child().getSnapshot().value,
    wishes: heard.flatMap((h) => (h.type === "listener.asked" ? [h.wish] : [])),
    heard,
  };
}

const opened: ListenerEvent = { type: "socket.opened", nowMs: 1_000, receiveBufferBytes: 8_388_608 };
const refused: ListenerEvent = { type: "socket.refused", nowMs: 1_000, reason: "EADDRINUSE" };
const ticked = (nowMs: number): ListenerEvent => ({ type: "clock.ticked", nowMs });

describe("listener", () => {
  it("asks for its socket when it starts, and says when it is open", () => {
    const { state, wishes, heard } = given(opened);
    assert.equal(state, "listening");
    assert.deepEqual(wishes, [ask]);
    assert.deepEqual(heard.at(-1), { type: "listener.opened", nowMs: 1_000, receiveBufferBytes: 8_388_608 });
  });

  it("asks again for a port in use, only after a pause, and tells why", () => {
    assert.deepEqual(given(refused, ticked(1_000 + reopenEveryMs - 1)).wishes, [ask]);
    const { state, wishes, heard } = given(refused, ticked(1_000 + reopenEveryMs), ticked(1_000 + reopenEveryMs + 1));
    assert.equal(state, "opening");
    assert.deepEqual(wishes, [ask, ask]);
    assert.ok(heard.some((h) => h.type === "listener.refused" && h.reason === "EADDRINUSE"));
  });

  it("reads on after LOS until nothing is left, then closes its socket", () => {
    assert.deepEqual(given(opened, { type: "drain" }).wishes.at(-1), { type: "socket.drain", untilMs: 5_000 });
    const { state, wishes } = given(
      opened,
      { type: "drain" },
      { type: "socket.drained" },
      { type: "socket.closed", nowMs: 2_000 },
    );
    assert.equal(state, "closed");
    assert.equal(wishes.at(-1)?.type, "socket.close");
  });

  it("closes its socket at the end of the margin, whatever is left", () => {
    assert.equal(given(opened, { type: "drain" }, ticked(4_999)).wishes.at(-1)?.type, "socket.drain");
    assert.equal(given(opened, { type: "drain" }, ticked(5_000)).wishes.at(-1)?.type, "socket.close");
  });

  it("fails when its socket breaks, and hears nothing after that", () => {
    const { state, heard } = given(
      opened,
      { type: "socket.broken", nowMs: 2_000, reason: "EBADF" },
      { type: "socket.closed", nowMs: 2_001 },
    );
    assert.equal(state, "failed");
    assert.deepEqual(heard.at(-1), { type: "listener.failed", nowMs: 2_000, reason: "EBADF" });
  });
});
