import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { secondsOf } from "./duration.ts";

describe("a length of time", () => {
  it("is read as people write it", () => {
    const read = [90, 0.5, "90", "30s", "10m", "1h30m", "2 days", "1w", "250ms", "0.5h"].map(secondsOf);
    assert.deepEqual(read, [90, 0.5, 90, 30, 600, 5_400, 172_800, 604_800, 0.25, 1_800]);
  });

  it("is refused when it is none", () => {
    const given = [-1, Number.NaN, Number.POSITIVE_INFINITY, "", "soon", "5x", "-5s", "1h nonsense", null, {}, 1e12];
    assert.deepEqual(
      given.map(secondsOf),
      given.map(() => null),
    );
  });
});
