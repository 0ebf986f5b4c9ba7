import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor } from "xstate";
import { type JobEvent, jobMachine } from "./job.ts";

/** A job after some events: its state, token and attempts. */
function after(attemptsMax: number, ...events: JobEvent[]) {
  const job = createActor(jobMachine, { input: { attemptsMax } }).start();
  for (const event of events) job.send(event);
  const { value, context } = job.getSnapshot();
  return [value, context.token, context.attempt];
}

const due: JobEvent = { type: "due" };
const leased: JobEvent = { type: "leased" };
const cancelled: JobEvent = { type: "cancelled" };
const started = (token: number): JobEvent => ({ type: "attempt.started", token });
const succeeded = (token: number): JobEvent => ({ type: "attempt.succeeded", token });
const failed = (token: number): JobEvent => ({ type: "attempt.failed", token });
const released = (token: number): JobEvent => ({ type: "lease.released", token });
const expired = (token: number): JobEvent => ({ type: "lease.expired", token });

describe("a job", () => {
  it("is queued when due, leased, run and done", () => {
    assert.deepEqual(after(3), ["scheduled", 0, 0]);
    assert.deepEqual(after(3, due, leased, started(1)), ["running", 1, 1]);
    assert.deepEqual(after(3, due, leased, started(1), succeeded(1)), ["succeeded", 1, 1]);
  });

  it("backs off after each failed attempt but the last, which ends it", () => {
    const first = [due, leased, started(1), failed(1)];
    assert.deepEqual(after(2, ...first), ["backing-off", 1, 1]);
    assert.deepEqual(after(2, ...first, due, leased, started(2), failed(2)), ["dead", 2, 2]);
  });

  it("burns no attempt when its lease ends before the work began", () => {
    assert.deepEqual(after(1, due, leased, expired(1)), ["queued", 1, 0]);
    assert.deepEqual(after(1, due, leased, released(1), leased), ["leased", 2, 0]);
  });

  it("burns one when the lease of running work runs out, and none when the holder gives it back", () => {
    assert.deepEqual(after(1, due, leased, started(1), expired(1)), ["dead", 1, 1]);
    assert.deepEqual(after(1, due, leased, started(1), released(1), leased, started(2), failed(2)), ["dead", 2, 2]);
    assert.deepEqual(after(2, due, leased, started(1), released(1), leased, started(2), failed(2)), [
      "backing-off",
      2,
      2,
    ]);
  });

  it("does not heed a holder whose lease was superseded", () => {
    const retaken = [due, leased, expired(1), leased];
    for (const stale of [started(1), released(1), expired(1)]) {
      assert.deepEqual(after(3, ...retaken, stale), ["leased", 2, 0]);
    }
    for (const stale of [succeeded(1), failed(1), expired(1)]) {
      assert.deepEqual(after(3, ...retaken, started(2), stale), ["running", 2, 1]);
    }
  });

  it("can be cancelled until it has ended", () => {
    for (const before of [[], [due], [due, leased], [due, leased, started(1)], [due, leased, started(1), failed(1)]]) {
      assert.equal(after(3, ...before, cancelled)[0], "cancelled");
    }
    assert.equal(after(3, due, leased, started(1), succeeded(1), cancelled)[0], "succeeded");
  });
});
