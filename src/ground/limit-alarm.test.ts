import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { PacketBatch } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { LatestValues } from "./latest.ts";
import type { LimitTurn } from "./limit-alarm.ts";
import { parsePacketDefinition } from "./packet-definition.ts";

interface Rule {
  readonly violations: number;
  readonly of?: number;
}

/** Values of one octet: beyond 100 watch, beyond 150 warning, beyond 200 critical. */
const definitionOf = (alarm?: Rule) =>
  parsePacketDefinition([
    {
      apid: 1,
      name: "one",
      fields: [
        {
          name: "volts",
          type: "u8",
          limits: { watch: { high: 100 }, warning: { high: 150 }, critical: { high: 200 }, ...(alarm && { alarm }) },
        },
        { name: "amps", type: "u8", limits: { warning: { high: 100 } } },
      ],
    },
  ]);

/** Packets of the given octets, one batch. */
function batchOf(packets: readonly (readonly number[])[]): PacketBatch {
  const built = packets.map((data, i) => buildPacket({ apid: 1, sequenceCount: i, data: Uint8Array.from(data) }));
  let next = 0;
  const starts = built.map(({ length }) => {
    const start = next;
    next += length;
    return start;
  });
  return {
    format: "ccsds",
    bytes: new Uint8Array(Buffer.concat(built)),
    count: built.length,
    starts: Uint32Array.from(starts),
    sizes: Uint32Array.from(built, (one) => one.length),
    apids: new Uint16Array(built.length).fill(1),
    sequenceCounts: Uint16Array.from(built, (_, i) => i),
    arrivedMs: Float64Array.from(built, (_, i) => i),
  };
}

function given(alarm?: Rule) {
  const latest = new LatestValues(definitionOf(alarm));
  const take = (...packets: readonly (readonly number[])[]): LimitTurn[] => {
    latest.take(batchOf(packets), new Uint8Array(packets.length));
    return latest.limitAlarms.drain();
  };
  return { latest, take, volts: (...values: number[]) => take(...values.map((value) => [value, 0])) };
}

/** Level and peak of each turn. */
const told = (turns: readonly LimitTurn[]) => turns.map(({ parameter, level, peak }) => [parameter, level, peak]);

describe("a limit", () => {
  it("is alarming with the first value beyond it, and over with the first within, unless it says otherwise", () => {
    const { volts } = given();
    assert.deepEqual(told(volts(50, 100)), []);
    assert.deepEqual(told(volts(101)), [["volts", 1, 1]]);
    assert.deepEqual(told(volts(110, 120)), []);
    assert.deepEqual(told(volts(100)), [["volts", 0, 0]]);
  });

  it("of 3 of 5 needs three of the last five values beyond a level, and as many within it to be over", () => {
    const { volts } = given({ violations: 3, of: 5 });
    assert.deepEqual(told(volts(101, 0, 101, 0)), []);
    assert.deepEqual(told(volts(101)), [["volts", 1, 1]]);
    assert.deepEqual(told(volts(101, 0, 101, 0)), [], "three of five are beyond as before");
    assert.deepEqual(told(volts(0)), [["volts", 0, 0]]);
  });

  it("of 3 in a row is over after 3 in a row", () => {
    const { volts } = given({ violations: 3 });
    assert.deepEqual(told(volts(101, 101, 0, 101, 101)), []);
    assert.deepEqual(told(volts(101)), [["volts", 1, 1]]);
    assert.deepEqual(told(volts(0, 0, 101, 0, 0)), []);
    assert.deepEqual(told(volts(0)), [["volts", 0, 0]]);
  });

  it("counts each level by itself: values beyond critical are beyond watch, too", () => {
    const { volts } = given({ violations: 2, of: 3 });
    assert.deepEqual(told(volts(201, 101)), [["volts", 1, 1]]);
    assert.deepEqual(told(volts(201)), [["volts", 3, 3]]);
    assert.deepEqual(told(volts(101, 101)), [], "it is less grave, which nobody needs to be told of");
    assert.deepEqual(told(volts(0, 0)), [["volts", 0, 0]]);
  });

  it("that rises and falls between two looks is told once, by its gravest moment", () => {
    const { take } = given();
    const [turn, ...others] = take([0, 0], [120, 0], [250, 0], [160, 0], [0, 0]);
    assert.deepEqual(others, []);
    assert.deepEqual(turn, { parameter: "volts", level: 0, peak: 3, limit: "critical_high", value: 250, atMs: 2 });
    assert.deepEqual(take([0, 0]), []);
  });

  it("of a storm of values is told once a look", () => {
    const { take } = given();
    const flapping = Array.from({ length: 50_000 }, (_, i) => [i % 2 === 0 ? 120 : 0, i % 3 === 0 ? 101 : 0]);
    assert.deepEqual(told(take(...flapping)), [
      ["volts", 0, 1],
      ["amps", 0, 2],
    ]);
  });

  it("whose field a short packet does not have has no value there", () => {
    const { take } = given();
    assert.deepEqual(told(take([0, 101])), [["amps", 2, 2]]);
    assert.deepEqual(told(take([0], [0], [0])), []);
    assert.deepEqual(told(take([0, 0])), [["amps", 0, 0]]);
  });

  it("that was open before is over by its rule, and not told again while it stays", () => {
    const { latest, volts } = given({ violations: 2, of: 3 });
    latest.limitAlarms.resume("volts", 2);
    latest.limitAlarms.resume("unknown", 2);
    assert.deepEqual(
      ["volts", "unknown"].map((name) => latest.limitAlarms.has(name)),
      [true, false],
    );
    assert.deepEqual(told(volts(160, 160)), []);
    assert.deepEqual(told(volts(0)), []);
    assert.deepEqual(told(volts(0)), [["volts", 0, 0]]);
  });

  it("is told as it stands after a replay, whatever it was in between", () => {
    const { latest, volts } = given();
    latest.take(
      batchOf([
        [250, 0],
        [0, 101],
      ]),
      new Uint8Array(2),
    );
    latest.limitAlarms.settle();
    assert.deepEqual(told(latest.limitAlarms.drain()), [
      ["volts", 0, 0],
      ["amps", 2, 2],
    ]);
    assert.deepEqual(told(volts(0)), [["amps", 0, 0]]);
  });

  it("does what counting the last values does, for any values and any rule", () => {
    const rules = fc
      .tuple(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 32 }))
      .map(([a, b]) => ({ violations: Math.min(a, b), of: Math.max(a, b) }));
    const values = fc.array(fc.constantFrom(0, 101, 151, 201), { maxLength: 150 });
    fc.assert(
      fc.property(rules, values, (rule, all) => {
        const { volts } = given(rule);
        let standing = [false, false, false];
        let level = 0;
        const last: number[] = [];
        for (const value of all) {
          last.unshift(value);
          const recent = last.slice(0, rule.of);
          standing = [100, 150, 200].map((limit, l) => {
            const beyond = recent.filter((one) => one > limit).length;
            if (beyond >= rule.violations) return true;
            return standing[l] === true && rule.of - beyond < rule.violations;
          });
          const now = standing.lastIndexOf(true) + 1;
          const turn = volts(value)[0];
          if (now > level || (now === 0 && level > 0)) assert.deepEqual([turn?.level, turn?.peak], [now, now]);
          else assert.equal(turn, undefined);
          level = now;
        }
      }),
    );
  });
});

describe("a rule of limits", () => {
  const fault = (limits: object) => () =>
    parsePacketDefinition([{ apid: 1, name: "one", fields: [{ name: "volts", type: "u8", limits }] }]);

  it("is refused by its place where it cannot be", () => {
    const watch = { high: 1 };
    assert.throws(
      fault({ watch, alarm: { violations: 4, of: 3 } }),
      /fields\.0\.limits\.alarm\.violations: must be at most `of`/,
    );
    assert.throws(fault({ alarm: { violations: 1 } }), /limits\.alarm: needs a level/);
    for (const alarm of [
      { violations: 0 },
      { violations: 33 },
      { violations: 1.5 },
      { violations: 1, of: 33 },
      {},
      { of: 3 },
    ])
      assert.throws(fault({ watch, alarm }), /limits\.alarm\.(violations|of)/);
    assert.throws(fault({ watch, alarm: { violations: 1, after: 2 } }), /limits\.alarm\.after/);
  });
});
