import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PacketBatch } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { createPacketDecoder, LatestValues, type ParameterValue } from "./latest.ts";
import { parsePacketDefinition } from "./packet-definition.ts";

function decoded(
  fields: object[],
  data: number[] | Uint8Array,
  extra: object = {},
): Record<string, ParameterValue["value"]> {
  const decode = createPacketDecoder(parsePacketDefinition({ packets: [{ apid: 1, name: "one", fields, ...extra }] }));
  const packet = decode(buildPacket({ apid: 1, sequenceCount: 0, data: Uint8Array.from(data) }));
  assert.ok(packet);
  return Object.fromEntries([...packet.values].map(([name, { value }]) => [name, value]));
}

const of = (name: string, type: string, more: object = {}) => ({ name, type, ...more });

describe("decoding", () => {
  it("reads whole numbers of every size and sign, in both byte orders, one after the other", () => {
    const fields = [
      of("a", "u8"),
      of("b", "i8"),
      of("c", "u16"),
      of("d", "i16", { byte_order: "little" }),
      of("e", "u32"),
      of("f", "i32"),
    ];
    assert.deepEqual(decoded(fields, [200, 200, 1, 2, 0xfe, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xfd]), {
      a: 200,
      b: -56,
      c: 258,
      d: -2,
      e: 4_278_190_080,
      f: -3,
    });
  });

  it("keeps every digit of 64-bit integers", () => {
    const big = (value: bigint, little: boolean) => {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigInt64(0, BigInt.asIntN(64, value), little);
      return [...new Uint8Array(view.buffer)];
    };
    const whole = [of("a", "u64"), of("b", "i64", { byte_order: "little" }), of("c", "i64"), of("d", "u64")];
    const data = [...big(2n ** 64n - 1n, false), ...big(-(2n ** 63n), true), ...big(-5n, false), ...big(7n, false)];
    assert.deepEqual(decoded(whole, data), { a: "18446744073709551615", b: "-9223372036854775808", c: -5, d: 7 });
  });

  it("reads floats, and shows what is no number as null", () => {
    const view = new DataView(new ArrayBuffer(16));
    view.setFloat32(0, 1.5);
    view.setFloat64(4, -2.25, true);
    view.setFloat32(12, Number.NaN);
    const fields = [of("a", "f32"), of("b", "f64", { byte_order: "little" }), of("c", "f32")];
    assert.deepEqual(decoded(fields, new Uint8Array(view.buffer)), { a: 1.5, b: -2.25, c: null });
  });

  it("reads bits across octets, then goes on at the next whole octet", () => {
    const fields = [
      of("a", "bits", { bits: 3 }),
      of("b", "bits", { bits: 7 }),
      of("c", "u8"),
      of("d", "bits", { bits: 4, bit_offset: 2 }),
    ];
    assert.deepEqual(decoded(fields, [0b10110011, 0b01000000, 9]), { a: 5, b: 0b1001101, c: 9, d: 0b1100 });
  });

  it("reads any bits as shifting one big number would", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 9, maxLength: 9 }),
        fc.integer({ min: 1, max: 53 }),
        fc.nat(15),
        (data, bits, offset) => {
          const number = data.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
          const expected = (number >> BigInt(72 - offset - bits)) & (2n ** BigInt(bits) - 1n);
          assert.equal(decoded([of("a", "bits", { bits, bit_offset: offset })], data).a, Number(expected));
        },
      ),
    );
  });

  it("reads text up to its NUL, octets as hex, and an enum's text or the number that it lacks", () => {
    const modes = { calibration: { enum: { 0: "safe", 1: "nominal" } } };
    const fields = [
      of("a", "string", { bytes: 4 }),
      of("b", "bytes", { bytes: 2 }),
      of("c", "u8", modes),
      of("d", "u8", modes),
    ];
    assert.deepEqual(decoded(fields, [0x68, 0x69, 0, 0x7a, 0xbe, 0xef, 1, 7]), {
      a: "hi",
      b: "beef",
      c: "nominal",
      d: 7,
    });
  });

  it("calibrates by polynomial and by table, flat outside of it", () => {
    const table = {
      calibration: {
        table: [
          [10, 0],
          [20, 100],
          [30, 50],
        ],
      },
    };
    const raws = [5, 10, 15, 25, 30, 99];
    const fields = raws.map((_, i) => of(`t${i}`, "u8", table));
    assert.deepEqual(Object.values(decoded(fields, raws)), [0, 0, 50, 75, 50, 50]);
    const polynomials = [[1, 2], [0, 0, 0.5], [7]].map((polynomial, i) =>
      of(`p${i}`, "u8", { calibration: { polynomial } }),
    );
    assert.deepEqual(Object.values(decoded(polynomials, [3, 4, 5])), [7, 8, 7]);
  });

  it("reads bits with a sign, and whole octets of any number with the least significant first", () => {
    const fields = [
      of("a", "bits", { bits: 3, signed: true }),
      of("b", "bits", { bits: 12, signed: true }),
      of("c", "bits", { bits: 24, bit_offset: 16, byte_order: "little" }),
      of("d", "bits", { bits: 24, bit_offset: 16, byte_order: "little", signed: true }),
      of("e", "bits", { bits: 48, bit_offset: 40, signed: true }),
    ];
    const data = [0b101_00000, 0b0000001_0, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
    assert.deepEqual(decoded(fields, data), { a: -3, b: 1, c: 0xff0201, d: 0xff0201 - 2 ** 24, e: -2 });
  });

  it("chooses among the packets of one APID by their bits, the primary header's included", () => {
    const one = (name: string, when: object[] | undefined, field: string) => ({
      ...{ apid: 1, name, fields: [of("kind", "u8"), of(field, "u16", { bit_offset: 8 })] },
      ...(when && { when }),
    });
    const kind = { bit_offset: 0, bits: 8 };
    const decode = createPacketDecoder(
      parsePacketDefinition([
        one("three", [{ ...kind, equals: 3 }], "a"),
        one(
          "even",
          [
            { bit_offset: 7, bits: 1, not: 1 },
            { ...kind, min: 10, max: 20 },
          ],
          "b",
        ),
        one("second", [{ bit_offset: -32 + 2, bits: 14, equals: 5 }], "c"),
        one("rest", undefined, "d"),
      ]),
    );
    const chosen = (sequenceCount: number, ...data: number[]) => {
      const packet = decode(buildPacket({ apid: 1, sequenceCount, data: Uint8Array.from(data) }));
      return [packet?.packet, ...(packet?.values.keys() ?? [])];
    };
    assert.deepEqual(chosen(0, 3, 0, 1), ["three", "kind", "a"]);
    assert.deepEqual(chosen(0, 12, 0, 1), ["even", "kind", "b"]);
    assert.deepEqual(chosen(5, 13, 0, 1), ["second", "kind", "c"]);
    assert.deepEqual(chosen(0, 13, 0, 1), ["rest", "kind", "d"]);
    const strict = createPacketDecoder(
      parsePacketDefinition([one("late", [{ bit_offset: 24, bits: 8, not: 0 }], "a")]),
    );
    assert.equal(strict(buildPacket({ apid: 1, sequenceCount: 0, data: Uint8Array.of(1, 2, 3) })), null);
  });

  it("leaves out what a short packet does not have", () => {
    assert.deepEqual(decoded([of("a", "u8"), of("b", "u32")], [1, 2]), { a: 1 });
  });

  it("takes any octets without an exception", () => {
    const fields = [
      of("t", "cds", { day_bytes: 3, sub_bytes: 4 }),
      of("s", "string", { bytes: 5 }),
      of("b", "bits", { bits: 50 }),
      of("f", "f64"),
      of("u", "u64"),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 50 }), (data) => void decoded(fields, data, { time: "t" })),
    );
  });
});

describe("the latest values", () => {
  const definition = parsePacketDefinition([
    {
      apid: 1,
      name: "power",
      fields: [
        of("volts", "u8", {
          unit: "V",
          limits: { watch: { low: 20, high: 30 }, warning: { low: 10 }, critical: { low: 5, high: 40 } },
        }),
        of("mode", "u8"),
      ],
    },
  ]);

  function batch(...values: [volts: number, mode: number][]): PacketBatch {
    const packets = values.map((data, i) => buildPacket({ apid: 1, sequenceCount: i, data: Uint8Array.from(data) }));
    return {
      format: "ccsds",
      bytes: Uint8Array.from(packets.flatMap((packet) => [...packet])),
      count: packets.length,
      starts: Uint32Array.from(packets, (_, i) => i * 8),
      sizes: Uint32Array.from(packets, () => 8),
      apids: Uint16Array.from(packets, () => 1),
      sequenceCounts: Uint16Array.from(packets, (_, i) => i),
      arrivedMs: Float64Array.from(packets, (_, i) => 1000 + i),
    };
  }

  it("are those of the newest fresh packet, with unit and limit state", () => {
    const latest = new LatestValues(definition);
    assert.deepEqual(latest.json(), {});
    latest.take(batch([25, 1], [8, 2], [99, 3]), Uint8Array.of(0, 0, 2));
    const at = "1970-01-01T00:00:01.001000+00:00";
    assert.deepEqual(latest.json(), {
      volts: { value: 8, raw: 8, unit: "V", limit: "warning_low", packet: "power", at, taken: at },
      mode: { value: 2, raw: 2, unit: null, limit: null, packet: "power", at, taken: at },
    });
  });

  it("share a parameter between packets: one value, of the packet that came last", () => {
    const shared = of("mode", "u8");
    const latest = new LatestValues(
      parsePacketDefinition([
        { apid: 2, name: "other", fields: [shared, of("x", "u8")] },
        { apid: 1, name: "power", fields: [of("volts", "u8"), shared] },
      ]),
    );
    const packets = batch([1, 2], [3, 4]);
    packets.apids[0] = 2;
    latest.take(packets, new Uint8Array(2));
    const values = latest.json();
    assert.deepEqual([values.mode?.value, values.mode?.packet, values.x?.value], [4, "power", 2]);
    assert.equal(Object.keys(values).length, 3);
  });

  it("tell each limit state that is graver, and that it is over, by the value that did it", () => {
    const latest = new LatestValues(definition);
    const told = [25, 19, 15, 31, 41, 4, 30, 25].map((volts, i) => {
      const packets = batch([volts, i]);
      packets.arrivedMs[0] = 1000 + i;
      latest.take(packets, new Uint8Array(1));
      return latest.limitAlarms.drain().map(({ level, limit, value, atMs }) => [level, limit, value, atMs]);
    });
    assert.deepEqual(told, [
      [],
      [[1, "watch_low", 19, 1001]],
      [],
      [],
      [[3, "critical_high", 41, 1004]],
      [],
      [[0, "ok", 30, 1006]],
      [],
    ]);
  });
});
