/** One suite for every place where packets go: segment files always, Redis Streams when TEST_REDIS_URL is set. */
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sequenceCountAt } from "../src/ground/ccsds.ts";
import { writeArchive } from "../src/telemetry/archive.ts";
import { placesOf } from "../src/telemetry/entry.ts";
import { openRedis } from "../src/telemetry/redis.ts";
import { openSegments } from "../src/telemetry/segments.ts";
import { StreamSealedError, type Telemetry, type TelemetryPacket } from "../src/telemetry/telemetry.ts";
import { countsOf, entryOf, streamOf } from "./support/telemetry.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const log = { warn: () => {} };

const countOf = ({ bytes }: TelemetryPacket) => sequenceCountAt(bytes, 0);

function contract(name: string, skip: boolean, open: (dataDir: string) => Promise<Telemetry>): void {
  describe(`telemetry in ${name}`, { skip }, () => {
    let dataDir = "";
    let telemetry: Telemetry;
    before(async () => {
      dataDir = await mkdtemp(join(tmpdir(), "orrery-telemetry-"));
      telemetry = await open(dataDir);
    });
    after(async () => {
      await telemetry.close();
      await rm(dataDir, { recursive: true, force: true });
    });

    it("gives back a pass's packets in the order of storing, with time and flags, over several holders", async () => {
      const stream = streamOf();
      const first = await telemetry.open(stream);
      assert.equal(await first.append(entryOf(1, 2, 3)), 1);
      assert.equal(await first.append(entryOf(4)), 2);
      await first.close();
      const second = await telemetry.open({ ...stream, token: 3 });
      await second.append(entryOf(9, 5));
      assert.deepEqual(await countsOf(telemetry, { ...stream, token: 3 }), [1, 2, 3, 4, 9, 5]);
      assert.deepEqual(await countsOf(telemetry, { ...stream, token: 3 }, { token: 1, entry: 1 }), [4, 9, 5]);
      for await (const { payload } of telemetry.read(stream)) {
        const [place] = placesOf(payload);
        assert.ok(place);
        assert.deepEqual([place.arrivedMs, place.conflict], [1_700_000_000_001, true]);
        break;
      }
      await second.close();
    });

    it("goes on behind the last entry when a stream is opened again", async () => {
      const stream = streamOf();
      const first = await telemetry.open(stream);
      await first.append(entryOf(1));
      await first.close();
      const again = await telemetry.open(stream);
      assert.equal(await again.append(entryOf(2)), 2);
      await again.close();
      assert.deepEqual(await countsOf(telemetry, stream), [1, 2]);
    });

    it("refuses what a superseded holder writes late", async () => {
      const stream = streamOf();
      const zombie = await telemetry.open(stream);
      await zombie.append(entryOf(1));
      await telemetry.seal({ ...stream, token: 2 });
      await telemetry.seal({ ...stream, token: 2 });
      await assert.rejects(zombie.append(entryOf(2)), StreamSealedError);
      const next = await telemetry.open({ ...stream, token: 2 });
      await next.append(entryOf(3));
      assert.deepEqual(await countsOf(telemetry, { ...stream, token: 2 }), [1, 3]);
      await zombie.close();
      await next.close();
    });

    it("counts what was ever stored for a ship", async () => {
      const stream = streamOf();
      assert.deepEqual(await telemetry.count(stream.ship), { packets: 0, bytes: 0 });
      const one = await telemetry.open(stream);
      await one.append(entryOf(1, 2));
      const other = await telemetry.open(streamOf({ ship: stream.ship }));
      await other.append(entryOf(1));
      assert.deepEqual(await telemetry.count(stream.ship), { packets: 3, bytes: 78 });
      await one.close();
      await other.close();
      assert.deepEqual(await telemetry.count(stream.ship), { packets: 3, bytes: 78 });
    });

    it("pages through a ship's packets, newest first, over entries and passes", async () => {
      const ship = streamOf().ship;
      for (const counts of [
        [[1, 2], [3]],
        [[4], [5, 6, 7]],
      ]) {
        const writer = await telemetry.open(streamOf({ ship }));
        for (const entry of counts) await writer.append(entryOf(...entry));
        await writer.close();
        await new Promise((resolve) => setTimeout(resolve, 5)); // streams are ordered by the millisecond they were opened in
      }
      for (const limit of [1, 2, 3, 100]) {
        const seen: number[] = [];
        let page = await telemetry.latest(ship, limit);
        for (;;) {
          assert.ok(page.packets.length <= limit);
          seen.push(...page.packets.map(countOf));
          if (page.next === null) break;
          page = await telemetry.latest(ship, limit, page.next);
        }
        assert.deepEqual(seen, [7, 6, 5, 4, 3, 2, 1], `pages of ${limit}`);
      }
      assert.deepEqual(await telemetry.latest("nobody", 10), { packets: [], next: null });
    });

    it("archives a pass as one file with its check sum, the same however often", async () => {
      const stream = streamOf();
      const writer = await telemetry.open(stream);
      for (let i = 0; i < 30; i++) await writer.append(entryOf(i * 2, i * 2 + 1));
      await writer.close();
      const order = { dataDir, stream, format: "ccsds" as const };
      const archive = await writeArchive(telemetry, order);
      assert.deepEqual([archive.packets, archive.sizeBytes], [60, 60 * 26]);
      const bytes = await readFile(archive.path);
      assert.deepEqual(
        Array.from({ length: 60 }, (_, i) => sequenceCountAt(bytes, i * 26)),
        Array.from({ length: 60 }, (_, i) => i),
      );
      assert.deepEqual(await writeArchive(telemetry, order), archive);
      assert.deepEqual((await readdir(join(dataDir, "archive", stream.ship))).sort(), [
        `${stream.passId}.ccsds`,
        `${stream.passId}.ccsds.index`,
      ]);
    });
  });
}

contract("segment files", false, async (dataDir) => openSegments(join(dataDir, "telemetry")));
contract("Redis", redisUrl === undefined, () => openRedis(redisUrl ?? "", { log, allowEviction: true }));

describe("segment files after a crash", () => {
  it("are read up to a torn frame, and written over it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "orrery-torn-"));
    const stream = streamOf();
    const writer = await openSegments(directory).open(stream);
    for (const count of [1, 2, 3]) await writer.append(entryOf(count));
    await writer.close();
    const [name = ""] = await readdir(join(directory, stream.ship));
    const path = join(directory, stream.ship, name);
    const whole = await readFile(path);
    const frameBytes = whole.length / 3;

    for (const cut of [1, 10, 25, frameBytes - 1]) {
      await truncate(path, whole.length - cut);
      assert.deepEqual(await countsOf(openSegments(directory), stream), [1, 2], `cut by ${cut}`);
    }
    await truncate(path, frameBytes * 2);
    await appendFile(path, new Uint8Array(frameBytes)); // as after a power cut: the length grew, the bytes did not come
    assert.deepEqual(await countsOf(openSegments(directory), stream), [1, 2]);

    const reopened = openSegments(directory);
    const next = await reopened.open(stream);
    assert.equal(await next.append(entryOf(7)), 3);
    await next.close();
    assert.deepEqual(await countsOf(reopened, stream), [1, 2, 7]);
    assert.equal((await reopened.count(stream.ship)).packets, 3);
    await rm(directory, { recursive: true, force: true });
  });
});
