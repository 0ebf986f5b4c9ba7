/** The sequence accounts, case by case; sequence-history.test.ts drives them with random histories. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PacketBatch, verdictCode } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { type ApidCheckpoint, Sequence } from "./sequence.ts";

interface Sent {
  readonly count: number;
  readonly payload?: number;
  readonly atMs?: number;
}

function batch(sent: readonly Sent[], apid = 100): PacketBatch {
  const packets = sent.map(({ count, payload = 0 }) =>
    buildPacket({ apid, sequenceCount: count, data: new Uint8Array([payload, 1, 2]) }),
  );
  const sizeBytes = packets[0]?.length ?? 0;
  return {
    format: "ccsds",
    bytes: Uint8Array.from(packets.flatMap((packet) => [...packet])),
    count: sent.length,
    starts: Uint32Array.from(sent.map((_, i) => i * sizeBytes)),
    sizes: Uint32Array.from(sent.map(() => sizeBytes)),
    apids: Uint16Array.from(sent.map(() => apid)),
    sequenceCounts: Uint16Array.from(sent.map(({ count }) => ((count % 16_384) + 16_384) % 16_384)),
    arrivedMs: Float64Array.from(sent.map(({ atMs = 0 }) => atMs)),
  };
}

function told(sequence: Sequence, counts: readonly number[]): string[] {
  const turn = sequence.judge(batch(counts.map((count) => ({ count }))), 0);
  sequence.apply();
  return [...turn.verdicts].map((code) => Object.keys(verdictCode)[code] ?? "");
}

function only(sequence: Sequence): ApidCheckpoint {
  const [checkpoint] = sequence.checkpoint();
  assert.ok(checkpoint);
  return checkpoint;
}

describe("the sequence account", () => {
  it("counts what is missing between packets and takes it back when it comes late", () => {
    const sequence = new Sequence();
    assert.deepEqual(told(sequence, [10, 11, 15, 13]), ["fresh", "fresh", "fresh", "late"]);
    const { counts, open } = only(sequence);
    assert.deepEqual([counts.first, counts.last, counts.missing, counts.outOfOrder], [10, 15, 2, 1]);
    assert.deepEqual(
      open.map(([from, to]) => [from, to]),
      [
        [12, 12],
        [14, 14],
      ],
    );
  });

  it("extends to the front when a packet from before the first one comes", () => {
    const sequence = new Sequence();
    assert.deepEqual(told(sequence, [10, 7]), ["fresh", "late"]);
    const { counts } = only(sequence);
    assert.deepEqual([counts.first, counts.last, counts.missing, counts.outOfOrder], [7, 10, 2, 1]);
  });

  it("goes on over the wrap of the 14-bit count, and below zero", () => {
    const sequence = new Sequence();
    assert.deepEqual(told(sequence, [0, 16_383, 16_384 - 3]), ["fresh", "late", "late"]);
    assert.deepEqual(told(sequence, [1, 8191, 16_380, 0]), ["fresh", "fresh", "fresh", "fresh"]);
    const { counts } = only(sequence);
    assert.deepEqual([counts.first, counts.last, counts.stored], [-3, 16_384, 7]);
    assert.equal(counts.last - (counts.first ?? 0) + 1, counts.stored + counts.missing);
  });

  it("drops a copy, keeps another payload of the same count, and knows copies of that one too", () => {
    const sequence = new Sequence();
    const turn = sequence.judge(
      batch([{ count: 5 }, { count: 5 }, { count: 5, payload: 9 }, { count: 5, payload: 9 }, { count: 5, payload: 8 }]),
      0,
    );
    assert.deepEqual([...turn.verdicts], [0, 2, 3, 2, 3]);
    sequence.apply();
    assert.deepEqual([...sequence.judge(batch([{ count: 5, payload: 8 }]), 0).verdicts], [verdictCode.duplicate]);
  });

  it("shows nothing of a batch before it is applied, and nothing but its receipt when it is discarded", () => {
    const sequence = new Sequence();
    told(sequence, [1, 2]);
    const before = only(sequence);
    sequence.judge(batch([{ count: 4 }, { count: 3 }, { count: 3, payload: 1 }]), 0);
    assert.deepEqual(only(sequence), before);
    sequence.discard();
    assert.deepEqual(only(sequence), { ...before, counts: { ...before.counts, received: 5 } });
    assert.deepEqual(told(sequence, [3, 4]), ["fresh", "fresh"]);
  });

  it("refuses to judge while a batch is neither applied nor discarded", () => {
    const sequence = new Sequence();
    sequence.judge(batch([{ count: 1 }]), 0);
    assert.throws(() => sequence.judge(batch([{ count: 2 }]), 0), /neither applied nor discarded/);
  });

  it("marks the gap that spans an outage, and only that one", () => {
    const sequence = new Sequence();
    told(sequence, [1]);
    sequence.outage();
    told(sequence, [5, 8]);
    const { counts, open } = only(sequence);
    assert.deepEqual(
      open.map(([from, to, , flags]) => [from, to, flags]),
      [
        [2, 4, 2],
        [6, 7, 0],
      ],
    );
    assert.equal(counts.outage, 3);
    told(sequence, [3]);
    assert.equal(only(sequence).counts.outage, 2);
  });

  it("calls a gap ambiguous when half the circle may have passed unseen, by the rate or by our drops", () => {
    const sequence = new Sequence();
    sequence.judge(
      batch([{ count: 0 }, { count: 1000, atMs: 1000 }, { count: 1010, atMs: 5000 }, { count: 1100, atMs: 14_000 }]),
      0,
    );
    sequence.apply();
    sequence.judge(batch([{ count: 1200, atMs: 14_001 }]), 8192);
    sequence.apply();
    assert.deepEqual(
      only(sequence).open.map(([, , , flags]) => flags),
      [0, 0, 0, 1],
    );
    const fast = new Sequence();
    fast.judge(batch([{ count: 0 }, { count: 1000, atMs: 1000 }, { count: 1010, atMs: 9500 }]), 0);
    fast.apply();
    assert.deepEqual(
      only(fast).open.map(([, , , flags]) => flags),
      [0, 1],
    );
  });

  it("stores as a conflict what it cannot compare any more after a restart, unless it was reminded", () => {
    const sequence = new Sequence();
    told(sequence, [1, 2, 4]);
    const stored: unknown = JSON.parse(JSON.stringify(sequence.checkpoint()));
    const again = () => Sequence.restore(stored as ApidCheckpoint[]); // its own JSON
    assert.deepEqual(told(again(), [2, 3, 5]), ["conflict", "late", "fresh"]);
    const reminded = again();
    reminded.remember(batch([{ count: 1 }, { count: 2 }, { count: 4 }]));
    assert.deepEqual(told(reminded, [2, 3, 5, 4]), ["duplicate", "late", "fresh", "duplicate"]);
  });

  it("keeps at most 1,024 open gaps: what comes for an older one is stored as a conflict, and the account still balances", () => {
    const sequence = new Sequence();
    told(
      sequence,
      Array.from({ length: 2000 }, (_, i) => i * 2),
    );
    assert.deepEqual(told(sequence, [1, 3997]), ["conflict", "late"]);
    const { counts, open } = only(sequence);
    assert.equal(open.length, 1023);
    assert.equal(counts.last - (counts.first ?? 0) + 1, counts.stored - counts.conflicts + counts.missing);
  });
});
