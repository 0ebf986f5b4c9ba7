import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRateLimit } from "./rate-limit.ts";

describe("a limit of requests a minute", () => {
  let nowMs = 0;
  const limit = () => createRateLimit({ redis: null, keyPrefix: "", nowMs: () => nowMs, onFailure: () => {} });

  it("lets in as many as it says in any 60 seconds, and says when the next may come", async () => {
    const { take } = limit();
    nowMs = 0;
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => take("a", 3))), [0, 0, 0]);
    nowMs = 20_000;
    assert.equal(await take("a", 3), 40_000);
    assert.equal(await take("b", 3), 0);
    nowMs = 59_999;
    assert.equal(await take("a", 3), 1);
    nowMs = 60_000;
    assert.equal(await take("a", 3), 0);
  });

  it("lets in several together or none of them", async () => {
    const { take } = limit();
    nowMs = 0;
    assert.equal(await take("a", 5, 3), 0);
    nowMs = 1_000;
    assert.equal(await take("a", 5, 3), 59_000);
    assert.equal(await take("a", 5, 2), 0);
    assert.equal(await take("a", 5, 6), Number.POSITIVE_INFINITY);
  });

  it("counts for itself while Redis does not answer, and says so", async () => {
    const failures: unknown[] = [];
    const redis = { eval: () => Promise.reject(new Error("away")) };
    const { take } = createRateLimit({
      redis,
      keyPrefix: "",
      nowMs: () => 0,
      onFailure: (error) => failures.push(error),
    });
    assert.deepEqual([await take("a", 1), await take("a", 1)], [0, 60_000]);
    assert.equal(failures.length, 2);
  });
});
