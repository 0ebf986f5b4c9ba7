import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeInto, emptyValues } from "./decode.ts";
import { compilePlan } from "./field-plan.ts";
import { parsePacketDefinition } from "./packet-definition.ts";
import { takenMsOf } from "./packet-time.ts";

const plan = compilePlan(
  parsePacketDefinition([
    {
      apid: 1,
      name: "clocked",
      time: "clock",
      fields: [
        { name: "mode", type: "u8" },
        { name: "clock", type: "cuc", epoch: "unix" },
      ],
    },
  ]),
);
const arrivedMs = 1_700_000_000_000;
const dayS = 86_400;

/** What is said of a packet of `sizeBytes` whose clock differs from its arrival by that. */
function taken(differenceS: number, sizeBytes = 11): number {
  const packet = plan.packets[0];
  assert.ok(packet !== undefined);
  const view = new DataView(new ArrayBuffer(11));
  view.setUint32(7, arrivedMs / 1000 + differenceS);
  const values = emptyValues(plan);
  decodeInto(values, packet, view, 0, sizeBytes);
  return takenMsOf(packet, values, sizeBytes, arrivedMs) - arrivedMs;
}

describe("when a packet's values were taken", () => {
  it("is what its time field says, for what was recorded before and for clocks that differ a little", () => {
    assert.deepEqual(
      [0, -7200, -365 * dayS, 3599].map((s) => taken(s)),
      [0, -7_200_000, -365 * dayS * 1000, 3_599_000],
    );
  });

  it("is its arrival where the field is missing or cannot be believed", () => {
    assert.deepEqual([taken(-7200, 10), taken(-367 * dayS), taken(3601), taken(-arrivedMs / 1000)], [0, 0, 0, 0]);
  });
});
