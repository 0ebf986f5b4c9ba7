import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { DatagramBatch } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { DatagramCollector } from "./datagram-collector.ts";

function collector(creditsMax: number): { collector: DatagramCollector; out: DatagramBatch[] } {
  const out: DatagramBatch[] = [];
  return { collector: new DatagramCollector({ format: "raw", creditsMax, handOver: (batch) => out.push(batch) }), out };
}

function datagramsOf(batches: readonly DatagramBatch[]): number[][] {
  return batches.flatMap(({ bytes, count, ends }) =>
    Array.from({ length: count }, (_, i) => [...bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i])]),
  );
}

describe("the collector", () => {
  it("hands over copies, in order, with their arrival", () => {
    const { collector: collected, out } = collector(2);
    const reused = Uint8Array.of(1, 2);
    assert.equal(collected.add(reused, 10), true);
    reused.fill(9);
    assert.equal(collected.add(new Uint8Array(), 11), false);
    collected.add(Uint8Array.of(3), 12);
    collected.flush();
    assert.deepEqual(datagramsOf(out), [[1, 2], [], [3]]);
    assert.deepEqual([...(out[0]?.arrivedMs.subarray(0, 3) ?? [])], [10, 11, 12]);
  });

  it("drops and counts when no credit is left and one more batch is full, and goes on once one is back", () => {
    const { collector: collected, out } = collector(1);
    const large = new Uint8Array(40_000);
    for (let i = 0; i < 7; i++) collected.add(large, i);
    assert.deepEqual(
      [out.length, collected.queueDropDatagrams, collected.queueDropBytes, collected.datagrams],
      [1, 3, 120_000, 7],
    );
    collected.settled(null);
    assert.equal(out.length, 2);
    collected.settled(null);
    collected.add(large, 9);
    collected.flush();
    assert.equal(out.length, 3);
    assert.equal(collected.isIdle(), false);
  });

  it("is idle once everything is handed over and settled", async () => {
    const { collector: collected } = collector(1);
    collected.add(Uint8Array.of(1), 0);
    assert.equal(await collected.idle(1), false);
    collected.flush();
    const idle = collected.idle(10_000);
    collected.settled(null);
    assert.equal(await idle, true);
  });

  it("drops what is over the quota before it is copied, and counts its packets, datagrams and octets", () => {
    const { collector: collected, out } = collector(2);
    collected.limit(2, 0);
    for (let i = 0; i < 10; i++) collected.add(new Uint8Array(5), 0);
    collected.flush();
    assert.equal(datagramsOf(out).length, 2);
    assert.deepEqual(
      [
        collected.datagrams,
        collected.bytes,
        collected.overQuota,
        collected.overQuotaDatagrams,
        collected.overQuotaBytes,
      ],
      [10, 50, 8, 8, 40],
    );
    assert.equal(collected.queueDropDatagrams, 0);
    collected.limit(2, 400); // the same again gives no new burst
    assert.equal(collected.add(new Uint8Array(5), 400), false);
    collected.limit(null, 400);
    assert.equal(collected.add(new Uint8Array(5), 400), true);
  });

  it("counts the packets of a datagram by their headers", () => {
    const two = Buffer.concat(
      [0, 1].map((sequenceCount) => buildPacket({ apid: 1, sequenceCount, data: Uint8Array.of(1) })),
    );
    const collected = new DatagramCollector({ format: "ccsds", creditsMax: 1, handOver: () => {} });
    collected.limit(4, 0);
    for (let i = 0; i < 5; i++) collected.add(two, 0);
    collected.add(Uint8Array.of(1), 0);
    assert.deepEqual([collected.overQuota, collected.overQuotaDatagrams], [7, 4]);
  });

  it("loses nothing uncounted, whatever comes and goes", () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 65_507 }) }),
      fc.constant("flush" as const),
      fc.constant("settle" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { collector: collected, out } = collector(2);
        let settled = 0;
        for (const one of steps) {
          if (one === "flush") collected.flush();
          else if (one === "settle" && settled < out.length) {
            settled += 1;
            collected.settled(null);
          } else if (typeof one === "object") collected.add(new Uint8Array(one.add), 0);
        }
        collected.flush();
        while (settled < out.length) {
          settled += 1;
          collected.settled(null);
        }
        const handedOver = out.reduce((sum, batch) => sum + batch.count, 0);
        assert.equal(collected.datagrams, handedOver + collected.queueDropDatagrams);
        assert.equal(collected.isIdle(), true);
      }),
      { numRuns: 50 },
    );
  });
});
