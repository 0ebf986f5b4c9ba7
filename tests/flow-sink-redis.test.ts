/** The Redis sink: what it writes, that a redelivery adds nothing, what it refuses, and a Redis that goes away and comes back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import * as v from "valibot";
import type { Delivery, Sink } from "../src/flow/sink.ts";
import { createRedisSink, type RedisSinkConfig, redisSink } from "../src/flow/sinks/redis.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const { signal } = new AbortController();
const ok = { kind: "ok" };

const delivery = (id: number, payload: unknown): Delivery => ({
  key: `flow:p:${id}:0`,
  origin: { partition: "p", id: String(id) },
  payload,
});

describe("the Redis sink's settings", () => {
  const kind = "redis";
  it("are refused when a key is unknown, missing or no template", () => {
    const good = { kind, url_env: "CACHE_URL", as: "set", key: "ship:{ship}" };
    assert.ok(v.is(redisSink, good));
    for (const bad of [{ as: "hash" }, { key: "ship:{" }, { url_env: "redis://a" }, { ttl_s: 0 }, { url: "redis://a" }])
      assert.ok(!v.is(redisSink, { ...good, ...bad }), JSON.stringify(bad));
  });

  it("refuse the start by the sink's name, and never show a password", async () => {
    const refusal = async (config: Partial<RedisSinkConfig>, url: string | undefined): Promise<string> => {
      const sink = createRedisSink(
        "cache",
        { kind, url_env: "CACHE_URL", as: "list", key: "a", ...config },
        { environment: { CACHE_URL: url } },
      );
      const error = await sink.check().then(
        () => assert.fail("was accepted"),
        (error: Error) => error,
      );
      assert.doesNotMatch(String(error), /hunter2/);
      return String(error);
    };
    assert.match(await refusal({}, undefined), /^SetupError: Cannot use sink "cache" as .* CACHE_URL is not set/);
    for (const url of ["hunter2", "http://:hunter2@cache:1", "redis:hunter2"])
      assert.match(await refusal({}, url), /^SetupError: Cannot use sink "cache": CACHE_URL must hold an address/);
    assert.match(
      await refusal({ maxlen: 5 }, "redis://a"),
      /^SetupError: Cannot use sink "cache": maxlen is of a stream/,
    );
    assert.match(
      await refusal({ as: "set", once_s: 5 }, "redis://a"),
      /^SetupError: Cannot use sink "cache": once_s is of a list or a stream/,
    );
    const away = await openTcpProxy("redis://:hunter2@127.0.0.1:1");
    await away.close();
    const { host } = new URL(away.url);
    assert.match(
      await refusal({}, away.url),
      new RegExp(`^AwayError: Cannot use sink "cache": Redis at ${host} \\(CACHE_URL\\) does not answer: .*REFUSED`),
    );
  });
});

describe("the Redis sink", { skip: redisUrl === undefined }, () => {
  let redis: Redis;
  let proxy: TcpProxy;
  const opened: Sink[] = [];
  const prefix = `test:${randomUUID()}`;
  before(async () => {
    redis = new Redis(redisUrl ?? "");
    proxy = await openTcpProxy(redisUrl ?? "");
  });
  after(async () => {
    for (const sink of opened) await sink.close();
    await proxy.close();
    const keys = await redis.keys(`*${prefix}*`);
    if (keys.length > 0) await redis.del(keys);
    redis.disconnect();
  });

  async function open(config: Omit<RedisSinkConfig, "kind" | "url_env">, url = redisUrl): Promise<Sink> {
    const sink = createRedisSink(
      "cache",
      { kind: "redis", url_env: "CACHE_URL", ...config },
      { environment: { CACHE_URL: url } },
    );
    opened.push(sink);
    await sink.check();
    return sink;
  }

  it("keeps the newest payload of each key, for as long as it is told", async () => {
    const sink = await open({ as: "set", key: `${prefix}:ship:{ship}:latest`, ttl_s: 100 });
    const batch = [
      delivery(1, { ship: "aurora", n: 1 }),
      delivery(2, { ship: "borealis", n: 2 }),
      delivery(3, { ship: "aurora", n: 3 }),
    ];
    assert.deepEqual(await sink.deliver(batch, signal), [ok, ok, ok]);
    assert.equal(await redis.get(`${prefix}:ship:aurora:latest`), '{"ship":"aurora","n":3}');
    assert.equal(await redis.get(`${prefix}:ship:borealis:latest`), '{"ship":"borealis","n":2}');
    const ttlS = await redis.ttl(`${prefix}:ship:aurora:latest`);
    assert.ok(ttlS > 90 && ttlS <= 100, `it lives for ${ttlS} s`);
  });

  it("appends to a list in order, and a redelivery adds nothing", async () => {
    const key = `${prefix}:list`;
    const sink = await open({ as: "list", key, ttl_s: 100, once_s: 50 });
    assert.deepEqual(await sink.deliver([delivery(1, { n: 1 }), delivery(2, "two")], signal), [ok, ok]);
    const again = [delivery(2, "two"), delivery(3, null), delivery(1, { n: 1 }), delivery(3, null)];
    assert.deepEqual(await sink.deliver(again, signal), [ok, ok, ok, ok]);
    assert.deepEqual(await redis.lrange(key, 0, -1), ['{"n":1}', '"two"', "null"]);
    assert.ok((await redis.ttl(key)) > 90);
    // Its hash tag is the whole key, so that a cluster has both on one node.
    const markerTtlS = await redis.ttl(`{${key}}:once:flow:p:1:0`);
    assert.ok(markerTtlS > 40 && markerTtlS <= 50, `its marker lives for ${markerTtlS} s`);
  });

  it("appends to a stream under the delivery's key, trims it roughly, and a redelivery adds nothing", async () => {
    const key = `${prefix}:stream`;
    const sink = await open({ as: "stream", key, maxlen: 100 });
    const batch = Array.from({ length: 1_000 }, (_, id) => delivery(id, { n: id }));
    assert.ok((await sink.deliver(batch, signal)).every(({ kind }) => kind === "ok"));
    await sink.deliver(batch.slice(-10), signal);
    const kept = await redis.xlen(key);
    assert.ok(kept >= 100 && kept < 500, `${kept} are kept`);
    const newest = await redis.xrevrange(key, "+", "-", "COUNT", 2);
    assert.deepEqual(
      newest.map(([, fields]) => fields),
      [
        ["key", "flow:p:999:0", "payload", '{"n":999}'],
        ["key", "flow:p:998:0", "payload", '{"n":998}'],
      ],
    );
    assert.equal(await redis.ttl(key), -1);
  });

  it("refuses a payload without its key, one that is no JSON, and a key with braces, and writes the others", async () => {
    const sink = await open({ as: "list", key: `${prefix}:hostile:{ship}` });
    const cycle: Record<string, unknown> = { ship: "a" };
    cycle.self = cycle;
    const payloads = [{}, { ship: {} }, { ship: "" }, { ship: "a}:once:{" }, cycle, undefined, { ship: "\ud800" }];
    const batch = [...payloads, { ship: "a\r\nDEL x\0" }].map((payload, id) => delivery(id, payload));
    const outcomes = await sink.deliver(batch, signal);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      [...payloads.map(() => "refused"), "ok"],
    );
    assert.deepEqual(await redis.lrange(`${prefix}:hostile:a\r\nDEL x\0`, 0, -1), ['{"ship":"a\\r\\nDEL x\\u0000"}']);
    assert.deepEqual(await sink.deliver([], signal), []);
  });

  it("refuses what would go to another's key of another kind, without a marker, and writes the others", async () => {
    await redis.hset(`${prefix}:kind:taken`, "a", "1");
    for (const as of ["list", "stream"] as const) {
      const sink = await open({ as, key: `${prefix}:kind:{to}` });
      const outcomes = await sink.deliver([delivery(1, { to: "taken" }), delivery(2, { to: as })], signal);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["refused", "ok"],
      );
      assert.match(outcomes[0]?.kind === "refused" ? outcomes[0].reason : "", /WRONGTYPE/);
    }
    assert.equal(await redis.type(`${prefix}:kind:taken`), "hash");
    assert.deepEqual(await redis.keys(`*${prefix}:kind:taken}:once*`), []);
  });

  it("throws while Redis is away, and once it is back writes what may have got through one time only", async () => {
    const key = `${prefix}:away`;
    const sink = await open({ as: "list", key }, proxy.url);
    await sink.deliver([delivery(1, 1)], signal);
    const swallowed = proxy.swallowAnswerTo("RPUSH");
    const lost = sink.deliver([delivery(2, 2), delivery(3, 3)], signal);
    lost.catch(() => {}); // looked at below
    await swallowed;
    await proxy.cut();
    await assert.rejects(lost);
    await assert.rejects(sink.deliver([delivery(2, 2)], signal));
    await proxy.restore();
    await until("Redis answers again", () =>
      sink.deliver([delivery(2, 2), delivery(3, 3), delivery(4, 4)], signal).then(
        () => true,
        () => false,
      ),
    );
    assert.deepEqual(await redis.lrange(key, 0, -1), ["1", "2", "3", "4"]);
  });

  it("ends soon when its time is over and Redis says nothing", async () => {
    const sink = await open({ as: "list", key: `${prefix}:silent` }, proxy.url);
    proxy.freeze();
    const timeout = new AbortController();
    const delivering = sink.deliver([delivery(1, 1)], timeout.signal);
    timeout.abort(new Error("its time is over"));
    await assert.rejects(delivering, /its time is over/);
  });

  it("refuses the start by a wrong password without showing it", async () => {
    const url = new URL(redisUrl ?? "");
    Object.assign(url, { username: "nobody", password: "hunter2" });
    const sink = open({ as: "list", key: "a" }, url.href);
    await assert.rejects(sink, (error: Error) => {
      assert.match(error.message, /^Cannot use sink "cache": Redis at .* cannot be used: WRONGPASS/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
});
