/** The Redis source when Redis is killed, cut off or silent: it reads on by itself, loses nothing, and can be closed at any time. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import * as v from "valibot";
import type { Source } from "../src/flow/source.ts";
import { createRedisSource, redisSource } from "../src/flow/sources/redis.ts";
import { OwnRedis } from "./drill/own-redis.ts";
import { type FlowReader, flowReader, valuesOf } from "./support/flow-reader.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

describe("the Redis source under faults", { skip: process.env.TEST_REDIS_URL === undefined }, () => {
  let folder = "";
  let server: OwnRedis;
  let proxy: TcpProxy;
  let redis: Redis;
  const opened: Source[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orrery-redis-"));
    server = await OwnRedis.start(folder);
    proxy = await openTcpProxy(server.url);
    redis = new Redis(server.url, { retryStrategy: () => 50 });
    redis.on("error", () => {}); // while it is killed
  });
  after(async () => {
    for (const source of opened) await source.close();
    redis.disconnect();
    await proxy.close();
    await server.kill();
    await rm(folder, { recursive: true });
  });

  function sourceOf(stream: string, url: string, claimAfterS = 60): Source {
    const common = { kind: "redis", url_env: "CACHE_URL", group: "g" };
    const config = v.parse(redisSource, { ...common, streams: [stream], claim_after_s: claimAfterS });
    const source = createRedisSource("f", config, { environment: { CACHE_URL: url } });
    opened.push(source);
    return source;
  }
  async function open(url: string, claimAfterS = 60, stream: string = randomUUID()) {
    const reader = flowReader();
    const source = sourceOf(stream, url, claimAfterS);
    await source.open(reader);
    return { stream, source, reader };
  }
  const add = (stream: string, ...values: readonly (string | number)[]) =>
    Promise.all(values.map((value) => redis.xadd(stream, "*", "payload", value)));
  const got = (reader: FlowReader, ...values: readonly string[]) =>
    until(`${values} came`, () => {
      assert.ok(reader.all.length <= values.length, String(valuesOf(reader.all)));
      return reader.all.length === values.length;
    }).then(() => assert.deepEqual(valuesOf(reader.all), values));
  const committed = (source: Source, stream: string, nextOffset: number) =>
    until("it can be committed", () =>
      source.commit(stream, nextOffset).then(
        () => true,
        () => false,
      ),
    );
  const pendingCount = async (stream: string) => Number((await redis.xpending(stream, "g"))[0]);
  const tookMs = async (work: Promise<unknown>) => {
    const startedMs = performance.now();
    await work;
    return performance.now() - startedMs;
  };

  it("reads on when Redis was killed and came back, gives nothing twice, and does not say that it committed meanwhile", async () => {
    const { stream, source, reader } = await open(server.url);
    await add(stream, "a", "b");
    await got(reader, "a", "b");
    await server.kill();
    await assert.rejects(source.commit(stream, 2));
    await until("it is known that nothing is known", () => source.waiting(stream) === null);
    await server.restart();
    await add(stream, "c");
    await got(reader, "a", "b", "c");
    await committed(source, stream, 3);
    assert.equal(await pendingCount(stream), 1);
    await committed(source, stream, 4);
    assert.equal(await pendingCount(stream), 0);
  });

  it("loses nothing among two readers that commit while Redis is killed again and again", async () => {
    const total = 3_000;
    const first = await open(server.url, 2);
    const readers = [first, await open(server.url, 2, first.stream)];
    const { stream } = first;
    const seen = new Set<string>();
    for (const { source, reader } of readers)
      reader.onBatch = (_, batch) => {
        for (const value of valuesOf(batch)) seen.add(value);
        void committed(source, stream, (batch.at(-1)?.offset ?? 0) + 1);
      };
    // Under ids of its own, so that it knows what was stored although the answer was lost.
    const write = (n: number) =>
      until(`${n} is stored`, () =>
        redis.xadd(stream, `${n}-0`, "payload", n).then(
          () => true,
          ({ message }: Error) => message.includes("equal or smaller"),
        ),
      );
    for (let n = 1; n <= total; n++) {
      await write(n);
      if (n % 1_000 !== 500) continue;
      await server.kill();
      await server.restart();
    }
    await until("all came", () => seen.size === total);
    await until("nothing is pending", async () => (await pendingCount(stream)) === 0);
    for (const { source, reader } of readers) {
      assert.deepEqual(reader.failures, []);
      await source.close();
    }
  });

  it("fetches what it was given in an answer that was lost, before what is new", async () => {
    const { stream, source, reader } = await open(proxy.url);
    await add(stream, "a");
    await got(reader, "a");
    await proxy.swallowAnswerTo("xreadgroup");
    await redis.multi().xadd(stream, "*", "payload", "b").xadd(stream, "*", "payload", "c").exec();
    await until("it was given them", async () => (await pendingCount(stream)) === 3);
    await redis.xdel(stream, ...(await redis.xrange(stream, "-", "+")).slice(2).map(([id]) => id));
    await proxy.cut();
    await add(stream, "d");
    await proxy.restore();
    await got(reader, "a", "b", "d");
    await committed(source, stream, 4);
    await until("nothing is pending", async () => (await pendingCount(stream)) === 0);
    await source.close();
  });

  it("leaves a connection that has gone silent", async () => {
    const { stream, source, reader } = await open(proxy.url);
    await add(stream, "a");
    await got(reader, "a");
    proxy.freeze();
    await add(stream, "b");
    await got(reader, "a", "b");
    await committed(source, stream, 3);
    assert.equal(await pendingCount(stream), 0);
    await source.close();
  });

  it("closes within two seconds when Redis is silent or gone, and leaves no connection", async () => {
    const connections = async () =>
      String(await redis.client("LIST"))
        .trim()
        .split("\n").length;
    const before = await connections();
    const { source: silent, stream, reader } = await open(proxy.url);
    await add(stream, "a");
    await got(reader, "a");
    proxy.freeze();
    const waitedMs = await tookMs(silent.close());
    assert.ok(waitedMs < 2_000, `${waitedMs} ms`);
    await until("its connections are gone", async () => (await connections()) === before);
    const { source, stream: next } = await open(proxy.url);
    await add(next, "b");
    await proxy.cut();
    const goneMs = await tookMs(source.close());
    assert.ok(goneMs < 2_000, `${goneMs} ms`);
    await proxy.restore();
    await until("its connections are gone too", async () => (await connections()) === before);
  });

  it("is closed in the middle of its opening at a server that says nothing", async () => {
    const stream = randomUUID();
    const asked = proxy.swallowAnswerTo("hello");
    const source = sourceOf(stream, proxy.url);
    const opening = source.open(flowReader());
    opening.catch(() => {}); // looked at below
    await asked;
    const waitedMs = await tookMs(source.close());
    assert.ok(waitedMs < 2_000, `${waitedMs} ms`);
    await assert.rejects(opening, /AwayError: Cannot use source of flow "f": .* does not answer/);
    assert.equal(await redis.exists(stream), 0);
  });

  it("leaves a living reader what it works on when Redis was away for longer than it takes to be taken for dead", async () => {
    const first = await open(proxy.url, 3);
    await add(first.stream, "a", "b");
    await got(first.reader, "a", "b");
    const second = await open(proxy.url, 3, first.stream);
    await proxy.cut();
    const cutMs = performance.now();
    await until("it would be taken for dead", () => performance.now() - cutMs > 3_200);
    await proxy.restore();
    await add(first.stream, "c");
    const { reader: one } = first;
    const { reader: two } = second;
    await until("they are back", () => one.all.length + two.all.length === 3);
    const backMs = performance.now();
    await until("it would be claimed", () => performance.now() - backMs > 5_500);
    assert.deepEqual([...valuesOf(one.all), ...valuesOf(two.all)], ["a", "b", "c"]);
  });
});
