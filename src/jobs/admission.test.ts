import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { dueLaneKey } from "../model/job.ts";
import type { Policies, Policy } from "../model/policy.ts";
import { noLimits } from "../model/policy-limits.ts";
import type { Candidate, RunningCount } from "../store/limited-leases.ts";
import { admit, isLimited, isPaused, ratesOf, roomOf } from "./admission.ts";

const none: Policy = { scope: "queue", subject: "*", ...noLimits };
const policies = (...all: Partial<Policy>[]): Policies => ({
  version: 1,
  all: all.map((one) => ({ ...none, ...one })),
});
const job = (jobId: string, change: Partial<Candidate> = {}): Candidate => ({
  jobId,
  queue: "q",
  jobType: "t",
  datasetId: null,
  concurrencyKey: null,
  ...change,
});
const running = (count: number, change: Partial<RunningCount> = {}): RunningCount => ({ ...job(""), count, ...change });
const lane = (one: Candidate) => dueLaneKey({ ...one, keyed: one.concurrencyKey !== null });

function ask(given: {
  policies: Policies;
  candidates: Candidate[];
  running?: RunningCount[];
  levels?: Map<string, number>;
  wanted?: number;
}) {
  const { wanted = 100, running: now = [], levels = new Map<string, number>(), ...rest } = given;
  return admit({
    ...rest,
    running: now,
    levels,
    wanted: new Map(given.candidates.map((one) => [lane(one), wanted])),
  });
}

describe("admission", () => {
  it("leases what no limit stands against, up to what was wanted", () => {
    const { lease, delays } = ask({ policies: policies(), candidates: [job("a"), job("b"), job("c")], wanted: 2 });
    assert.deepEqual([lease, delays], [["a", "b"], []]);
  });

  it("counts what runs on all nodes against the concurrency of a queue, and says how many wait", () => {
    const { lease, delays, hold } = ask({
      policies: policies({ subject: "q", concurrencyMax: 3 }),
      candidates: [job("a"), job("b"), job("c")],
      running: [running(1), running(1, { jobType: "other" })],
    });
    assert.deepEqual([lease, hold.size], [["a"], 0]);
    assert.deepEqual(
      delays.map(({ code, jobId, count }) => [code, jobId, count]),
      [["QUEUE_CONCURRENCY", null, 2]],
    );
  });

  it("lets a blocked type stand back without holding up another one of the same queue", () => {
    const { lease } = ask({
      policies: policies({ scope: "job_type", subject: "slow", concurrencyMax: 1 }),
      candidates: [job("a", { jobType: "slow" }), job("b", { jobType: "slow" }), job("c")],
    });
    assert.deepEqual(lease, ["a", "c"]);
  });

  it("sets jobs apart whose concurrency key runs already, one at a time unless the queue allows more", () => {
    const keyed = (id: string, concurrencyKey = "k") => job(id, { concurrencyKey });
    const candidates = [keyed("a"), keyed("b"), keyed("c"), keyed("d", "other")];
    const alone = ask({ policies: policies(), candidates });
    assert.deepEqual(alone.lease, ["a", "d"]);
    assert.deepEqual([...alone.hold.keys()], ["b", "c"]);
    assert.deepEqual(
      alone.delays.map(({ code, jobId }) => [code, jobId]),
      [
        ["KEY_CONCURRENCY", "b"],
        ["KEY_CONCURRENCY", "c"],
      ],
    );
    assert.deepEqual(ask({ policies: policies({ keyConcurrencyMax: 2 }), candidates }).lease, ["a", "b", "d"]);
  });

  it("does not take the same key of two queues for one, whatever their names hold", () => {
    const { lease } = ask({
      policies: policies(),
      candidates: [job("a", { queue: "q:k", concurrencyKey: "x" }), job("b", { queue: "q", concurrencyKey: "k:x" })],
    });
    assert.deepEqual(lease, ["a", "b"]);
  });

  it("throttles each dataset by itself", () => {
    const of = (id: string, datasetId: string) => job(id, { datasetId });
    const { lease, hold } = ask({
      policies: policies({ scope: "dataset", subject: "*", concurrencyMax: 1 }),
      candidates: [of("a", "d1"), of("b", "d1"), of("c", "d2")],
    });
    assert.deepEqual([lease, [...hold]], [["a", "c"], [["b", "dataset:d1"]]]);
  });

  it("starts no faster than the rate, and says when the next one may", () => {
    const limited = policies({ subject: "q", ratePerS: 2, rateBurst: 2 });
    const candidates = [job("a"), job("b"), job("c")];
    const [rate] = ratesOf(limited, candidates);
    assert.deepEqual(rate, { name: "rate:queue:q", perS: 2, burst: 2 });
    const { lease, levels, retryInMs, delays } = ask({
      policies: limited,
      candidates,
      levels: new Map([["rate:queue:q", 1.5]]),
    });
    assert.deepEqual([lease, levels.get("rate:queue:q"), retryInMs], [["a"], 0.5, 250]);
    assert.deepEqual(delays[0]?.code, "QUEUE_RATE");
  });

  it("never passes a limit, whatever is due and running", () => {
    const names = fc.constantFrom("x", "y", "z");
    const candidate = fc.record({
      queue: names,
      jobType: names,
      datasetId: fc.option(names, { nil: null }),
      concurrencyKey: fc.option(names, { nil: null }),
    });
    const limit = fc.record({
      scope: fc.constantFrom("queue" as const, "job_type" as const, "dataset" as const),
      subject: fc.constantFrom("x", "y", "*"),
      concurrencyMax: fc.option(fc.nat(3), { nil: null }),
      keyConcurrencyMax: fc.option(fc.integer({ min: 1, max: 2 }), { nil: null }),
    });
    fc.assert(
      fc.property(
        fc.array(candidate, { maxLength: 30 }),
        fc.uniqueArray(limit, { maxLength: 6, selector: (one) => `${one.scope} ${one.subject}` }),
        (due, limits) => {
          const all = policies(...limits);
          const candidates = due.map((one, i) => ({ jobId: String(i), ...one }));
          const { lease, hold } = ask({ policies: all, candidates });
          const leased = candidates.filter(({ jobId }) => lease.includes(jobId));
          const maxOf = (scope: string, subject: string) =>
            (
              limits.find((one) => one.scope === scope && one.subject === subject) ??
              limits.find((one) => one.scope === scope && one.subject === "*")
            )?.concurrencyMax ?? Number.POSITIVE_INFINITY;
          for (const name of ["x", "y", "z"]) {
            assert.ok(leased.filter(({ queue }) => queue === name).length <= maxOf("queue", name));
            assert.ok(leased.filter(({ jobType }) => jobType === name).length <= maxOf("job_type", name));
            assert.ok(leased.filter(({ datasetId }) => datasetId === name).length <= maxOf("dataset", name));
          }
          assert.ok(lease.every((jobId) => !hold.has(jobId)));
        },
      ),
    );
  });
});

describe("a lane", () => {
  it("is paused with its queue or its type, and limited by keys, concurrency, rates or datasets", () => {
    const free = { queue: "q", jobType: "t", keyed: false };
    assert.ok(isPaused(policies({ subject: "q", paused: true }), free));
    assert.ok(isPaused(policies({ scope: "job_type", subject: "t", paused: true }), free));
    assert.ok(!isPaused(policies({ subject: "other", paused: true }), free));
    assert.ok(!isLimited(policies({ subject: "q", depthMax: 5 }), free));
    assert.ok(isLimited(policies(), { ...free, keyed: true }));
    assert.ok(isLimited(policies({ subject: "*", ratePerS: 1 }), free));
    assert.ok(isLimited(policies({ scope: "dataset", subject: "*", concurrencyMax: 1 }), free));
  });
});

describe("the room that a limit has", () => {
  it("is what its maximum leaves beside what runs; without a maximum any more, a thousand at once", () => {
    const held = "key:1:q:k";
    const now = [running(1, { concurrencyKey: "k" })];
    assert.equal(roomOf(policies(), [held], now).get(held), undefined);
    assert.equal(roomOf(policies({ keyConcurrencyMax: 3 }), [held], now).get(held), 2);
    assert.equal(roomOf(policies(), ["dataset:d"], now).get("dataset:d"), 1000);
  });
});
