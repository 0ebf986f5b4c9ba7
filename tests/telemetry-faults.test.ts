/** Redis that loses answers, goes away or has no memory: an entry is stored once, or counted as lost and not there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { openRedis } from "../src/telemetry/redis.ts";
import {
  type Telemetry,
  TelemetryFullError,
  TelemetryUnavailableError,
  type TelemetryWriter,
} from "../src/telemetry/telemetry.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";
import { countsOf, entryOf, streamOf } from "./support/telemetry.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const log = { warn: () => {} };

describe("Redis Streams under faults", { skip: redisUrl === undefined }, () => {
  let proxy: TcpProxy;
  let telemetry: Telemetry;
  before(async () => {
    proxy = await openTcpProxy(redisUrl ?? "");
    telemetry = await openRedis(proxy.url, { log, allowEviction: true, appendDeadlineMs: 8_000 });
  });
  after(async () => {
    await telemetry.close();
    await proxy.close();
  });

  it("store an entry once when its answer was lost and it is sent again", async () => {
    const stream = streamOf();
    const writer = await telemetry.open(stream);
    await writer.append(entryOf(1));
    const swallowed = proxy.swallowAnswerTo("XADD");
    const second = writer.append(entryOf(2));
    await swallowed;
    await proxy.cut();
    await proxy.restore();
    assert.equal(await second, 2);
    await writer.append(entryOf(3));
    assert.deepEqual(await countsOf(telemetry, stream), [1, 2, 3]);
    assert.deepEqual(await telemetry.count(stream.ship), { packets: 3, bytes: 78 });
  });

  it("store an entry once when it is lost twice: its answer, and the answer whether it is there", async () => {
    const stream = streamOf();
    const writer = await telemetry.open(stream);
    await writer.append(entryOf(1));
    let swallowed = proxy.swallowAnswerTo("XADD");
    const second = writer.append(entryOf(2));
    await swallowed;
    await proxy.cut();
    swallowed = proxy.swallowAnswerTo("xrevrange");
    await proxy.restore();
    await swallowed;
    await proxy.cut();
    await proxy.restore();
    assert.equal(await second, 2);
    assert.equal(await writer.append(entryOf(3)), 3);
    assert.deepEqual(await countsOf(telemetry, stream), [1, 2, 3]);
  });

  it("take back at the end what was given up, or say that they cannot yet; else the next holder takes it back", async () => {
    const impatient = await openRedis(proxy.url, { log, allowEviction: true, appendDeadlineMs: 100 });
    const stream = streamOf();
    const lose = async (writer: TelemetryWriter, count: number) => {
      const swallowed = proxy.swallowAnswerTo("XADD");
      const lost = writer.append(entryOf(count));
      lost.catch(() => {}); // looked at below
      await swallowed;
      await proxy.cut();
      await assert.rejects(lost, TelemetryUnavailableError);
    };
    const answers = () =>
      until("Redis answers again", () =>
        impatient.count(stream.ship).then(
          () => true,
          () => false,
        ),
      );
    const writer = await impatient.open(stream);
    await writer.append(entryOf(1));
    await lose(writer, 2);
    assert.deepEqual(writer.givenUp, [{ entry: 2, packets: 1, bytes: 26 }]);
    await assert.rejects(writer.close(), TelemetryUnavailableError);
    await proxy.restore();
    await answers();
    assert.deepEqual(await countsOf(impatient, stream), [1, 2]);
    await writer.close();
    assert.deepEqual([await countsOf(impatient, stream), writer.givenUp], [[1], []]);

    const other = await impatient.open(stream);
    await lose(other, 3);
    await proxy.restore();
    await answers();
    await impatient.seal({ ...stream, token: 2 });
    await impatient.takeBack(stream, other.givenUp);
    await impatient.takeBack(stream, other.givenUp);
    assert.deepEqual(await countsOf(impatient, { ...stream, token: 2 }), [1]);
    assert.deepEqual(await impatient.count(stream.ship), { packets: 1, bytes: 26 });
    await impatient.close();
  });

  it("give up on an entry when Redis stays away, and take it back should it have got through", async () => {
    const impatient = await openRedis(proxy.url, { log, allowEviction: true, appendDeadlineMs: 100 });
    const stream = streamOf();
    const writer = await impatient.open(stream);
    await writer.append(entryOf(1));
    const swallowed = proxy.swallowAnswerTo("XADD");
    const second = writer.append(entryOf(2));
    second.catch(() => {}); // looked at below
    await swallowed;
    await proxy.cut();
    await assert.rejects(second, TelemetryUnavailableError);
    await assert.rejects(writer.append(entryOf(3)), TelemetryUnavailableError);
    await proxy.restore();
    await until("Redis answers again", () =>
      impatient.count(stream.ship).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await writer.append(entryOf(4)), 4);
    assert.deepEqual(await countsOf(impatient, stream), [1, 4]);
    assert.deepEqual(await impatient.count(stream.ship), { packets: 2, bytes: 52 });
    await impatient.close();
  });
});

describe("a Redis without memory", { skip: redisUrl === undefined }, () => {
  it("is refused when it evicts, and says that it is full when it does not", async () => {
    const port = await freeTcpPort();
    const server = spawn("redis-server", ["--port", String(port), "--save", "", "--maxmemory", "4mb"], {
      stdio: "ignore",
    });
    const url = `redis://127.0.0.1:${port}`;
    const direct = new Redis(url, { retryStrategy: () => 50 });
    direct.on("error", () => {}); // until it listens
    try {
      await direct.ping();
      await direct.config("SET", "maxmemory-policy", "allkeys-lru");
      await assert.rejects(openRedis(url, { log }), /may evict/);
      await direct.config("SET", "maxmemory-policy", "noeviction");
      const telemetry = await openRedis(url, { log });
      const stream = streamOf();
      const writer = await telemetry.open(stream);
      const large = entryOf(...Array.from({ length: 256 }, (_, i) => i));
      let stored = 0;
      await assert.rejects(async () => {
        for (; stored < 10_000; stored++) await writer.append(large);
      }, TelemetryFullError);
      await direct.config("SET", "maxmemory", "64mb");
      assert.equal(await writer.append(entryOf(1)), stored + 1);
      await telemetry.close();
    } finally {
      direct.disconnect();
      server.kill("SIGKILL");
    }
  });
});

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
