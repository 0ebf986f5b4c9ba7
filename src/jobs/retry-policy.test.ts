import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { delayMs, retryAfterExpiry, retryAfterFailure } from "./retry-policy.ts";

describe("the delay before an attempt", () => {
  it("doubles its upper bound with each attempt, up to a minute", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((attempt) => delayMs(attempt, 1));
    assert.deepEqual(bounds, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
  });

  it("is anything from nothing to that bound, by chance", () => {
    assert.deepEqual([delayMs(3, 0), delayMs(3, 0.5), delayMs(3, 0.999)], [0, 2000, 3996]);
  });
});

describe("a failed attempt", () => {
  it("is followed by another until the maximum is reached", () => {
    const tried = { returned: 0, attemptsMax: 3 };
    assert.deepEqual(
      [1, 2, 3, 4].map((attempt) => retryAfterFailure({ ...tried, attempt }, 0.5)),
      [500, 1000, null, null],
    );
  });

  it("does not count one that a stopping node gave back", () => {
    assert.equal(retryAfterFailure({ attempt: 4, returned: 2, attemptsMax: 3 }, 0.5), 1000);
    assert.equal(retryAfterFailure({ attempt: 5, returned: 2, attemptsMax: 3 }, 0.5), null);
  });
});

describe("an expired lease", () => {
  it("burns an attempt only if one had begun", () => {
    const tried = { attempt: 1, returned: 0, attemptsMax: 1, token: 2 };
    assert.equal(retryAfterExpiry({ ...tried, begun: true }, 0.5), null);
    assert.equal(retryAfterExpiry({ ...tried, begun: false }, 0.5), 0);
  });

  it("ends a job that no holder ever lives to begin", () => {
    const tried = { attempt: 1, returned: 0, attemptsMax: 3, begun: false };
    assert.equal(retryAfterExpiry({ ...tried, token: 20 }, 0.5), 0);
    assert.equal(retryAfterExpiry({ ...tried, token: 21 }, 0.5), null);
  });
});
