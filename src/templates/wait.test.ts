import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stopBy, type Task } from "../compute/compute.ts";
import { newTimeUuid } from "../model/ids.ts";
import { createWait, madeMsOf, untilMsOf } from "./wait.ts";

const madeMs = Date.parse("2026-03-28T20:00:00Z");
const task = (passthrough: unknown): Task => ({
  ...{
    jobId: newTimeUuid(madeMs),
    queue: "products",
    jobType: "orrery.wait",
    attempt: 1,
    token: 1,
    dataset: null,
    product: null,
  },
  ...{ payload: JSON.stringify(passthrough), parents: [], timeoutMs: null, url: null, onOutput: () => {} },
});
const run = (passthrough: unknown, nowMs: number) =>
  createWait(() => nowMs).run(task(passthrough), stopBy(new AbortController().signal));

describe("a wait", () => {
  it("gives its job back until the time has come, counted from the making of the job", async () => {
    assert.equal(madeMsOf(newTimeUuid(madeMs)), madeMs);
    assert.deepEqual(await run({ wait_s: 90 }, madeMs + 10_000), { outcome: "deferred", runInMs: 80_000, output: "" });
    assert.deepEqual(await run({ wait_s: 90 }, madeMs + 90_000), {
      ...{ outcome: "succeeded", passback: '{"waited_until":"2026-03-28T20:01:30.000Z"}', link: null, output: "" },
    });
  });

  it("until a time, or the next such time of day, on days on which clocks are moved too", () => {
    const until = (given: object) => new Date(untilMsOf(given, madeMs)).toISOString();
    assert.equal(until({ until: "2026-05-01T00:00:00+02:00" }), "2026-04-30T22:00:00.000Z");
    assert.equal(until({ until: "06:00" }), "2026-03-29T06:00:00.000Z");
    assert.equal(until({ until: "20:00" }), "2026-03-28T20:00:00.000Z");
    assert.equal(until({ until: "02:30:15", timezone: "Europe/Berlin" }), "2026-03-29T01:30:15.000Z");
  });

  it("for nothing fails for good", async () => {
    for (const wrong of [{}, { until: "soon" }, { until: "06:00", timezone: "Mars/X" }, null, { wait_s: -1 }]) {
      const outcome = await run(wrong, madeMs);
      assert.ok(outcome.outcome === "failed" && outcome.isFinal, JSON.stringify(outcome));
    }
  });
});
