import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { until } from "../../../tests/support/signal.ts";
import { buildPacket } from "../../ground/ccsds.ts";
import type { PassStanding } from "../../store/flow-passes.ts";
import { ArchiveWriter } from "../../telemetry/archive.ts";
import { encodeEntry, type StoredEntry } from "../../telemetry/entry.ts";
import { TelemetryUnavailableError } from "../../telemetry/telemetry.ts";
import { createPacketMessages } from "./packet-message.ts";
import { createPassReader } from "./pass-reader.ts";
import type { SourceParts } from "./setup.ts";

const packet = (count: number) => buildPacket({ apid: 1 + (count % 2), sequenceCount: count, data: Uint8Array.of(1) });

function entryOf(token: number, entry: number, counts: readonly number[]): StoredEntry {
  const packets = counts.map(packet);
  const bytes = new Uint8Array(Buffer.concat(packets));
  const starts = Uint32Array.from(packets, (_, i) => i * 7);
  const batch = {
    ...{ format: "ccsds" as const, bytes, count: counts.length, starts },
    sizes: new Uint32Array(counts.length).fill(7),
    apids: new Uint16Array(counts.length),
    sequenceCounts: Uint16Array.from(counts),
    arrivedMs: new Float64Array(counts.length).fill(1_000),
  };
  const choice = { indexes: Uint32Array.from(counts.keys()), count: counts.length, isConflict: () => false };
  return { token, entry, payload: encodeEntry(batch, choice).payload };
}

const receiving: PassStanding = {
  ...{ passId: "p", node: "n", archive: null, isRemoved: false, isOver: false, checkpoint: null, stored: 0 },
};

/** A reader of these entries, and what it handed over: places and sequence counts. */
function given(entries: readonly StoredEntry[], { start = 0, apids = null as ReadonlySet<number> | null } = {}) {
  const seen: [offset: number, sequence: number][] = [];
  const failures: string[] = [];
  const warnings: string[] = [];
  let isAway = false;
  let onBatch = () => {};
  const ship = { ship: "s", format: "ccsds", definition: null } as const;
  const reader = createPassReader({
    ship: "s",
    passId: "p",
    start,
    messages: createPacketMessages({ flow: "f", ship, passId: "p", apids }),
    telemetry: {
      async *read({ token }, after = { token: 0, entry: 0 }) {
        if (isAway) throw new TelemetryUnavailableError("Redis does not answer", {});
        for (const one of entries)
          if (one.token <= token && (one.token > after.token || (one.token === after.token && one.entry > after.entry)))
            yield one;
      },
    },
    listener: {
      messages(_, batch) {
        for (const { offset, value } of batch) seen.push([offset, JSON.parse(String(value)).sequence]);
        onBatch();
      },
      failed: (_, reason) => void failures.push(reason.message),
    },
    log: { warn: (_: unknown, message: string) => void warnings.push(message) } as unknown as SourceParts["log"],
  });
  return {
    reader,
    seen,
    failures,
    warnings,
    setAway: (away: boolean) => {
      isAway = away;
    },
    onBatch: (act: () => void) => {
      onBatch = act;
    },
    hears: (change: Partial<PassStanding>) => reader.heardOf({ ...receiving, ...change }),
    has: (count: number) => until(`${count} messages`, () => seen.length === count),
  };
}

const sequences = (seen: readonly [number, number][]) => seen.map(([, sequence]) => sequence);

async function archiveOf(counts: readonly number[], late: readonly number[] = []) {
  const dir = await mkdtemp(join(tmpdir(), "orrery-archive-"));
  const writer = await ArchiveWriter.open(join(dir, "p.ccsds"), "ccsds");
  for (const count of [...counts, ...late])
    await writer.add(packet(count), { arrivedMs: 1, sequence: null, conflict: false, late: late.includes(count) });
  await writer.close();
  return { archive: writer.archive(), remove: () => rm(dir, { recursive: true }) };
}

describe("the reader of a pass", () => {
  it("reads up to the checkpoint, and no entry that was given up", async () => {
    const entries = [entryOf(1, 1, [0, 1]), entryOf(1, 2, [7, 8]), entryOf(1, 3, [2]), entryOf(1, 4, [3])];
    const { hears, has, seen, reader } = given(entries);
    hears({});
    hears({ checkpoint: { token: 1, entry: 3, givenUp: [2] }, stored: 3 });
    await has(3);
    assert.deepEqual(seen, [
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    hears({ checkpoint: { token: 1, entry: 4, givenUp: [] }, stored: 9 });
    await has(4);
    assert.deepEqual(seen.at(-1), [3, 3]);
    assert.equal(reader.waiting, 5);
  });

  it("begins where it is told to, over several holders", async () => {
    const entries = [entryOf(1, 1, [0, 1]), entryOf(1, 2, [2]), entryOf(3, 1, [3, 4])];
    const { hears, has, seen } = given(entries, { start: 2 });
    hears({ checkpoint: { token: 2, entry: 0, givenUp: [] } });
    await has(1);
    assert.deepEqual(seen, [[2, 2]]);
    hears({ checkpoint: { token: 3, entry: 1, givenUp: [] } });
    await has(3);
    assert.deepEqual(seen.slice(1), [
      [3, 3],
      [4, 4],
    ]);
  });

  it("goes on in the archive where it was in the hot store, and leaves out what came late", async () => {
    const { archive, remove } = await archiveOf([0, 1, 2, 3], [9]);
    const { hears, has, seen, reader } = given([entryOf(1, 1, [0, 1]), entryOf(1, 2, [2])]);
    hears({ checkpoint: { token: 1, entry: 1, givenUp: [] } });
    await has(2);
    hears({ archive, isOver: true, stored: 5 });
    await has(4);
    assert.deepEqual(sequences(seen), [0, 1, 2, 3]);
    assert.equal(reader.isDone, false);
    reader.progress.committed(reader.progress.pointOf(4));
    await until("it is done", () => reader.isDone);
    await remove();
  });

  it("stops when it is paused, and goes on behind it", async () => {
    const counts = Array.from({ length: 700 }, (_, i) => i);
    const { archive, remove } = await archiveOf(counts);
    const { hears, has, seen, reader, onBatch } = given([], { start: 3 });
    onBatch(() => reader.pause());
    hears({ archive, isOver: true });
    await has(256);
    reader.resume();
    await has(512);
    onBatch(() => {});
    reader.resume();
    await has(697);
    assert.deepEqual(sequences(seen), counts.slice(3));
    await remove();
  });

  it("goes on in an archive that was made anew for late packets", async () => {
    const [first, second] = [await archiveOf([0, 1, 2]), await archiveOf([0, 1, 2], [9])];
    const { hears, has, seen, reader } = given([], { start: 1 });
    reader.pause();
    hears({ archive: first.archive, isOver: true });
    await first.remove();
    hears({ archive: second.archive, isOver: true });
    reader.resume();
    await has(2);
    assert.deepEqual(sequences(seen), [1, 2]);
    await second.remove();
  });

  it("passes over what it does not ask for, and is done though nothing was", async () => {
    const { archive, remove } = await archiveOf([0, 1, 2, 3]);
    const some = given([], { apids: new Set([2]) });
    some.hears({ archive, isOver: true });
    await some.has(2);
    assert.deepEqual(some.seen, [
      [1, 1],
      [3, 3],
    ]);
    const none = given([], { apids: new Set([5]) });
    none.hears({ archive, isOver: true });
    await until("it is done", () => none.reader.isDone);
    assert.deepEqual([none.seen, none.reader.progress.next], [[], 4]);
    await remove();
  });

  it("tries again while the hot store is away", async () => {
    const { hears, has, seen, warnings, failures, setAway } = given([entryOf(1, 1, [0])]);
    const checkpoint = { token: 1, entry: 1, givenUp: [] };
    setAway(true);
    hears({ checkpoint });
    await until("it was told", () => warnings.length === 1);
    setAway(false);
    hears({ checkpoint });
    await has(1);
    assert.deepEqual([seen, failures], [[[0, 0]], []]);
  });

  it("fails with the reason where the archive is not what was stored", async () => {
    const { archive, remove } = await archiveOf([0, 1]);
    const { hears, failures, reader } = given([]);
    hears({ archive: { ...archive, packets: 3 }, isOver: true });
    await until("it failed", () => failures.length > 0);
    assert.match(failures[0] ?? "", /^pass p cannot be read: .* is not the file that was stored/);
    assert.equal(reader.hasFailed, true);
    await remove();
  });
});
