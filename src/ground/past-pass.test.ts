/** Passes of every end are played through both machines to where their rows say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instantOf } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import { replayPass } from "./past-pass.ts";

const aosMs = Date.parse("2026-01-31T10:00:00Z");
const at = (s: number) => instantOf(aosMs + s * 1000);
const row = (change: Partial<PassRow>): PassRow => ({
  ...{
    passId: "p",
    ship: "s",
    station: null,
    host: "127.0.0.1",
    port: 20000,
    aos: at(0),
    los: at(60),
    template: null,
    flows: [],
    priority: 0,
  },
  ...{
    prepassMarginMs: 10_000,
    drainMarginMs: 5_000,
    requestDigest: "",
    state: "planned",
    reason: null,
    token: 1,
    node: null,
  },
  ...{
    isOpen: false,
    openedAt: null,
    receiveBufferBytes: 1,
    archive: null,
    archiveRemovedAt: null,
    archiveRemovedWhy: null,
    datasetId: null,
    contact: null,
    createdBy: "t",
  },
  ...{ createdAt: at(-3600), modifiedAt: at(61) },
  ...change,
});
const past = (change: Partial<PassRow>, notes = new Map<number, number>()) => {
  const replayed = replayPass(row(change), notes);
  assert.ok(replayed.at(-1)?.follows, JSON.stringify(replayed.map(({ event, state }) => [event, state])));
  const states = replayed.map(({ state }) => state);
  return states.filter((state, i) => state !== states[i - 1]).join(" ");
};

describe("a pass's past", () => {
  it("ends where its row stands, however it ended", () => {
    assert.equal(past({ token: 0 }), "planned");
    assert.equal(past({ token: 0, state: "missed", reason: "no_eligible_node" }), "planned missed");
    assert.equal(past({ token: 0, state: "cancelled", reason: "c" }), "planned cancelled");
    assert.equal(past({ state: "prepass" }), "planned prepass");
    assert.equal(past({ state: "prepass", openedAt: at(-9) }), "planned prepass");
    assert.equal(past({ state: "receiving", openedAt: at(-9) }), "planned prepass receiving");
    assert.equal(past({ state: "receiving", openedAt: at(5) }), "planned prepass receiving");
    assert.equal(past({ state: "draining", openedAt: at(5) }), "planned prepass receiving draining");
    assert.equal(past({ state: "completed", openedAt: at(-9) }), "planned prepass receiving draining completed");
    assert.equal(past({ state: "missed", reason: "port_in_use" }), "planned prepass missed");
    assert.equal(
      past({ state: "cancelled", openedAt: at(-9), modifiedAt: at(20) }),
      "planned prepass receiving cancelled",
    );
    assert.equal(past({ state: "cancelled", modifiedAt: at(-5) }), "planned prepass cancelled");
    assert.equal(
      past({ state: "failed", openedAt: at(-9), modifiedAt: at(62) }),
      "planned prepass receiving draining failed",
    );
  });

  it("has its takeovers, as far as their holders have noted anything", () => {
    const change = { state: "completed", openedAt: at(-9), token: 3 } as const;
    const notes = new Map([
      [1, aosMs],
      [2, aosMs + 20_000],
      [3, aosMs + 61_000],
    ]);
    assert.equal(past(change, notes), "planned prepass receiving draining completed");
    const leases = replayPass(row(change), notes).filter(({ event }) => event === "lease.taken");
    assert.deepEqual(
      leases.map(({ cause }) => cause),
      ["lease 1 taken", "lease 2 taken over", "lease 3 taken over"],
    );
    assert.equal(past({ ...change, token: 1_000_000 }), "planned prepass receiving draining completed");
  });

  it("has what its listener was told and said", () => {
    const steps = replayPass(row({ state: "completed", openedAt: at(-9) }), new Map()).flatMap((one) => one.steps);
    const own = steps
      .filter(({ actorId }) => actorId === "p/listener")
      .map(({ event, state }) => `${event.type} ${state}`);
    assert.deepEqual(own, [
      "xstate.init opening",
      "socket.opened listening",
      "drain draining",
      "socket.drained draining",
      "socket.closed closed",
      "xstate.stop closed",
    ]);
    const opened = steps.find(({ event }) => event.type === "listener.opened");
    assert.deepEqual([opened?.sourceId, opened?.actorId], ["p/listener", "p"]);
  });
});
