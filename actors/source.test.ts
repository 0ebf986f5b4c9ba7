import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor } from "xstate";
import { type SourceEvent, type SourceWish, sourceMachine } from "./source.ts";

/** The state, what was wished for, and why it failed. */
function given(isPaused: boolean, ...types: (SourceEvent["type"] | SourceEvent)[]) {
  const actor = createActor(sourceMachine, { input: { isPaused } });
  const wishes: SourceWish["type"][] = [];
  actor.on("*", ({ type }) => wishes.push(type));
  actor.start();
  for (const event of types)
    actor.send(
      typeof event !== "string" ? event : event === "failed" ? { type: event, reason: "gone" } : { type: event },
    );
  const { value, context } = actor.getSnapshot();
  return { state: value, wishes, reason: context.reason };
}

describe("a partition of a source", () => {
  it("is live once it is opened, and asks for nothing: the source reads by itself", () => {
    assert.deepEqual(given(false, "opened"), { state: "live", wishes: [], reason: null });
  });

  it("stops reading while its window is full, and goes on when it is freed", () => {
    assert.deepEqual(given(false, "opened", "window.filled").wishes, ["reading.stop"]);
    const { state, wishes } = given(false, "opened", "window.filled", "window.freed");
    assert.deepEqual([state, wishes], ["live", ["reading.stop", "reading.go"]]);
  });

  it("does not read while its flow is paused, whatever its window does", () => {
    assert.deepEqual(given(true, "opened").wishes, ["reading.stop"]);
    const { state, wishes } = given(false, "opened", "window.filled", "paused", "window.freed");
    assert.deepEqual([state, wishes], ["live", ["reading.stop", "reading.stop"]]);
    assert.deepEqual(given(true, "opened", "unpaused").wishes, ["reading.stop", "reading.go"]);
  });

  it("waits for its window when the pause ends first", () => {
    const { state, wishes } = given(false, "opened", "window.filled", "paused", "unpaused");
    assert.deepEqual([state, wishes], ["stalled", ["reading.stop", "reading.stop"]]);
  });

  it("says why it failed, until it is opened anew", () => {
    assert.deepEqual(given(false, "opened", "failed"), { state: "failed", wishes: [], reason: "gone" });
    assert.deepEqual(given(false, "opened", "failed", "opened").reason, null);
  });

  it("ends when it is revoked, and hears nothing more", () => {
    assert.equal(given(false, "opened", "window.filled", "revoked", "opened", "failed").state, "stopped");
  });
});
