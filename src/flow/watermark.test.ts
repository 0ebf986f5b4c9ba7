import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createWatermark } from "./watermark.ts";

describe("the watermark of a partition", () => {
  it("stays at the lowest open message, whatever is confirmed above it", () => {
    const watermark = createWatermark(5);
    for (const offset of [5, 6, 7]) watermark.begin(offset);
    watermark.confirm(6);
    watermark.confirm(7);
    assert.deepEqual([watermark.nextOffset, watermark.held], [5, 3]);
    watermark.confirm(5);
    assert.deepEqual([watermark.nextOffset, watermark.held], [8, 0]);
  });

  it("refuses an offset out of order, a second confirmation, and what was never begun", () => {
    const watermark = createWatermark(0);
    watermark.begin(3);
    assert.throws(() => watermark.begin(3), /at least 4/);
    assert.throws(() => watermark.begin(Number.MAX_SAFE_INTEGER), RangeError);
    assert.throws(() => watermark.confirm(2), /not open/);
    watermark.confirm(3);
    assert.throws(() => watermark.confirm(3), /not open/);
  });

  it("never passes an open message, never goes back, and ends behind the last, over any order with gaps", () => {
    const steps = fc.array(
      fc.oneof(fc.record({ begin: fc.integer({ min: 1, max: 3 }) }), fc.record({ confirm: fc.nat() })),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(fc.nat(100), steps, (start, history) => {
        const watermark = createWatermark(start);
        const open: number[] = [];
        const confirmed = new Set<number>();
        let last = start - 1;
        const check = (before: number) => {
          assert.equal(watermark.nextOffset, open.length > 0 ? Math.min(...open) : last + 1);
          assert.ok(watermark.nextOffset >= before, "went back");
          assert.equal(
            watermark.held,
            open.length + [...confirmed].filter((offset) => offset > watermark.nextOffset).length,
          );
        };
        const confirm = (at: number) => {
          const [offset] = open.splice(at % open.length, 1);
          assert.ok(offset !== undefined);
          confirmed.add(offset);
          watermark.confirm(offset);
        };
        for (const step of history) {
          const before = watermark.nextOffset;
          if ("begin" in step) {
            last += step.begin;
            open.push(last);
            watermark.begin(last);
          } else if (open.length > 0) confirm(step.confirm);
          check(before);
        }
        while (open.length > 0) {
          const before = watermark.nextOffset;
          confirm(0);
          check(before);
        }
        assert.equal(watermark.held, 0);
      }),
    );
  });
});
