/** Jobs of every kind of past end, through their machine, where their rows say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JobSummary } from "../model/job-view.ts";
import type { AttemptView } from "../store/job-history.ts";
import { replayJob } from "./replay.ts";

const at = "2026-01-31T10:20:30.123456+00:00";
const job = (change: Partial<JobSummary>): JobSummary => ({
  ...{
    jobId: "j",
    queue: "q",
    jobType: "t",
    state: "queued",
    priority: 0,
    runAt: at,
    attempt: 0,
    attemptsMax: 3,
    timeoutMs: null,
  },
  ...{
    workerId: null,
    leaseUntil: null,
    heldBy: null,
    datasetId: null,
    productId: null,
    concurrencyKey: null,
    requires: [],
  },
  ...{
    replayOf: null,
    createdBy: "s",
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    reason: null,
    error: null,
    redrivenAs: null,
  },
  ...change,
});
const attempt = (token: number, outcome: string, startedAt: string | null = at): AttemptView => {
  return {
    token,
    attempt: token,
    workerId: "w",
    startedAt,
    finishedAt: at,
    outcome,
    code: null,
    error: null,
    outputTail: "",
  };
};
const past = (change: Partial<JobSummary>, ...attempts: AttemptView[]) => {
  const replayed = replayJob(job(change), attempts);
  assert.ok(replayed.at(-1)?.follows, JSON.stringify(replayed.map(({ event, state }) => [event, state])));
  return replayed.map(({ state }) => state).join(" ");
};

describe("a job's past", () => {
  it("ends where its row stands", () => {
    assert.equal(past({ state: "scheduled" }), "scheduled");
    assert.equal(past({ state: "queued" }), "scheduled queued");
    assert.equal(past({ state: "leased", workerId: "w" }), "scheduled queued leased");
    assert.equal(past({ state: "running", startedAt: at, attempt: 1 }), "scheduled queued leased running");
    assert.equal(past({ state: "succeeded" }, attempt(1, "succeeded")), "scheduled queued leased running succeeded");
    assert.equal(past({ state: "cancelled", finishedAt: at }), "scheduled cancelled");
  });

  it("has its failures, retries, lost and returned leases", () => {
    assert.equal(
      past({ state: "backing-off" }, attempt(1, "timed_out")),
      "scheduled queued leased running backing-off",
    );
    assert.equal(
      past({ state: "dead" }, attempt(1, "failed"), attempt(2, "lost"), attempt(3, "failed")),
      "scheduled queued leased running backing-off queued leased running backing-off queued leased running dead",
    );
    assert.equal(
      past({ state: "succeeded" }, attempt(1, "deferred"), attempt(2, "cancelled"), attempt(3, "succeeded")),
      "scheduled queued leased running backing-off queued leased running queued leased running succeeded",
    );
    assert.equal(past({ state: "queued" }, attempt(1, "lost", null)), "scheduled queued leased queued");
    assert.equal(
      past({ state: "cancelled", finishedAt: at }, attempt(1, "cancelled")),
      "scheduled queued leased running cancelled",
    );
  });

  it("is dead for good at the first failure that is never tried again", () => {
    assert.equal(
      past({ state: "dead", reason: "not_retryable" }, attempt(1, "failed")),
      "scheduled queued leased running dead",
    );
  });

  it("passes over leases that nothing began under, a bounded number of them", () => {
    assert.equal(
      past({ state: "succeeded" }, attempt(2, "succeeded")),
      "scheduled queued leased queued leased running succeeded",
    );
    assert.equal(replayJob(job({ state: "succeeded" }), [attempt(1_000_000, "succeeded")]).length, 2 + 2 * 50 + 3);
    assert.equal(
      past({ state: "succeeded" }, attempt(1, "superseded"), attempt(1, "succeeded")),
      "scheduled queued leased running succeeded",
    );
  });

  it("says so when the machine does not lead there", () => {
    assert.equal(
      replayJob(job({ state: "dead", reason: "lease_lost" }), [attempt(1, "lost", null)]).at(-1)?.follows,
      false,
    );
  });
});
