import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PacketRate } from "./packet-rate.ts";

describe("the packet rate of a pass", () => {
  it("counts each second that is over, from when it was noted first", () => {
    const rate = new PacketRate();
    rate.note(10_100, 500); // a new holder goes on from what is stored
    rate.note(10_900, 520);
    assert.deepEqual(rate.perSecond, []);
    rate.note(11_050, 530);
    rate.note(11_500, 560);
    rate.note(12_000, 570);
    assert.deepEqual(rate.perSecond, [30, 40]);
  });

  it("shows seconds without a note as empty ones, and keeps the last minute", () => {
    const rate = new PacketRate();
    rate.note(0, 0);
    rate.note(3_000, 6);
    assert.deepEqual(rate.perSecond, [6, 0, 0]);
    for (let s = 4; s <= 100; s++) rate.note(s * 1000, 6 + s);
    assert.equal(rate.perSecond.length, 60);
    assert.ok(rate.perSecond.every((count) => count === 1));
    rate.note(100_000_000, 200);
    assert.equal(rate.perSecond.length, 60);
  });
});
