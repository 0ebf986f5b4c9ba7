import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createRecentDurations } from "./recent-durations.ts";

const minute = 60_000;

describe("durations of late", () => {
  it("have quantiles that are at most a bucket too long, and never longer than the longest", () => {
    const durations = fc.array(fc.double({ min: 0.002, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(durations, fc.double({ min: 0.01, max: 1, noNaN: true }), (given, part) => {
        const recent = createRecentDurations();
        for (const ms of given) recent.add(ms, 0);
        const sorted = given.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(given.length * part) - 1] ?? 0;
        const told = recent.quantileMs(part);
        assert.ok(told >= exact * 0.999_999 && told <= exact * 1.091, `${told} for ${exact}`);
        assert.ok(told <= recent.maxMs);
        assert.deepEqual([recent.count, recent.maxMs], [given.length, sorted.at(-1)]);
      }),
    );
  });

  it("are none at first, and take what no duration should be", () => {
    const recent = createRecentDurations();
    assert.deepEqual([recent.count, recent.maxMs, recent.quantileMs(0.5)], [0, 0, 0]);
    for (const ms of [0, -1, 1e12]) recent.add(ms, 0);
    assert.equal(recent.count, 3);
    assert.ok(recent.quantileMs(0.99) > 1e8);
  });

  it("are forgotten after five to ten minutes", () => {
    const recent = createRecentDurations();
    const add = (count: number, ms: number, atMs: number) => {
      for (let i = 0; i < count; i++) recent.add(ms, atMs);
    };
    add(100, 1_000, 0);
    add(1, 1, 4 * minute);
    assert.equal(recent.count, 101);
    add(60, 1, 5 * minute);
    assert.deepEqual([recent.count, recent.maxMs], [161, 1_000]);
    add(60, 1, 10 * minute);
    assert.deepEqual([recent.count, recent.maxMs], [120, 1]);
  });

  it("are kept for longer until there are enough of them", () => {
    const recent = createRecentDurations();
    for (let hour = 0; hour < 60; hour++) recent.add(1, hour * 60 * minute);
    assert.equal(recent.count, 60);
    for (let hour = 60; hour < 400; hour++) recent.add(1, hour * 60 * minute);
    assert.ok(recent.count >= 50 && recent.count <= 100, String(recent.count));
  });
});
