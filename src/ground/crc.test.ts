import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc16 } from "./crc.ts";

/** The definition, a bit at a time. */
function crcByBits(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc;
}

describe("CRC-16/CCITT", () => {
  it("gives the standard's check value, and all ones for nothing", () => {
    assert.equal(crc16(new TextEncoder().encode("123456789")), 0x29b1);
    assert.equal(crc16(new Uint8Array()), 0xffff);
  });

  it("is the same eight octets a step as a bit at a time, wherever it starts and ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(20), fc.nat(20), (bytes, front, back) => {
        const end = Math.max(front, bytes.length - back);
        assert.equal(crc16(bytes, front, end), crcByBits(bytes.subarray(front, end)));
      }),
    );
  });
});
