import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PacketBatch } from "./batch.ts";
import { verdictCode } from "./batch.ts";
import { apidAt, buildPacket, sequenceCountAt } from "./ccsds.ts";
import { LateSequence } from "./late-sequence.ts";
import { Sequence } from "./sequence.ts";

/** A packet of that unwrapped count; `twin`: with other octets. */
const packet = (apid: number, count: number, twin = 0): Uint8Array => {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setFloat64(0, count + twin / 4);
  return buildPacket({ apid, sequenceCount: ((count % 16_384) + 16_384) % 16_384, data });
};

function batchOf(packets: readonly Uint8Array[]): PacketBatch {
  const bytes = new Uint8Array(Buffer.concat(packets));
  const starts = new Uint32Array(packets.length);
  packets.reduce((at, one, i) => {
    starts[i] = at;
    return at + one.length;
  }, 0);
  return {
    format: "ccsds",
    bytes,
    count: packets.length,
    starts,
    sizes: Uint32Array.from(packets, (one) => one.length),
    apids: Uint16Array.from(packets, (one) => apidAt(one, 0)),
    sequenceCounts: Uint16Array.from(packets, (one) => sequenceCountAt(one, 0)),
    arrivedMs: new Float64Array(packets.length),
  };
}

/** A pass that received these, and its account for late packets. */
function flown(packets: readonly Uint8Array[]): LateSequence {
  const live = new Sequence();
  const batch = batchOf(packets);
  const { sequences } = live.judge(batch, 0);
  live.apply();
  const late = new LateSequence();
  late.learn(batch, sequences);
  late.restore(live.checkpoint());
  return late;
}

const countsOf = (late: LateSequence, apid = 7) => late.checkpoint().find(({ counts }) => counts.apid === apid)?.counts;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe("late packets in the sequence account", () => {
  it("fill gaps, are known as copies and as conflicts, and lengthen the account at both ends", () => {
    const received = [...range(0, 40), ...range(45, 100)];
    const late = flown(received.map((count) => packet(7, count)));
    const sent = [
      packet(7, 41),
      packet(7, 41),
      packet(7, 10),
      packet(7, 10, 1),
      packet(7, 10, 1),
      packet(7, 101),
      packet(7, -2),
    ];
    const { verdicts, sequences, toStore } = late.judge(batchOf(sent));
    const { fresh, late: filled, duplicate, conflict } = verdictCode;
    assert.deepEqual([...verdicts], [filled, duplicate, duplicate, conflict, duplicate, fresh, filled]);
    assert.deepEqual([...sequences], [41, 41, 10, 10, 10, 101, -2]);
    assert.equal(toStore, 4);
    const counts = countsOf(late);
    assert.deepEqual(
      [counts?.first, counts?.last, counts?.missing, counts?.stored, counts?.conflicts, counts?.outOfOrder],
      [-2, 101, 4 + 1 + 1, 95 + 4, 1, 2],
    );
    const [first] = late.checkpoint();
    assert.deepEqual(
      first?.open.map(([from, to]) => [from, to]),
      [
        [-1, -1],
        [40, 40],
        [42, 44],
        [100, 100],
      ],
    );
  });

  it("are put where they belong in a pass of several wraps, when a whole recording of it comes", () => {
    const all = range(5, 60_000);
    const lost = new Set([...range(200, 220), ...range(30_000, 30_500), 16_389, 50_001]);
    const late = flown(all.filter((count) => !lost.has(count)).map((count) => packet(7, count)));
    assert.equal(countsOf(late)?.missing, lost.size);
    const { toStore, sequences, duplicates } = late.judge(batchOf(all.map((count) => packet(7, count))));
    assert.deepEqual([toStore, duplicates], [lost.size, all.length - lost.size]);
    assert.deepEqual([...sequences], all);
    const counts = countsOf(late);
    assert.deepEqual([counts?.missing, counts?.first, counts?.last], [0, 5, 59_999]);
    assert.deepEqual(late.checkpoint()[0]?.open, []);
  });

  it("alone, go to the latest place where such a count is missing", () => {
    const lost = [20_000, 20_000 - 16_384];
    const late = flown(
      range(0, 30_000)
        .filter((count) => !lost.includes(count))
        .map((count) => packet(7, count)),
    );
    const { sequences } = late.judge(batchOf([packet(7, 20_000), packet(7, 20_001)]));
    assert.deepEqual([...sequences], [20_000, 20_001]);
    assert.equal(countsOf(late)?.missing, 1);
  });

  it("balance, whatever came before and after, and change nothing the second time", () => {
    const history = fc.array(fc.tuple(fc.integer({ min: -50, max: 300 }), fc.integer({ min: 0, max: 1 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(history, history, (before, after) => {
        const batch = after.map(([count, twin]) => packet(7, count, twin));
        const late = flown(before.map(([count, twin]) => packet(7, count, twin)));
        const once = late.judge(batchOf(batch));
        const counts = countsOf(late);
        // By sets: what is distinct, and what lies between the first and the last.
        const known = new Set([...before, ...after].map(([count]) => count));
        const octets = new Set([...before, ...after].map(([count, twin]) => `${count}:${twin}`));
        assert.equal(counts?.stored ?? 0, octets.size);
        assert.equal(counts?.conflicts ?? 0, octets.size - known.size);
        if (counts !== undefined && counts.first !== null) {
          assert.equal(counts.last - counts.first + 1, known.size + counts.missing);
          const listed = late.checkpoint()[0]?.open.reduce((sum, [from, to]) => sum + to - from + 1, 0);
          assert.equal(listed, counts.missing);
        }
        assert.equal(once.toStore + once.duplicates, batch.length);
        assert.equal(late.judge(batchOf(batch)).toStore, 0);
      }),
      { numRuns: 300 },
    );
  });
});
