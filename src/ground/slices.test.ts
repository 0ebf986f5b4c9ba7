import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildPacket } from "./ccsds.ts";
import { ingest } from "./ingest.ts";
import { slicesOf } from "./slices.ts";

const rules = { format: "ccsds", packetSizeMax: 65_542, hasCrc: () => false } as const;

/** What a batch of datagrams with these packets holds. */
function ingested(...sizes: number[]) {
  const datagrams = sizes.map((size, i) => buildPacket({ apid: 5, sequenceCount: i, data: new Uint8Array(size) }));
  datagrams.push(new Uint8Array(3));
  let end = 0;
  const ends = datagrams.map((datagram) => {
    end += datagram.length;
    return end;
  });
  const arrivedMs = Float64Array.from(ends, () => 1);
  return ingest(
    { bytes: Buffer.concat(datagrams), count: ends.length, ends: Uint32Array.from(ends), arrivedMs },
    rules,
  );
}

describe("slices of a batch", () => {
  it("hold every packet once, in order, as many as fit; what is no packet is told with the first", () => {
    const whole = ingested(...Array.from({ length: 600 }, () => 20));
    const slices = [...slicesOf(whole, 256)];
    assert.deepEqual(
      slices.map(({ packets }) => packets.count),
      [256, 256, 88],
    );
    assert.deepEqual(
      slices.flatMap(({ packets }) => [...packets.sequenceCounts]),
      Array.from({ length: 600 }, (_, i) => i),
    );
    assert.deepEqual(
      slices.map(({ received }) => received),
      [257, 256, 88],
    );
    assert.deepEqual(
      slices.map(({ datagrams }) => datagrams),
      [601, 0, 0],
    );
    assert.deepEqual(
      slices.map(({ rejected }) => rejected.size),
      [1, 0, 0],
    );
  });

  it("end before a mebibyte, unless a single packet is larger", () => {
    const slices = [...slicesOf(ingested(...Array.from({ length: 40 }, () => 60_000)), 256)];
    for (const { packets } of slices) assert.ok(packets.sizes.reduce((sum, size) => sum + size, 0) <= 1024 * 1024);
    assert.equal(
      slices.reduce((sum, { packets }) => sum + packets.count, 0),
      40,
    );
  });

  it("are one without packets when there were none: what was rejected still counts", () => {
    const slices = [...slicesOf(ingested(), 256)];
    assert.deepEqual(
      slices.map(({ packets, received }) => [packets.count, received]),
      [[0, 1]],
    );
  });
});
