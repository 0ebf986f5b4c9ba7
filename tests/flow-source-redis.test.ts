/** The Redis source: order, pauses, what is acknowledged, what consumers share and leave to each other, and entries of any kind. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import * as v from "valibot";
import { idempotencyKey } from "../src/flow/message.ts";
import type { Source } from "../src/flow/source.ts";
import { createRedisSource, redisSource } from "../src/flow/sources/redis.ts";
import { type FlowReader, flowReader, valuesOf } from "./support/flow-reader.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const kind = "redis";

const configOf = (config: object) => v.parse(redisSource, { kind, url_env: "CACHE_URL", group: "readers", ...config });

describe("the Redis source's settings", () => {
  it("are refused when a key is unknown, missing or no name", () => {
    const good = { kind, url_env: "CACHE_URL", streams: ["readings"], group: "g" };
    const { field, from, claim_after_s: claimAfterS } = v.parse(redisSource, good);
    assert.deepEqual([field, from, claimAfterS], ["payload", "earliest", 60]);
    for (const bad of [
      ...[{ streams: [] }, { streams: ["a", "a"] }, { streams: ["\ud800"] }, { streams: "a" }, { group: "" }],
      ...[{ from: "now" }, { claim_after_s: 0 }, { url_env: "redis://a" }, { url: "redis://a" }, { field: "" }],
    ])
      assert.ok(!v.is(redisSource, { ...good, ...bad }), JSON.stringify(bad));
  });

  it("refuse the start by the flow's name, and never show a password", async () => {
    const away = await openTcpProxy("redis://:hunter2@127.0.0.1:1");
    await away.close();
    for (const [url, reason] of [
      [undefined, /CACHE_URL is not set/],
      ["redis:hunter2", /CACHE_URL must hold an address/],
      [away.url, /Redis at 127\.0\.0\.1:\d+ \(CACHE_URL\) does not answer: .*REFUSED/],
    ] as const) {
      const source = createRedisSource("f", configOf({ streams: ["a"] }), { environment: { CACHE_URL: url } });
      await assert.rejects(source.open(flowReader()), (error: Error) => {
        assert.match(String(error), url === away.url ? /^AwayError: Cannot/ : /^SetupError: Cannot/);
        assert.match(error.message, /^Cannot use source of flow "f"/);
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
      await source.close();
    }
  });
});

describe("the Redis source", { skip: redisUrl === undefined }, () => {
  let redis: Redis;
  let proxy: TcpProxy;
  const opened: Source[] = [];
  const prefix = `test:${randomUUID()}`;
  before(async () => {
    redis = new Redis(redisUrl ?? "");
    proxy = await openTcpProxy(redisUrl ?? "");
  });
  after(async () => {
    for (const source of opened) await source.close();
    await proxy.close();
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.del(keys);
    redis.disconnect();
  });

  const newStream = () => `${prefix}:${randomUUID()}`;
  async function open(config: object, reader: FlowReader = flowReader(), url = redisUrl) {
    const source = createRedisSource("f", configOf(config), { environment: { CACHE_URL: url } });
    opened.push(source);
    await source.open(reader);
    return { source, reader };
  }
  const add = async (stream: string, ...values: (string | Buffer | number)[]) => {
    const pipeline = redis.pipeline();
    for (const value of values) pipeline.xadd(stream, "*", "payload", value);
    return ((await pipeline.exec()) ?? []).map(([, id]) => String(id));
  };
  const got = (reader: FlowReader, count: number) =>
    until(`${count} messages came`, () => {
      assert.ok(reader.all.length <= count, `${reader.all.length} came`);
      return reader.all.length === count;
    });
  type Pending = readonly [id: string, consumer: string, idleMs: number, deliveries: number];
  const pending = async (stream: string) =>
    (await redis.xpending(stream, "readers", "-", "+", 1_000)) as readonly Pending[];
  const consumers = async (stream: string) =>
    ((await redis.xinfo("CONSUMERS", stream, "readers")) as unknown[][]).map((about) => String(about[1]));
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  it("hands over each stream in order from its beginning, with ids that stay and offsets that count", async () => {
    const [first, second] = [newStream(), newStream()];
    const ids = await add(first, ...numbers(0, 1_000));
    await add(second, "other");
    const { reader } = await open({ streams: [first, second] });
    assert.deepEqual(reader.partitions, [first, second]);
    await got(reader, 1_001);
    ids.push(...(await add(first, "late")));
    await got(reader, 1_002);
    const messages = reader.all.filter(({ partition }) => partition === first);
    assert.deepEqual(valuesOf(messages), [...numbers(0, 1_000).map(String), "late"]);
    assert.deepEqual(
      messages.map(({ id, offset }) => [id, offset]),
      ids.map((id, i) => [id, i + 1]),
    );
    const { timestampMs } = messages[0] ?? assert.fail("no message");
    assert.equal(timestampMs, Number(ids[0]?.split("-")[0]));
    assert.ok(reader.batches < 100, `${reader.batches} batches`);
  });

  it("begins at the end where it is told so, and goes on where its group is", async () => {
    const stream = newStream();
    await add(stream, "before");
    const first = await open({ streams: [stream], from: "latest" });
    await add(stream, "after");
    await got(first.reader, 1);
    await first.source.commit(stream, 2);
    await first.source.close();
    await add(stream, "between");
    const { reader } = await open({ streams: [stream], from: "latest" });
    await got(reader, 1);
    assert.deepEqual([...valuesOf(first.reader.all), ...valuesOf(reader.all)], ["after", "between"]);
  });

  it("reads nothing of a paused stream, hands nothing over that comes meanwhile, and goes on in order", async () => {
    const [paused, other] = [newStream(), newStream()];
    const { source, reader } = await open({ streams: [paused, other] });
    await add(paused, 0);
    await got(reader, 1);
    source.pause(paused); // its read is under way, and takes what comes first
    await add(paused, 1);
    await until("it is read", async () => (await pending(paused)).length === 2);
    await add(paused, ...numbers(2, 500));
    await add(other, "other");
    await got(reader, 2);
    assert.equal((await pending(paused)).length, 2);
    assert.equal(reader.all[1]?.partition, other);
    await until("the rest is known to wait", () => source.waiting(paused) === 498);
    source.resume(paused);
    await got(reader, 501);
    assert.deepEqual(valuesOf(reader.all.filter(({ partition }) => partition === paused)), numbers(0, 500).map(String));
    await until("nothing waits", () => source.waiting(paused) === 0);
    source.pause("no such stream");
    assert.equal(source.waiting("no such stream"), null);
  });

  it("stops at once when it is paused by whom it hands a batch, one batch at a time", async () => {
    const stream = newStream();
    await add(stream, ...numbers(0, 5_000));
    const reader = flowReader();
    const { source } = await open({ streams: [stream] }, reader);
    reader.onBatch = () => source.pause(stream);
    source.pause(stream);
    while (reader.all.length < 5_000) {
      const before = reader.batches;
      source.resume(stream);
      await until("the next batch came", () => reader.batches > before);
      assert.equal(reader.batches, before + 1);
    }
    assert.deepEqual(valuesOf(reader.all), numbers(0, 5_000).map(String));
  });

  it("acknowledges what is committed and nothing above it, and holds no more of it", async () => {
    const stream = newStream();
    const ids = await add(stream, ...numbers(0, 2_500));
    const { source, reader } = await open({ streams: [stream] });
    await got(reader, 2_500);
    await source.commit(stream, 1);
    assert.equal((await redis.xpending(stream, "readers"))[0], 2_500);
    await Promise.all([source.commit(stream, 2_001), source.commit(stream, 2_001)]);
    assert.deepEqual(
      (await pending(stream)).map(([id]) => id),
      ids.slice(2_000),
    );
    await assert.rejects(source.commit("no such stream", 1), /is not read here/);
    await source.close();
    await assert.rejects(source.commit(stream, 2_501), /is not read here/);
    assert.equal((await pending(stream)).length, 500);
  });

  it("shares a stream among readers without a repeat", async () => {
    const stream = newStream();
    const both = [await open({ streams: [stream] }), await open({ streams: [stream] })];
    for (const { source, reader } of both)
      reader.onBatch = (_, batch) => void source.commit(stream, (batch.at(-1)?.offset ?? 0) + 1);
    for (const start of numbers(0, 20)) await add(stream, ...numbers(start * 100, start * 100 + 100));
    await until("all came", () => both.reduce((sum, { reader }) => sum + reader.all.length, 0) >= 2_000);
    const values = both.flatMap(({ reader }) => valuesOf(reader.all));
    assert.deepEqual(
      values.map(Number).sort((a, b) => a - b),
      numbers(0, 2_000),
    );
    assert.ok(both.every(({ reader }) => reader.all.length > 0));
    await until("all is acknowledged", async () => (await pending(stream)).length === 0);
  });

  it("takes over what a dead consumer left, with the same ids, and removes it; what is deleted meanwhile is skipped", async () => {
    const stream = newStream();
    const ids = await add(stream, ...numbers(0, 50));
    await redis.xgroup("CREATE", stream, "readers", "0");
    await redis.xreadgroup("GROUP", "readers", "dead", "COUNT", 40, "STREAMS", stream, ">");
    await redis.xdel(stream, ids[3] ?? "", ids[39] ?? "");
    const { source, reader } = await open({ streams: [stream], claim_after_s: 1 });
    await got(reader, 48);
    const left = reader.all.slice(10);
    assert.deepEqual(
      left.map(({ id }) => id),
      ids.filter((_, i) => i < 40 && i !== 3 && i !== 39),
    );
    assert.deepEqual(
      reader.all.map(({ offset }) => offset),
      numbers(1, 49),
    );
    await source.commit(stream, 49);
    assert.deepEqual(await pending(stream), []);
    await until("the dead one is removed", async () => !(await consumers(stream)).includes("dead"));
    assert.equal((await consumers(stream)).length, 1);
    await source.close();
    assert.deepEqual(await consumers(stream), []);
  });

  it("takes over from a reader that is cut off, under the same keys, and never from one that is alive", async () => {
    const stream = newStream();
    await add(stream, ...numbers(0, 20));
    const cutOff = await openTcpProxy(redisUrl ?? "");
    const lost = await open({ streams: [stream], claim_after_s: 1 }, flowReader(), cutOff.url);
    await got(lost.reader, 20);
    const living = await open({ streams: [stream], claim_after_s: 1 });
    const third = await open({ streams: [stream], claim_after_s: 1 });
    const openedMs = performance.now();
    await until("it would have been claimed", () => performance.now() - openedMs > 2_500);
    assert.deepEqual([living.reader.all, third.reader.all], [[], []]);
    third.source.pause(stream);
    await cutOff.cut();
    await got(living.reader, 20);
    const keys = ({ all }: FlowReader) => all.map((message) => idempotencyKey(message, "0.0")).sort();
    assert.deepEqual(keys(living.reader), keys(lost.reader));
    third.source.resume(stream);
    const owners = async () => [...new Set((await pending(stream)).map(([, consumer]) => consumer))];
    const ownersBefore = await owners();
    // The one that comes back takes nothing away again, and what it had done already may be committed.
    await cutOff.restore();
    await until("it is back", () =>
      lost.source.commit(stream, 6).then(
        () => true,
        () => false,
      ),
    );
    const backMs = performance.now();
    await until("it would have been claimed again", () => performance.now() - backMs > 2_500);
    assert.deepEqual([third.reader.all, lost.reader.all.length, living.reader.all.length], [[], 20, 20]);
    assert.deepEqual([(await owners()).length, await owners()], [1, ownersBefore]);
    await living.source.commit(stream, 21);
    assert.deepEqual(await pending(stream), []);
    await lost.source.close();
    await cutOff.close();
  });

  it("leaves what it has not committed to the others at once when it closes, and is not forgotten while it has something pending", async () => {
    const stream = newStream();
    await add(stream, ...numbers(0, 10));
    const first = await open({ streams: [stream], claim_after_s: 3_000 });
    await got(first.reader, 10);
    await first.source.commit(stream, 5);
    await Promise.all([first.source.close(), first.source.close()]);
    const [name] = await consumers(stream);
    assert.match(name ?? "", /^f:/);
    const { reader } = await open({ streams: [stream], claim_after_s: 3_000 });
    await got(reader, 6);
    assert.deepEqual(valuesOf(reader.all), numbers(4, 10).map(String));
    await add(stream, "new");
    await got(reader, 7);
    assert.equal(first.reader.all.length, 10);
  });

  it("takes values of any kind: binary ones, large ones, and all fields where the one it looks for is absent", async () => {
    const stream = newStream();
    const binary = Buffer.from([0, 255, 13, 10, 128]);
    await redis.xadd(stream, "*", "payload", binary, "k", "sensor-1");
    await redis.xadd(stream, "*", "payload", "", "k", binary);
    await redis.xadd(stream, "*", "__proto__", "x", "a", binary, "k", "", "a", "last");
    const large = "x".repeat(1_000_000);
    await add(stream, ...Array.from({ length: 20 }, () => large));
    const { reader } = await open({ streams: [stream], key_field: "k" });
    await got(reader, 23);
    const [first, second, third, ...rest] = reader.all;
    assert.deepEqual([first?.value, first?.key], [binary, "sensor-1"]);
    assert.deepEqual([valuesOf(second ? [second] : []), second?.key], [[""], "\0\ufffd\r\n\ufffd"]);
    assert.deepEqual([third?.value, third?.key], ['{"__proto__":"x","a":"last","k":""}', ""]);
    assert.ok(valuesOf(rest).every((value) => value === large));
    const { reader: keyless } = await open({ streams: [stream], group: "others", field: "k" });
    await got(keyless, 23);
    assert.deepEqual(keyless.all[0]?.key, null);
    assert.equal(JSON.parse(valuesOf(keyless.all)[3] ?? "").payload, large);
  });

  it("takes an id for a time only if it can be one", async () => {
    const stream = newStream();
    const nowMs = Date.now();
    const last = `18446744073709551615-1`;
    for (const id of ["5-0", `${nowMs - 1_000}-7`, last]) await redis.xadd(stream, id, "payload", "x");
    const { reader } = await open({ streams: [stream] });
    await got(reader, 3);
    const [small, real, huge] = reader.all.map(({ timestampMs }) => timestampMs);
    assert.equal(real, nowMs - 1_000);
    for (const ms of [small, huge]) assert.ok(ms !== undefined && Math.abs(ms - nowMs) < 60_000, String(ms));
    assert.deepEqual(
      reader.all.map(({ id }) => id),
      ["5-0", `${nowMs - 1_000}-7`, last],
    );
  });

  it("refuses the start for a user who may not do all that it needs, without showing the password", async () => {
    const user = randomUUID();
    const url = new URL(redisUrl ?? "");
    for (const [lacks, reason] of [
      ["-@scripting", /NOPERM/],
      ["-xpending", /NOPERM|can't run this command/],
      ["off", /WRONGPASS/],
    ] as const) {
      await redis.acl("SETUSER", user, "reset", "on", ">hunter2", "~*", "+@all", lacks);
      Object.assign(url, { username: user, password: "hunter2" });
      await assert.rejects(open({ streams: [newStream()] }, flowReader(), url.href), (error: Error) => {
        assert.match(String(error), /^SetupError: Cannot use source of flow "f": /);
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
    }
    await redis.acl("DELUSER", user);
  });

  it("refuses the start on a key of another kind, and fails its partition when it becomes one", async () => {
    const [wrong, stream] = [newStream(), newStream()];
    await redis.set(wrong, "text");
    const refused = createRedisSource("f", configOf({ streams: [stream, wrong] }), {
      environment: { CACHE_URL: redisUrl },
    });
    await assert.rejects(refused.open(flowReader()), (error: Error) => {
      assert.match(String(error), new RegExp(`^SetupError: Cannot use source of flow "f": .*${wrong}.*WRONGTYPE`));
      return true;
    });
    assert.deepEqual(await consumers(stream), []);
    await refused.close();
    const { reader } = await open({ streams: [stream] });
    await redis.set(stream, "text");
    await until("it failed", () => reader.failures.length === 1);
    assert.match(String(reader.failures), /WRONGTYPE/);
  });

  it("makes its group anew when it is gone, and loses nothing that was added later", async () => {
    for (const from of ["earliest", "latest"]) {
      const stream = newStream();
      const { source, reader } = await open({ streams: [stream], from });
      await add(stream, "old");
      await got(reader, 1);
      await source.commit(stream, 2);
      await until("it is seen that nothing waits", () => source.waiting(stream) === 0);
      await redis.multi().del(stream).xadd(stream, "*", "payload", "new").exec();
      await got(reader, 2);
      assert.deepEqual([valuesOf(reader.all), reader.failures], [["old", "new"], []]);
    }
  });

  it("hands nothing over once it is closed, also while it is being opened", async () => {
    const stream = newStream();
    const { reader, source } = await open({ streams: [stream] });
    await Promise.all([source.close(), add(stream, ...numbers(0, 100))]);
    const late = createRedisSource("f", configOf({ streams: [stream] }), { environment: { CACHE_URL: proxy.url } });
    const opening = late.open(reader);
    opening.catch(() => {}); // looked at below
    await late.close();
    await assert.rejects(opening, /closed/);
    const next = await open({ streams: [stream], claim_after_s: 1 });
    await got(next.reader, 100);
    assert.equal(reader.all.length, 0);
  });
});
