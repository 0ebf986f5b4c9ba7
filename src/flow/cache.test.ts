import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFlowCache, type FlowCacheParts } from "./cache.ts";

function given(parts: Partial<FlowCacheParts> = {}) {
  const clock = { nowMs: 1_000 };
  const cache = createFlowCache({
    ...{ flow: "f", entriesMax: 3, ttlMs: 100, redis: null, nowMs: () => clock.nowMs },
    ...parts,
  });
  return { cache, clock };
}

describe("a flow's cache in memory", () => {
  it("gives what was set until its time is over, null as well, and a copy each time", async () => {
    const { cache, clock } = given();
    const value = { n: [1] };
    await cache.set("a", value);
    await cache.set("b", null, 50);
    value.n.push(2);
    const found = (await cache.get("a")) as typeof value;
    found.n.push(3);
    assert.deepEqual([await cache.get("a"), await cache.get("b"), await cache.get("c")], [{ n: [1] }, null, undefined]);
    clock.nowMs += 50;
    assert.deepEqual([await cache.get("a"), await cache.get("b")], [{ n: [1] }, undefined]);
    clock.nowMs += 50;
    assert.equal(await cache.get("a"), undefined);
    assert.deepEqual(cache.counts, { hits: 4, sharedHits: 0, misses: 3, failures: 0 });
  });

  it("holds no more than it may: what was not used for longest makes room", async () => {
    const { cache } = given();
    for (const key of ["a", "b", "c"]) await cache.set(key, key);
    await cache.get("a");
    await cache.set("b", "again");
    await cache.set("d", "d");
    const found = await Promise.all(["a", "b", "c", "d"].map((key) => cache.get(key)));
    assert.deepEqual(found, ["a", "again", undefined, "d"]);
  });

  it("makes a value once for all who ask at once, and anew when its time is over", async () => {
    const { cache, clock } = given();
    let made = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const make = async () => {
      await promise;
      return { made: ++made };
    };
    const asked = Array.from({ length: 10 }, () => cache.remember("a", make));
    const other = cache.remember("b", () => "at once");
    assert.equal(await other, "at once");
    resolve();
    const [first, ...others] = await Promise.all(asked);
    assert.deepEqual([first, made], [{ made: 1 }, 1]);
    for (const value of others) assert.ok(value.made === 1 && value !== first);
    assert.deepEqual(await cache.remember("a", make), { made: 1 });
    clock.nowMs += 100;
    assert.deepEqual(await cache.remember("a", make, 10), { made: 2 });
    clock.nowMs += 10;
    assert.deepEqual(await cache.remember("a", make), { made: 3 });
    assert.deepEqual(cache.counts, { hits: 1, sharedHits: 0, misses: 4, failures: 0 });
  });

  it("fails all who wait when a value cannot be made, and tries again for the next", async () => {
    const { cache } = given();
    const fail = () => Promise.reject(new Error("no answer"));
    const asked = [cache.remember("a", fail), cache.remember("a", () => 1)];
    for (const one of asked) await assert.rejects(one, /no answer/);
    assert.equal(await cache.remember("a", () => 1), 1);
    await assert.rejects(
      cache.remember("b", () => {
        throw new Error("at once");
      }),
      /at once/,
    );
    assert.equal(await cache.remember("b", () => 2), 2);
  });

  it("refuses what is no JSON value, a key that is not well-formed and no time at all", async () => {
    const { cache } = given();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [undefined, () => 1, 1n, cycle])
      await assert.rejects(cache.set("a", value), /^TypeError: Cannot remember a as its value is not a JSON value/);
    await assert.rejects(
      cache.remember("a", () => undefined),
      /is not a JSON value/,
    );
    for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(cache.set("a", 1, ttlMs), /^RangeError: Cannot remember a for/);
    await assert.rejects(cache.get("\ud800"), /^TypeError: Cannot use the key "\\ud800"/);
    assert.equal(await cache.get("a"), undefined);
    await cache.set("__proto__", 1);
    assert.deepEqual([await cache.get("__proto__"), await cache.get("")], [1, undefined]);
  });
});
