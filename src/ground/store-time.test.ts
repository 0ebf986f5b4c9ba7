import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStoreTime } from "./store-time.ts";

describe("the store's time", () => {
  it("goes on by the monotonic clock from the middle of the best answer, whatever the node's own clock says", () => {
    let monotonicMs = 1_000;
    const time = createStoreTime(() => monotonicMs);
    time.noted(5_000_000, 1_000, 1_020);
    assert.equal(time.nowMs(), 4_999_990);
    monotonicMs = 2_000;
    assert.equal(time.nowMs(), 5_000_990);
    time.noted(9_000_000, 2_000, 4_000); // two seconds under way: it says less than the first one
    assert.equal(time.nowMs(), 5_000_990);
    time.noted(5_001_002, 2_000, 2_004);
    assert.equal(time.nowMs(), 5_001_000);
  });

  it("takes a slow answer when there was no better one for a minute, and none that is no number", () => {
    const time = createStoreTime(() => 0);
    time.noted(1_000_000, 0, 10);
    time.noted(Number.NaN, 0, 1);
    time.noted(1_070_000, 70_000, 70_100);
    assert.equal(time.nowMs(), 1_070_000 - 70_050);
  });
});
