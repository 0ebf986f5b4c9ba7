import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSlots } from "./slots.ts";

const { signal } = new AbortController();

describe("the slots of a flow", () => {
  it("lets so many in, the others by priority and then in order", async () => {
    const slots = createSlots(1);
    const giveBack = await slots.take(0, signal);
    const order: string[] = [];
    const taking = (
      [
        ["a", 0],
        ["b", 0],
        ["c", 5],
      ] as const
    ).map(async ([name, priority]) => {
      const back = await slots.take(priority, signal);
      order.push(name);
      back();
    });
    assert.deepEqual([slots.used, slots.waiting], [1, 3]);
    giveBack();
    giveBack();
    await Promise.all(taking);
    assert.deepEqual(order, ["c", "a", "b"]);
    assert.deepEqual([slots.used, slots.waiting], [0, 0]);
  });

  it("forgets who was aborted while it waited", async () => {
    const slots = createSlots(1);
    const giveBack = await slots.take(0, signal);
    const leaving = new AbortController();
    const gone = slots.take(9, leaving.signal);
    const stays = slots.take(0, signal);
    leaving.abort(new Error("left"));
    await assert.rejects(gone, /left/);
    giveBack();
    (await stays)();
    assert.deepEqual([slots.used, slots.waiting], [0, 0]);
    await assert.rejects(slots.take(0, leaving.signal), /left/);
  });

  it("listen once to a signal, however many wait under it, and not when none waits any more", async () => {
    const slots = createSlots(1);
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const giveBack = await slots.take(0, signal);
    const waiting = Array.from({ length: 1_000 }, () => slots.take(0, signal).then((one) => one()));
    assert.equal(listeners, 1);
    giveBack();
    await Promise.all(waiting);
    assert.deepEqual([listeners, slots.used, slots.waiting], [0, 0, 0]);
  });
});
