import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor } from "xstate";
import type { PassState } from "../src/model/pass.ts";
import { type PassContext, type PassEvent, type PassWish, passMachine, plannedPass } from "./pass.ts";

const aosMs = 10_000;
const losMs = 20_000;
const planned = plannedPass({ passId: "p", host: "127.0.0.1", port: 10015, aosMs, losMs, closesAtMs: 22_000 });

function given(state: PassState, context: PassContext = planned) {
  return {
    when(...events: PassEvent[]) {
      const actor = createActor(passMachine, {
        input: context,
        snapshot: passMachine.resolveState({ value: state, context }),
      });
      const wishes: PassWish[] = [];
      actor.on("*", (wish) => wishes.push(wish));
      actor.start();
      for (const event of events) actor.send(event);
      const after = actor.getSnapshot();
      return { state: after.value, context: after.context, wishes, asked: wishes.map((wish) => wish.type) };
    },
  };
}

const taken = (nowMs: number, heardUntilMs: number | null = null): PassEvent => ({
  type: "lease.taken",
  nowMs,
  heardUntilMs,
});
const ticked = (nowMs: number): PassEvent => ({ type: "clock.ticked", nowMs });
const opened = (nowMs: number): PassEvent => ({ type: "socket.opened", nowMs, receiveBufferBytes: null });
const refused = (nowMs: number): PassEvent => ({ type: "socket.refused", nowMs, reason: "EADDRINUSE" });
const closed = (nowMs: number): PassEvent => ({ type: "socket.closed", nowMs });
const drained: PassEvent = { type: "socket.drained" };

describe("pass", () => {
  it("opens its port before AOS, receives until LOS, drains, and is completed only once that is stored", () => {
    const steps: PassEvent[] = [taken(9_000), opened(9_001), ticked(10_000), ticked(20_000), drained, closed(20_200)];
    const { state, asked } = given("planned").when(...steps);
    assert.equal(state, "draining");
    assert.deepEqual(asked, ["socket.open", "socket.drain", "socket.close", "pass.complete"]);
    assert.equal(given("planned").when(...steps, { type: "completion.stored" }).state, "completed");
  });

  it("that is extended receives until its new LOS, and drains until the margin after that", () => {
    const extended: PassEvent = { type: "window.extended", losMs: 30_000, closesAtMs: 32_000 };
    const steps = [taken(9_000), opened(9_001), ticked(10_000), extended, ticked(20_000)];
    assert.equal(given("planned").when(...steps).state, "receiving");
    const { state, wishes } = given("planned").when(...steps, ticked(30_000));
    assert.deepEqual([state, wishes.at(-1)], ["draining", { type: "socket.drain", untilMs: 32_000 }]);
    const early = given("planned").when(taken(9_000), extended, opened(9_001), ticked(20_000));
    assert.equal(early.state, "receiving");
  });

  it("that nobody held until LOS is missed, and says so", () => {
    const { state, context } = given("prepass").when(taken(25_000), ticked(25_000));
    assert.deepEqual([state, context.reason], ["missed", "no_eligible_node"]);
  });

  it("waits in prepass until both AOS and an open port are there", () => {
    assert.equal(given("planned").when(taken(9_000), opened(9_001), ticked(9_999)).state, "prepass");
    assert.equal(given("planned").when(taken(9_000), ticked(10_500)).state, "prepass");
    assert.equal(given("planned").when(taken(9_000), opened(9_001), ticked(10_000)).state, "receiving");
  });

  it("retries a port in use and records the time without it as an outage", () => {
    const { state, wishes } = given("planned").when(taken(9_900), refused(9_901), ticked(10_500), opened(10_600));
    assert.equal(state, "receiving");
    assert.deepEqual(wishes.at(-1), { type: "outage.record", fromMs: aosMs, toMs: 10_600 });
  });

  it("is missed when its port could not be opened before LOS, and says why", () => {
    const { state, context } = given("planned").when(taken(9_900), refused(9_901), ticked(20_000));
    assert.equal(state, "missed");
    assert.equal(context.reason, "EADDRINUSE");
  });

  it("records as an outage what lies between an earlier holder's last sign of life and the reopened port", () => {
    const { state, wishes } = given("receiving", { ...planned, everOpen: true }).when(
      taken(15_000, 12_000),
      opened(15_100),
    );
    assert.equal(state, "receiving");
    assert.deepEqual(wishes, [
      { type: "socket.open", host: "127.0.0.1", port: 10015 },
      { type: "outage.record", fromMs: 12_000, toMs: 15_100 },
    ]);
  });

  it("completes a pass whose holder died and whose LOS is over, with the outage up to LOS", () => {
    const { state, wishes } = given("receiving", { ...planned, everOpen: true }).when(
      taken(30_000, 18_000),
      ticked(30_001),
    );
    assert.equal(state, "draining");
    assert.deepEqual(wishes.slice(1), [
      { type: "outage.record", fromMs: 18_000, toMs: losMs },
      { type: "socket.close" },
      { type: "pass.complete" },
    ]);
  });

  it("asks again for completion when it is taken over while draining", () => {
    const { asked } = given("draining", { ...planned, everOpen: true }).when(taken(21_000, 20_500));
    assert.deepEqual(asked, ["pass.complete"]);
  });

  it("reopens a socket that broke, and records the gap", () => {
    const { state, asked, wishes } = given("planned").when(
      taken(9_000),
      opened(9_001),
      ticked(10_000),
      { type: "socket.broken", nowMs: 12_000, reason: "EIO" },
      opened(12_400),
    );
    assert.equal(state, "receiving");
    assert.deepEqual(asked, ["socket.open", "socket.open", "outage.record"]);
    assert.deepEqual(wishes.at(-1), { type: "outage.record", fromMs: 12_000, toMs: 12_400 });
  });

  it("notes no outage before AOS", () => {
    const { wishes } = given("prepass", { ...planned, everOpen: true }).when(
      taken(9_500, 9_200),
      opened(9_600),
      ticked(10_000),
    );
    assert.deepEqual(
      wishes.map((wish) => wish.type),
      ["socket.open"],
    );
  });

  it("can be cancelled in any state before it is completed, closing its port", () => {
    const cancelled: PassEvent = { type: "pass.cancelled", reason: "by operator" };
    assert.equal(given("planned").when(cancelled).state, "cancelled");
    for (const steps of [
      [taken(9_000)],
      [taken(9_000), opened(9_001), ticked(10_000)],
      [taken(9_000), opened(9_001), ticked(10_000), ticked(20_000)],
    ]) {
      const { state, asked, context } = given("planned").when(...steps, cancelled);
      assert.deepEqual([state, asked.at(-1), context.reason], ["cancelled", "socket.close", "by operator"]);
    }
    assert.equal(given("completed").when(cancelled).state, "completed");
  });

  it("fails when its work cannot be done, and says why", () => {
    const { state, context } = given("planned").when(taken(9_000), { type: "work.failed", reason: "disk full" });
    assert.deepEqual([state, context.reason], ["failed", "disk full"]);
  });
});
