/** How much a ship may have in the hot store: what goes for it, what stays, what is refused. Segment files always, Redis when there is one. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { openRedis } from "../src/telemetry/redis.ts";
import { openSegments } from "../src/telemetry/segments.ts";
import {
  type EncodedEntry,
  HotStoreFullError,
  type StreamName,
  StreamSealedError,
  type Telemetry,
  TelemetryFullError,
} from "../src/telemetry/telemetry.ts";
import { until } from "./support/signal.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const log = { warn: () => {} };
const payloadBytes = 1_000;

const entry = (): EncodedEntry => ({ packets: 2, bytes: 968, payload: new Uint8Array(payloadBytes).fill(7) });
const newStream = (ship: string, token = 1): StreamName => ({ ship, passId: randomUUID(), token });

/** Appends so many entries; how many were taken before one was refused. */
async function fill(telemetry: Telemetry, stream: StreamName, entries: number, hotBytes: number): Promise<number> {
  const writer = await telemetry.open(stream, hotBytes);
  let taken = 0;
  try {
    for (; taken < entries; taken++) await writer.append(entry());
  } catch (error) {
    assert.ok(error instanceof HotStoreFullError && error instanceof TelemetryFullError, String(error));
    assert.match(error.message, new RegExp(`${stream.ship} has \\d+ octets .* quota.hot_bytes`));
  } finally {
    await writer.close();
  }
  return taken;
}

async function entriesIn(telemetry: Telemetry, stream: StreamName): Promise<number> {
  let count = 0;
  for await (const _ of telemetry.read(stream)) count += 1;
  return count;
}

function contract(name: string, skip: boolean, octets: number, open: (dataDir: string) => Promise<Telemetry>): void {
  describe(`the hot store's bound in ${name}`, { skip }, () => {
    let dataDir = "";
    let telemetry: Telemetry;
    const ship = () => `ship-${randomUUID()}`;
    before(async () => {
      dataDir = await mkdtemp(join(tmpdir(), "orrery-hot-"));
      telemetry = await open(dataDir);
    });
    after(async () => {
      await telemetry.close();
      await rm(dataDir, { recursive: true, force: true });
    });

    it("takes what fits, to the octet, and refuses the rest with what to do", async () => {
      const stream = newStream(ship());
      assert.equal(await fill(telemetry, stream, 20, 10 * octets), 10);
      assert.equal(await telemetry.trim(stream.ship), 10 * octets);
      assert.equal(await entriesIn(telemetry, stream), 10);
      assert.equal(await fill(telemetry, newStream(stream.ship), 1, 10 * octets), 0);
      assert.equal(await fill(telemetry, newStream(stream.ship), 1, 11 * octets), 1);
      assert.equal(await fill(telemetry, newStream(ship()), 5, 10 * octets), 5, "another ship has its own room");
    });

    it("lets archived streams go first, the oldest before the others, and never one that is not archived", async () => {
      const name = ship();
      const [oldest, older, open3] = [newStream(name), newStream(name), newStream(name)];
      assert.equal(await fill(telemetry, open3, 2, 10 * octets), 2);
      assert.equal(await fill(telemetry, oldest, 4, 10 * octets), 4);
      await telemetry.release(oldest, 3_600_000);
      assert.equal(await fill(telemetry, older, 4, 10 * octets), 4);
      await telemetry.release(older, 3_700_000);
      assert.equal(await fill(telemetry, newStream(name), 3, 10 * octets), 3);
      assert.deepEqual(
        [await entriesIn(telemetry, oldest), await entriesIn(telemetry, older), await entriesIn(telemetry, open3)],
        [0, 4, 2],
      );
      assert.equal(await fill(telemetry, newStream(name), 20, 10 * octets), 5);
      assert.deepEqual([await entriesIn(telemetry, older), await entriesIn(telemetry, open3)], [0, 2]);
      assert.equal(await telemetry.trim(name), 10 * octets);
      // Ever stored: what was let go is still counted.
      assert.deepEqual(await telemetry.count(name), { packets: 18 * 2, bytes: 18 * 968 });
    });

    it("lets go what has had its time, and as much as it is asked to", async () => {
      const name = ship();
      const [brief, long, unarchived] = [newStream(name), newStream(name), newStream(name)];
      for (const stream of [brief, long, unarchived]) await fill(telemetry, stream, 3, 100 * octets);
      await telemetry.release(brief, 1);
      await telemetry.release(long, 3_600_000);
      await until("let go", async () => (await telemetry.trim(name)) === 6 * octets);
      assert.equal(await telemetry.trim(name, 4 * octets), 3 * octets);
      assert.equal(await telemetry.trim(name, 0), 3 * octets, "what is not archived stays");
      await telemetry.drop(unarchived);
      await telemetry.drop(unarchived);
      assert.equal(await telemetry.trim(name), 0);
      assert.equal(await entriesIn(telemetry, unarchived), 0);
    });

    it("does not give one room to two writers of a ship", async () => {
      const name = ship();
      const taken = await Promise.all(
        Array.from({ length: 8 }, () => fill(telemetry, newStream(name), 20, 50 * octets)),
      );
      assert.equal(
        taken.reduce((sum, count) => sum + count, 0),
        50,
      );
      assert.equal(await telemetry.trim(name), 50 * octets);
    });

    it("answers for pages of packets whose streams go meanwhile", async () => {
      const name = ship();
      const streams = [newStream(name), newStream(name)];
      for (const stream of streams) await fill(telemetry, stream, 2, 100 * octets);
      await telemetry.drop(streams[1] ?? newStream(name));
      const { packets } = await telemetry.latest(name, 100);
      assert.ok(packets.every(({ passId }) => passId === streams[0]?.passId));
    });
  });
}

contract("segment files", false, payloadBytes + 24, (dataDir) => Promise.resolve(openSegments(dataDir)));
contract("Redis", redisUrl === undefined, payloadBytes, () => openRedis(redisUrl ?? "", { log }));

describe("segment files and their bound after a restart", () => {
  const octets = payloadBytes + 24;
  let dataDir = "";
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "orrery-hot-"));
  });
  after(() => rm(dataDir, { recursive: true, force: true }));

  it("knows what there is, what is archived, and what went", async () => {
    const ship = "restarted";
    const [archived, kept] = [newStream(ship), newStream(ship)];
    const first = openSegments(dataDir);
    for (const stream of [archived, kept]) await fill(first, stream, 3, 100 * octets);
    await first.release(archived);
    await first.close();

    const second = openSegments(dataDir);
    assert.equal(await second.trim(ship), 6 * octets, "without a time they stay until room is needed");
    assert.equal(await fill(second, newStream(ship), 2, 6 * octets), 2);
    assert.equal(await entriesIn(second, archived), 0);
    assert.equal(await entriesIn(second, kept), 3);
    await second.close();

    const third = openSegments(dataDir);
    assert.deepEqual(await third.count(ship), { packets: 16, bytes: 8 * 968 });
    assert.equal(await third.trim(ship), 5 * octets);
    await third.close();
  });

  it("ends what a killed process had begun to remove, and counts it once", async () => {
    const ship = "killed";
    const stream = newStream(ship);
    const first = openSegments(dataDir);
    await fill(first, stream, 3, 100 * octets);
    await first.release(stream);
    await first.close();
    const folder = join(dataDir, ship);
    const segment = (await readdir(folder)).find((name) => name.endsWith(".seg"));
    // Counted, and then killed before the file was removed; and a mark whose segment is gone.
    await writeFile(join(folder, "gone.json"), JSON.stringify({ packets: 6, bytes: 3 * 968, last: segment }));
    await writeFile(join(folder, `1-${randomUUID()}-1.seg.until-5`), "");

    const second = openSegments(dataDir);
    assert.deepEqual(await second.count(ship), { packets: 6, bytes: 3 * 968 });
    assert.equal(await second.trim(ship), 0);
    assert.deepEqual(await readdir(folder), ["gone.json"]);
    await second.close();
  });
});

describe("Redis and its bound among nodes", { skip: redisUrl === undefined }, () => {
  let nodes: Telemetry[];
  let redis: Redis;
  before(async () => {
    nodes = await Promise.all([1, 2].map(() => openRedis(redisUrl ?? "", { log })));
    redis = new Redis(redisUrl ?? "");
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    redis.disconnect();
  });

  it("is exact where two nodes write for one ship at once", async () => {
    const ship = `ship-${randomUUID()}`;
    const taken = await Promise.all(
      Array.from({ length: 8 }, (_, i) => fill(nodes[i % 2] as Telemetry, newStream(ship), 40, 100 * payloadBytes)),
    );
    assert.equal(
      taken.reduce((sum, count) => sum + count, 0),
      100,
    );
    const streams = await redis.hvals(`tm:{${ship}}:octets`);
    assert.equal(
      streams.reduce((sum, octets) => sum + Number(octets), 0),
      100 * payloadBytes,
    );
    assert.equal(await redis.hget(`tm:{${ship}}`, "hot"), String(100 * payloadBytes));
  });

  it("still refuses a superseded holder when its sealed stream was let go", async () => {
    const ship = `ship-${randomUUID()}`;
    const [one, two] = nodes as [Telemetry, Telemetry];
    const stream = newStream(ship);
    const late = await one.open(stream);
    await late.append(entry());
    await two.seal({ ...stream, token: 2 });
    await two.release({ ...stream, token: 2 });
    assert.equal(await two.trim(ship, 0), 0);
    await assert.rejects(late.append(entry()), StreamSealedError);
    assert.equal(await two.trim(ship), 0);
  });

  it("counts an entry once that is sent again when there is no room for another", async () => {
    const ship = `ship-${randomUUID()}`;
    const stream = newStream(ship);
    const [one, two] = nodes as [Telemetry, Telemetry];
    const writer = await one.open(stream, payloadBytes);
    const twin = await two.open(stream, payloadBytes);
    assert.equal(await writer.append(entry()), 1);
    assert.equal(await twin.append(entry()), 1, "the same number and nothing after it: an earlier try got through");
    assert.equal(await two.trim(ship), payloadBytes);
  });
});
