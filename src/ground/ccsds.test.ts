import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { buildPacket, countPackets, isCrcRight, readPrimaryHeader } from "./ccsds.ts";

describe("a primary header", () => {
  it("is read from the octets of 133.0-B", () => {
    // version 0, telemetry, secondary header, APID 100; unsegmented, count 16383; 4 octets of data
    const bytes = Uint8Array.from([0x08, 0x64, 0xff, 0xff, 0x00, 0x03, 1, 2, 3, 4]);
    assert.deepEqual(readPrimaryHeader(bytes), {
      type: 0,
      secondaryHeader: true,
      apid: 100,
      sequenceFlags: 3,
      sequenceCount: 16_383,
      sizeBytes: 10,
    });
  });

  it("is rejected when the packet is short, of another version, or longer than what is there", () => {
    const bytes = buildPacket({ apid: 1, sequenceCount: 0, data: new Uint8Array(4) });
    assert.deepEqual(readPrimaryHeader(bytes.subarray(0, 6)), { reject: "too_short" });
    assert.deepEqual(readPrimaryHeader(new Uint8Array()), { reject: "too_short" });
    assert.deepEqual(readPrimaryHeader(bytes.subarray(0, 9)), { reject: "bad_length" });
    assert.deepEqual(readPrimaryHeader(Uint8Array.from([0x20, ...bytes.subarray(1)])), { reject: "bad_version" });
  });

  it("comes back as it was built, at any place in a buffer", () => {
    const parts = fc.record({
      apid: fc.nat(2047),
      sequenceCount: fc.nat(16_383),
      data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      secondaryHeader: fc.boolean(),
      sequenceFlags: fc.nat(3),
      crc: fc.boolean(),
    });
    fc.assert(
      fc.property(parts, fc.nat(9), (built, front) => {
        const packet = buildPacket(built);
        const bytes = new Uint8Array(front + packet.length);
        bytes.set(packet, front);
        const { data, crc, ...header } = built;
        const sizeBytes = 6 + data.length + (crc ? 2 : 0);
        assert.deepEqual(readPrimaryHeader(bytes, front), { type: 0, ...header, sizeBytes });
        if (!crc) return;
        assert.equal(isCrcRight(bytes, front, sizeBytes), true);
        bytes[front + 6] = (bytes[front + 6] ?? 0) ^ 1;
        assert.equal(isCrcRight(bytes, front, sizeBytes), false);
      }),
    );
  });

  it("is found, or refused, in any octets without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const header = readPrimaryHeader(bytes);
        assert.ok("reject" in header || header.sizeBytes <= bytes.length);
      }),
    );
  });
});

describe("counting the packets of a datagram", () => {
  it("counts packets back to back, and what is no packet as one", () => {
    const packet = buildPacket({ apid: 5, sequenceCount: 1, data: new Uint8Array(3) });
    const three = Uint8Array.from([...packet, ...packet, ...packet]);
    assert.equal(countPackets(three, 0, three.length), 3);
    assert.equal(countPackets(three, 0, three.length - 1), 3);
    assert.equal(countPackets(three, 0, 0), 1);
  });
});
