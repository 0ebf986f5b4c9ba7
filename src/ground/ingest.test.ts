import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { DatagramBatch, PacketFormat } from "./batch.ts";
import { buildPacket, idleApid } from "./ccsds.ts";
import { type Ingested, ingest } from "./ingest.ts";

function datagrams(...parts: Uint8Array[]): DatagramBatch {
  let end = 0;
  return {
    bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
    count: parts.length,
    ends: Uint32Array.from(parts, (part) => (end += part.length)),
    arrivedMs: Float64Array.from(parts, (_, i) => 1000 + i),
  };
}

function take(format: PacketFormat, ...parts: Uint8Array[]): Ingested {
  return ingest(datagrams(...parts), { format, packetSizeMax: 64, hasCrc: (apid) => apid === 9 });
}

function packet(apid: number, sequenceCount: number, dataBytes = 4): Uint8Array {
  return buildPacket({ apid, sequenceCount, data: new Uint8Array(dataBytes), crc: apid === 9 });
}

const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const text = (value: string) => new TextEncoder().encode(value);
const rejects = (ingested: Ingested) => Object.fromEntries(ingested.rejected);

describe("ingesting space packets", () => {
  it("finds the packets of a datagram, back to back, each with its place, count and arrival", () => {
    const { packets, received } = take("ccsds", packet(1, 7), joined(packet(2, 8), packet(3, 9, 5)));
    assert.deepEqual([...packets.apids.subarray(0, packets.count)], [1, 2, 3]);
    assert.deepEqual([...packets.starts.subarray(0, 3)], [0, 10, 20]);
    assert.deepEqual([...packets.sizes.subarray(0, 3)], [10, 10, 11]);
    assert.deepEqual([...packets.sequenceCounts.subarray(0, 3)], [7, 8, 9]);
    assert.deepEqual([...packets.arrivedMs.subarray(0, 3)], [1000, 1001, 1001]);
    assert.equal(received, 3);
  });

  it("counts idle packets apart and stores none of them", () => {
    const { packets, idle, received } = take("ccsds", joined(packet(idleApid, 0), packet(1, 0)), packet(idleApid, 1));
    assert.deepEqual([packets.count, idle, received], [1, 2, 3]);
  });

  it("rejects with a reason, and goes on where the next packet can be found", () => {
    const broken = packet(9, 1);
    broken[7] = 0xff;
    const large = packet(1, 0, 100);
    const { packets, rejected, received, samples } = take("ccsds", joined(broken, packet(9, 2), large, packet(1, 5)));
    assert.deepEqual(Object.fromEntries(rejected), { bad_crc: 1, oversized: 1 });
    assert.deepEqual([...packets.sequenceCounts.subarray(0, packets.count)], [2, 5]);
    assert.equal(received, 4);
    assert.deepEqual(
      samples.map(({ reason, sizeBytes }) => [reason, sizeBytes]),
      [
        ["bad_crc", 12],
        ["oversized", 106],
      ],
    );
  });

  it("gives up the rest of a datagram in which no packet can start", () => {
    const rest = (bytes: Uint8Array) => rejects(take("ccsds", joined(packet(1, 1), bytes), packet(1, 2)));
    assert.deepEqual(rest(new Uint8Array(3)), { too_short: 1 });
    assert.deepEqual(rest(Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0)), { bad_version: 1 });
    assert.deepEqual(rest(packet(1, 3).subarray(0, 9)), { bad_length: 1 });
    assert.deepEqual(rejects(take("ccsds", new Uint8Array())), { too_short: 1 });
  });

  it("balances for any octets: received = packets + idle + rejected", () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(2047), fc.nat(60)).map(([apid, size]) => packet(apid, 0, size + 1)),
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.array(part, { maxLength: 4 }).map((parts) => joined(...parts)),
          { maxLength: 6 },
        ),
        (parts) => {
          const { packets, idle, rejected, received, bytes } = take("ccsds", ...parts);
          const rejectCount = [...rejected.values()].reduce((sum, count) => sum + count, 0);
          assert.equal(received, packets.count + idle + rejectCount);
          assert.equal(
            bytes,
            parts.reduce((sum, one) => sum + one.length, 0),
          );
          assert.ok(received >= parts.length);
        },
      ),
    );
  });
});

describe("ingesting records", () => {
  it("takes each raw datagram as one packet", () => {
    const { packets } = take("raw", Uint8Array.of(1, 2, 3), new Uint8Array(), new Uint8Array(65));
    assert.deepEqual([packets.count, packets.sizes[0]], [1, 3]);
    assert.deepEqual(rejects(take("raw", new Uint8Array(), new Uint8Array(65))), { too_short: 1, oversized: 1 });
  });

  it("takes JSON objects and nothing else", () => {
    const { packets } = take("json", text('{"a":1}'), text('{"b":"ä"}'));
    assert.deepEqual([packets.count, packets.starts[1], packets.sizes[1]], [2, 7, 10]);
    assert.deepEqual(rejects(take("json", text("[1]"), text("{"), text("null"), Uint8Array.of(0x7b, 0xff, 0x7d))), {
      bad_json: 4,
    });
  });
});
