import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHeldEntries } from "./held-entries.ts";

describe("held entries", () => {
  it("are counted in the order in which they come, whatever their ids", () => {
    const held = createHeldEntries();
    assert.deepEqual(["9-0", "2-0", "5-1"].map(held.take), [1, 2, 3]);
    assert.deepEqual([held.below(1), held.below(3), held.below(100)], [[], ["9-0", "2-0"], ["9-0", "2-0", "5-1"]]);
  });

  it("are taken once while they are held, and under a new offset afterwards", () => {
    const held = createHeldEntries();
    for (const id of ["1-0", "2-0"]) held.take(id);
    assert.equal(held.take("1-0"), null);
    held.drop(held.below(2));
    assert.deepEqual([held.ids, held.take("1-0"), held.ids], [["2-0"], 3, ["2-0", "1-0"]]);
    held.drop(["1-0", "1-0", "7-0"]);
    assert.deepEqual(held.below(100), ["2-0"]);
  });
});
