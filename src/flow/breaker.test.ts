import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Breaker, breakerAfter, breakerBefore, closedBreaker } from "./breaker.ts";

const policy = { failuresMax: 3, openMs: 1000 };
const failing = (times: number, from: Breaker = closedBreaker) =>
  Array.from({ length: times }).reduce<Breaker>((breaker) => breakerAfter(breaker, true, 50, policy), from);

describe("a sink's circuit breaker", () => {
  it("opens at the last of so many failures in a row, not before", () => {
    assert.deepEqual(failing(2), { state: "closed", failures: 2 });
    assert.deepEqual(failing(3), { state: "open", untilMs: 1050 });
  });

  it("counts from the start again after a success", () => {
    assert.deepEqual(failing(2, breakerAfter(failing(2), false, 50, policy)), { state: "closed", failures: 2 });
  });

  it("stays open until its time, then lets a batch find out", () => {
    assert.deepEqual(breakerBefore(failing(3), 1049), failing(3));
    assert.deepEqual(breakerBefore(failing(3), 1050), { state: "halfOpen" });
    assert.deepEqual(breakerBefore(failing(2), 9999), failing(2));
  });

  it("closes when that batch succeeds, and opens again at once when it fails", () => {
    assert.deepEqual(breakerAfter({ state: "halfOpen" }, false, 2000, policy), closedBreaker);
    assert.deepEqual(breakerAfter({ state: "halfOpen" }, true, 2000, policy), { state: "open", untilMs: 3000 });
  });
});
