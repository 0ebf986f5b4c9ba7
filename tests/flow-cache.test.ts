/** A flow's cache that is shared through Redis: what other nodes see, for how long, and a Redis that fails. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { createFlowCache } from "../src/flow/cache.ts";
import { redisConnection } from "../src/telemetry/redis-connection.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const redisUrl = process.env.TEST_REDIS_URL;

describe("a flow's cache in Redis", { skip: redisUrl === undefined }, () => {
  const flow = `test-${randomUUID()}`;
  const sharedKey = (key: string) => `orrery:flow:{${flow}}:cache:${key}`;
  let redis: Redis;
  let proxy: TcpProxy;
  let proxied: Redis;
  before(async () => {
    redis = new Redis(redisUrl ?? "");
    proxy = await openTcpProxy(redisUrl ?? "");
    proxied = new Redis(proxy.url, redisConnection);
    proxied.on("error", () => {}); // while it is cut
    await proxied.connect();
  });
  after(async () => {
    proxied.disconnect();
    await proxy.close();
    const keys = await redis.keys(sharedKey("*"));
    if (keys.length > 0) await redis.del(keys);
    redis.disconnect();
  });

  function node(through: Redis = redis) {
    const clock = { nowMs: 1_000 };
    const settings = { flow, entriesMax: 100, ttlMs: 60_000, redis: through, nowMs: () => clock.nowMs };
    return { cache: createFlowCache(settings), clock };
  }

  it("gives another node what was set, for no longer than it was set for, and keeps it in memory", async () => {
    const [one, two] = [node(), node()];
    await one.cache.set("a", { n: 1 }, 5_000);
    assert.deepEqual([await two.cache.get("a"), await two.cache.get("a")], [{ n: 1 }, { n: 1 }]);
    assert.deepEqual(two.cache.counts, { hits: 1, sharedHits: 1, misses: 0, failures: 0 });
    const leftMs = await redis.pttl(sharedKey("a"));
    assert.ok(leftMs > 3_000 && leftMs <= 5_000, `${leftMs} ms`);
    await redis.del(sharedKey("a"));
    two.clock.nowMs += 5_001;
    assert.equal(await two.cache.get("a"), undefined);
    assert.equal(await two.cache.remember("b", () => "made"), "made");
    assert.equal(await one.cache.remember("b", () => assert.fail("it is there")), "made");
  });

  it("keeps flows apart, and takes keys of any kind", async () => {
    const other = createFlowCache({ flow: `${flow}-2`, entriesMax: 1, ttlMs: 1_000, redis });
    const key = "a b:{c}\r\n\0ä";
    await node().cache.set(key, 1);
    assert.deepEqual([await node().cache.get(key), await other.get(key)], [1, undefined]);
  });

  it("takes what it did not write itself for nothing, and counts it", async () => {
    await redis.hset(sharedKey("hash"), "a", "1");
    await redis.set(sharedKey("text"), "{");
    await redis.set(sharedKey("for ever"), "7");
    const { cache } = node();
    for (let i = 0; i < 5; i++) assert.equal(await cache.get("hash"), undefined);
    assert.deepEqual(
      [await cache.get("text"), await cache.remember("text", () => 1), await node().cache.get("text")],
      [undefined, 1, 1],
    );
    assert.equal(await cache.get("for ever"), 7);
    assert.deepEqual(cache.counts, { hits: 0, sharedHits: 1, misses: 7, failures: 7 });
  });

  it("goes on in memory while Redis is away, leaves it alone for a while, and shares again when it is back", async () => {
    const { cache, clock } = node(proxied);
    await cache.set("away", 0);
    await proxy.cut();
    await until("it is noticed", () => proxied.status !== "ready");
    for (let i = 1; i <= 10; i++) await cache.set("away", i);
    assert.equal(await cache.get("away"), 10);
    assert.equal(await cache.remember("made", () => "here"), "here");
    assert.deepEqual(cache.counts, { hits: 1, sharedHits: 0, misses: 1, failures: 3 });
    await proxy.restore();
    await until("it is back", () => proxied.status === "ready");
    await cache.set("away", 11);
    assert.equal(await redis.get(sharedKey("away")), "0");
    clock.nowMs += 5_000;
    await cache.set("away", 12);
    assert.equal(await redis.get(sharedKey("away")), "12");
    assert.equal(cache.counts.failures, 3);
  });

  it("does not wait for long for a Redis that says nothing, nor again at once", async () => {
    const { cache } = node(proxied);
    proxy.freeze();
    const startedMs = performance.now();
    const found = await Promise.all(Array.from({ length: 100 }, (_, i) => cache.remember(`silent${i}`, () => i)));
    assert.equal(found[99], 99);
    for (let i = 0; i < 100; i++) await cache.get(`silent too${i}`);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 2_500, `${tookMs} ms`);
    assert.equal(await cache.get("silent7"), 7);
  });
});
