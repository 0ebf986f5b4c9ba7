import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Trail } from "./trail.ts";

describe("the trail of a pass", () => {
  it("goes back to the beginning while there are few packets, however many entries and holders they took", () => {
    const trail = new Trail();
    for (let entry = 1; entry <= 8_000; entry++) trail.stored({ token: 1, entry }, 1);
    for (let entry = 1; entry <= 8_000; entry++) trail.stored({ token: 2, entry }, 1);
    assert.deepEqual(trail.from, { token: 0, entry: 0 });
  });

  it("lets go of what is more than 16,384 packets back, and of no more than a mark's worth of the others", () => {
    const trail = new Trail();
    for (let entry = 1; entry <= 1_000; entry++) {
      trail.stored({ token: 3, entry }, 256);
      const kept = (entry - trail.from.entry) * 256;
      assert.ok(kept <= 16_384 + 1_024, `${kept} packets`);
      if (entry > 80) assert.ok(kept >= 16_384, `${kept} packets`);
    }
  });
});
