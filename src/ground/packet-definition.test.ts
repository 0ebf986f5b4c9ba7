import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { InvalidRequestError } from "../model/errors.ts";
import { crcRule, parsePacketDefinition, parsePacketYaml } from "./packet-definition.ts";

function faultOf(value: unknown): string {
  try {
    parsePacketDefinition(value);
  } catch (error) {
    assert.ok(error instanceof InvalidRequestError);
    assert.ok(error.message.includes(String(error.members.field)), error.message);
    return error.message.replace("Cannot use the packet definition: ", "");
  }
  return "accepted";
}

const withField = (...fields: object[]) => [{ apid: 1, name: "one", fields }];

describe("a packet definition", () => {
  it("is taken from the example mission's file, with its defaults", () => {
    const definition = parsePacketYaml(
      readFileSync(new URL("../../examples/mission/packets.yaml", import.meta.url), "utf8"),
    );
    assert.deepEqual(
      definition.packets.map((packet) => packet.apid),
      [100, 101, 102, 103],
    );
    assert.equal(definition.byte_order, "big");
    assert.equal(crcRule(definition)(100), true);
  });

  it("may be the array of its packets alone, one of them with a CRC", () => {
    const fields = [{ name: "a", type: "u8" }];
    const definition = parsePacketDefinition([
      { apid: 1, name: "one", fields, crc: true },
      { apid: 2, name: "two", fields: [{ name: "b", type: "u8" }] },
    ]);
    assert.deepEqual([1, 2, 3].map(crcRule(definition)), [true, false, false]);
    assert.equal(crcRule(null)(1), false);
  });

  it("is refused with the path and the reason", () => {
    const expected: [unknown, RegExp][] = [
      [null, /^packets: /],
      [[], /^packets\.packets: /],
      [withField(), /^packets\.packets\.0\.fields: /],
      [withField({ name: "a", type: "u12" }), /^packets\.packets\.0\.fields\.0\.type: /],
      [withField({ name: "a", type: "u8", colour: 1 }), /^packets\.packets\.0\.fields\.0\.colour: /],
      [withField({ name: "a/b", type: "u8" }), /fields\.0\.name: must be a letter, a digit or _/],
      [withField({ name: "a", type: "u8" }, { name: "a", type: "u8" }), /fields\.1\.name: "a" is there twice/],
      [withField({ name: "a", type: "bits" }), /fields\.0\.bits: is missing/],
      [withField({ name: "a", type: "string" }), /fields\.0\.bytes: is missing/],
      [withField({ name: "a", type: "u16", bit_offset: 3 }), /bit_offset: must be a multiple of 8/],
      [withField({ name: "a", type: "u8", calibration: {} }), /fields\.0\.calibration: must be one of/],
      [
        withField({ name: "a", type: "string", bytes: 1, calibration: { polynomial: [1] } }),
        /calibration: cannot apply/,
      ],
      [
        withField({
          name: "a",
          type: "u8",
          calibration: {
            table: [
              [1, 0],
              [1, 2],
            ],
          },
        }),
        /calibration\.table: must have/,
      ],
      [withField({ name: "a", type: "u8", calibration: { enum: { x: "y" } } }), /fields\.0\.calibration/],
      [
        withField({ name: "a", type: "u8", limits: { watch: { low: 3, high: 2 } } }),
        /limits\.watch: must have its low/,
      ],
      [
        withField({ name: "a", type: "u8", limits: { warning: { low: 1 }, critical: { low: 2 } } }),
        /limits\.warning: must lie within/,
      ],
      [withField({ name: "a", type: "u8", calibration: { enum: { 1: "on" } }, limits: {} }), /limits: need a number/],
      [
        [...withField({ name: "a", type: "u8" }), ...withField({ name: "b", type: "u8" })],
        /packets\.1\.apid: APID 1 is defined twice/,
      ],
      [[{ apid: 2047, name: "idle", fields: [{ name: "a", type: "u8" }] }], /packets\.0\.apid: /],
      [
        [{ apid: 1, name: "one", time: "a", fields: [{ name: "a", type: "u8" }] }],
        /packets\.0\.time: must name a field/,
      ],
      [withField({ name: "__proto__", type: "u8" }), /fields\.0\.name: must be a letter/],
      [withField({ name: "a", type: "u8", signed: true }), /fields\.0\.signed: is a matter of type bits/],
      [
        withField({ name: "a", type: "bits", bits: 12, byte_order: "little" }),
        /byte_order: little needs bits of whole/,
      ],
      [
        withField({ name: "a", type: "cuc", epoch: "2000-13-01T00:00:00Z" }),
        /fields\.0\.epoch: must be tai, gps, unix/,
      ],
      [[{ ...withField({ name: "a", type: "u8" })[0], when: [] }], /packets\.0\.when: /],
      ...[
        [{ bit_offset: 0, bits: 8 }, /when\.0: needs one of equals, not, or min and max/],
        [{ bit_offset: 0, bits: 8, equals: 1, not: 2 }, /when\.0: needs one of/],
        [{ bit_offset: 0, bits: 2, equals: 4 }, /when\.0: compares with more than 2 bits/],
        [{ bit_offset: 0, bits: 8, min: 9, max: 3 }, /when\.0: must have its min/],
        [{ bit_offset: -49, bits: 8, equals: 1 }, /when\.0\.bit_offset: /],
      ].map(([when, fault]): [unknown, RegExp] => [
        [{ ...withField({ name: "a", type: "u8" })[0], when: [when] }],
        fault as RegExp, // the pair's second
      ]),
      [
        [
          { apid: 3, name: "x", fields: [{ name: "a", type: "u8" }] },
          { apid: 4, name: "y", fields: [{ name: "a", type: "i8" }] },
        ],
        /packets\.1\.fields\.0\.name: "a" is defined otherwise at packets\.0\.fields\.0/,
      ],
    ];
    for (const [value, fault] of expected) assert.match(faultOf(value), fault);
  });

  it("names the line of a fault in YAML, of a value or of what lacks one", () => {
    const yaml = (field: string): string =>
      `packets:\n  - apid: 1\n    name: one\n    fields:\n      - { name: a, type: u8 }\n      - ${field}\n`;
    const where = (text: string): string => {
      try {
        parsePacketYaml(text, "hk.yaml");
        return "accepted";
      } catch (error) {
        return error instanceof InvalidRequestError ? error.message : String(error);
      }
    };
    assert.match(
      where(yaml("{ name: b, type: u12 }")),
      /^Cannot use the packet definition: line 6: hk\.yaml\.packets\.0\.fields\.1\.type: /,
    );
    assert.match(where(yaml("{ name: b, type: bits }")), /line 6: hk\.yaml\.packets\.0\.fields\.1\.bits: is missing/);
    assert.match(where("- { apid: 1, name: one,\n  fields: [{ name: a, type: u8, bits: x }] }"), /line 2: /);
    assert.match(where("1"), /line 1: hk\.yaml: /);
  });

  it("names the line of a YAML error, and refuses an alias bomb", () => {
    assert.throws(() => parsePacketYaml("packets:\n  - apid: [1\n"), /line \d/);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghi"].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(",")}]`).join("\n")}\n`;
    assert.throws(() => parsePacketYaml(bomb));
  });
});
