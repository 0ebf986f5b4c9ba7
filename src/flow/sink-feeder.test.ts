import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { feederPolicy } from "../../tests/support/pipeline.ts";
import type { Delivery, Outcome, Sink } from "./sink.ts";
import { createSinkFeeder, type FeederParts, type FeederPolicy } from "./sink-feeder.ts";

const policy: FeederPolicy = feederPolicy;
const delivery = (offset: number): Delivery => ({
  key: `f:p:${offset}:0`,
  origin: { partition: "p", id: String(offset) },
  payload: offset,
});
const ok: Outcome = { kind: "ok" };
const later: Outcome = { kind: "retry", reason: "busy" };
const numbers = (batch: readonly Delivery[]) => batch.map(({ payload }) => Number(payload));

/** `answer` says what the sink makes of a payload at the so manieth call. */
function feed(
  answer: (payload: number, call: number) => Outcome,
  parts: Partial<FeederPolicy> = {},
  own: Partial<FeederParts> = {},
) {
  const calls: number[][] = [];
  const buried: unknown[] = [];
  const sink: Pick<Sink, "deliver"> = {
    async deliver(batch) {
      calls.push(numbers(batch));
      return numbers(batch).map((payload) => answer(payload, calls.length));
    },
  };
  const bury = async ({ payload }: Delivery, reason: string, attempts: number) => {
    buried.push([payload, reason, attempts]);
  };
  const feeder = createSinkFeeder({
    sink,
    policy: { ...policy, ...parts },
    bury,
    nowMs: () => performance.now(),
    ...own,
  });
  return { feeder, calls, buried };
}
const deliverAll = (feeder: ReturnType<typeof feed>["feeder"], count: number) =>
  Promise.all(Array.from({ length: count }, (_, offset) => feeder.deliver(delivery(offset))));

describe("the feeder of a sink", () => {
  it("sends batches in order, as full as they may be, and none is open then", async () => {
    const { feeder, calls } = feed(() => ok, { lingerMs: 5_000 });
    await deliverAll(feeder, 6);
    assert.deepEqual(calls, [
      [0, 1, 2],
      [3, 4, 5],
    ]);
    assert.equal(feeder.counts.delivered, 6);
    await feeder.stop();
    assert.equal(feeder.queued, 0);
  });

  it("sends a batch that is not full once it has waited", async () => {
    const { feeder, calls } = feed(() => ok, { lingerMs: 5 });
    await deliverAll(feeder, 2);
    assert.deepEqual(calls, [[0, 1]]);
  });

  it("takes up what is delivered in the very turn in which it runs dry", { timeout: 5_000 }, async () => {
    const { feeder } = feed(() => ok);
    // How many microtasks lie between the two is the engine's affair: each of the first forty is tried.
    for (let hops = 0; hops < 40; hops += 1) {
      await feeder.deliver(delivery(hops));
      for (let hop = 0; hop < hops; hop += 1) await null;
      await feeder.deliver(delivery(hops));
    }
    assert.equal(feeder.counts.delivered, 80);
  });

  it("tries again only what the sink asked to have again", async () => {
    const { feeder, calls } = feed((payload, call) => (payload === 1 && call === 1 ? later : ok));
    await deliverAll(feeder, 3);
    assert.deepEqual(calls, [[0, 1, 2], [1]]);
    assert.deepEqual(feeder.counts, { delivered: 3, retried: 1, dead: 0 });
  });

  it("buries at once what the sink refused, and after the last attempt what it never took", async () => {
    const { feeder, buried } = feed(
      (payload) => [ok, { kind: "refused", reason: "too long" } as const, later][payload] ?? ok,
    );
    await deliverAll(feeder, 3);
    assert.deepEqual(buried, [
      [1, "too long", 1],
      [2, "busy", 3],
    ]);
  });

  it("settles nothing before its dead letter is durable", async () => {
    let tries = 0;
    const bury = async () => {
      tries += 1;
      if (tries < 3) throw new Error("the store is away");
    };
    const { feeder } = feed(() => ({ kind: "refused", reason: "no" }), {}, { bury });
    await feeder.deliver(delivery(0));
    assert.deepEqual([tries, feeder.counts.dead], [3, 1]);
  });

  it("takes a sink that throws, or says too little, for one that is to be tried again", async () => {
    let call = 0;
    const sink: Pick<Sink, "deliver"> = {
      async deliver() {
        call += 1;
        if (call === 1) throw new Error("connection refused");
        return call === 2 ? [] : [ok];
      },
    };
    const { feeder, buried } = feed(() => ok, {}, { sink });
    await feeder.deliver(delivery(0));
    assert.deepEqual([call, buried], [3, []]);
  });

  it("ends a batch that takes too long by its signal", async () => {
    const sink: Pick<Sink, "deliver"> = {
      deliver: (_batch, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    };
    const { feeder, buried } = feed(() => ok, { timeoutMs: 5, attemptsMax: 2 }, { sink });
    await feeder.deliver(delivery(0));
    assert.deepEqual(buried, [[0, "no answer within 0.005 s", 2]]);
  });

  it("leaves a failing sink alone until the breaker lets one batch find out", async () => {
    const at: number[] = [];
    const { feeder } = feed(
      (_payload, call) => {
        at.push(performance.now());
        return call === 1 ? later : ok;
      },
      { breaker: { failuresMax: 1, openMs: 50 } },
    );
    await feeder.deliver(delivery(0));
    assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 49, `tried again after ${(at[1] ?? 0) - (at[0] ?? 0)} ms`);
    assert.equal(feeder.breaker.state, "closed");
  });

  it("rejects what is open when it stops, so that it is not committed", async () => {
    const { feeder, buried } = feed(() => later, {
      attemptsMax: 1_000_000,
      retry: { ...policy.retry, baseMs: 60_000, maxMs: 60_000 },
    });
    const open = Promise.allSettled([feeder.deliver(delivery(0)), feeder.deliver(delivery(1))]);
    assert.equal(feeder.queued, 2);
    await feeder.stop();
    assert.deepEqual(
      (await open).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.deepEqual(buried, []);
    await assert.rejects(feeder.deliver(delivery(3)), /stops/);
  });
});
