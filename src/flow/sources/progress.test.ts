import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createProgress } from "./progress.ts";

describe("the progress of a reader", () => {
  it("commits what was left out only once all that was handed over is done with", () => {
    const progress = createProgress(10);
    progress.handedOver(12);
    progress.handedOver(15);
    progress.lookedAt(40);
    assert.equal(progress.pointOf(15), 15);
    progress.committed(15);
    assert.deepEqual([progress.isSettled, progress.isBehind], [false, false]);
    assert.equal(progress.pointOf(16), 40);
    progress.committed(40);
    assert.deepEqual([progress.isSettled, progress.isBehind], [true, false]);
    progress.lookedAt(50);
    assert.deepEqual([progress.isSettled, progress.isBehind, progress.next], [true, true, 50]);
  });

  it("never goes back", () => {
    const progress = createProgress(10);
    assert.equal(progress.isSettled, true);
    progress.lookedAt(5);
    assert.equal(progress.next, 10);
    progress.lookedAt(20);
    progress.committed(20);
    progress.committed(12);
    assert.equal(progress.isBehind, false);
  });
});
