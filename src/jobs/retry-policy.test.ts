import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RetryRule } from "../compute/compute.ts";
import { delayMs, retryAfter, retryAfterExpiry, retryAfterFailure } from "./retry-policy.ts";

const rule = (kind: RetryRule["kind"], jitter = false): RetryRule => ({ kind, baseMs: 100, maxMs: 350, jitter });

describe("the delay before an attempt", () => {
  it("doubles its upper bound with each attempt, up to a minute", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((attempt) => delayMs(attempt, 1));
    assert.deepEqual(bounds, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
  });

  it("is anything from nothing to that bound, by chance", () => {
    assert.deepEqual([delayMs(3, 0), delayMs(3, 0.5), delayMs(3, 0.999)], [0, 2000, 3996]);
  });

  it("follows its rule: fixed, linear or exponential, up to its maximum, without chance if so told", () => {
    const delays = (kind: RetryRule["kind"]) => [1, 2, 3, 4].map((attempt) => delayMs(attempt, 0.1, rule(kind)));
    assert.deepEqual(delays("fixed"), [100, 100, 100, 100]);
    assert.deepEqual(delays("linear"), [100, 200, 300, 350]);
    assert.deepEqual(delays("exponential"), [100, 200, 350, 350]);
    assert.equal(delayMs(2, 0.5, rule("linear", true)), 100);
  });
});

describe("a failed attempt", () => {
  it("is followed by another until the maximum is reached", () => {
    const tried = { returned: 0, attemptsMax: 3 };
    const retries = [1, 2, 3, 4].map((attempt) => retryAfterFailure({ ...tried, attempt }, 0.5));
    assert.deepEqual(
      retries.map(({ inMs, reason }) => inMs ?? reason),
      [500, 1000, "attempts_exhausted", "attempts_exhausted"],
    );
  });

  it("does not count one that a stopping node gave back", () => {
    assert.equal(retryAfterFailure({ attempt: 4, returned: 2, attemptsMax: 3 }, 0.5).inMs, 1000);
    assert.equal(retryAfterFailure({ attempt: 5, returned: 2, attemptsMax: 3 }, 0.5).inMs, null);
  });
});

describe("an attempt's outcome", () => {
  const tried = { attempt: 1, returned: 0, attemptsMax: 3 };

  it("ends the job at once when trying again is of no use", () => {
    const outcome = { outcome: "failed", error: "bad input", isFinal: true, output: "" } as const;
    assert.deepEqual(retryAfter(tried, outcome, 0.5), { inMs: null, reason: "not_retryable", givesBack: false });
  });

  it("gives the attempt back when its node stops or its compute waits", () => {
    const stopped = retryAfter(tried, { outcome: "cancelled", error: "stopping", output: "" }, 0.5);
    const deferred = retryAfter(tried, { outcome: "deferred", runInMs: 5000, output: "" }, 0.5);
    assert.deepEqual(
      [stopped, deferred].map(({ inMs, givesBack }) => [inMs, givesBack]),
      [
        [0, true],
        [5000, true],
      ],
    );
  });
});

describe("an expired lease", () => {
  it("burns an attempt only if one had begun", () => {
    const tried = { attempt: 1, returned: 0, attemptsMax: 1, unbegunBefore: 0 };
    assert.equal(retryAfterExpiry({ ...tried, begun: true }, 0.5).reason, "attempts_exhausted");
    assert.equal(retryAfterExpiry({ ...tried, begun: false }, 0.5).inMs, 0);
  });

  it("ends a job that no holder ever lives to begin", () => {
    const tried = { attempt: 1, returned: 0, attemptsMax: 3, begun: false };
    assert.equal(retryAfterExpiry({ ...tried, unbegunBefore: 18 }, 0.5).inMs, 0);
    assert.equal(retryAfterExpiry({ ...tried, unbegunBefore: 19 }, 0.5).reason, "lease_lost");
  });
});
