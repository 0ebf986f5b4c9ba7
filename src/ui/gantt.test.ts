/** The axis of a Gantt chart, and its bars from turns. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProductState } from "../model/plan.ts";
import type { PastTurn } from "../store/history.ts";
import { axisOf, type Bar } from "./gantt.ts";
import { barsOfTurns } from "./plan-gantt.ts";

const bar = (fromMs: number, toMs: number | null): Bar => ({ productId: "p", fromMs, toMs, tone: "success", what: "" });
const hour = 3_600_000;

describe("the axis", () => {
  it("spans what ran, to now when something runs", () => {
    assert.deepEqual(axisOf([bar(1000, 5000), bar(4000, 9000)], 20_000), { fromMs: 1000, toMs: 9000 });
    assert.deepEqual(axisOf([bar(1000, 5000), bar(4000, null)], 20_000), { fromMs: 1000, toMs: 20_000 });
    assert.equal(axisOf([], 0), null);
  });

  it("leaves out an earlier run, after a silence longer than all that came since", () => {
    const now = 100 * hour;
    const last = [bar(now - 300_000, now - 200_000), bar(now - 250_000, null)];
    assert.equal(axisOf([bar(0, hour), ...last], now)?.fromMs, now - 300_000);
    assert.equal(axisOf([bar(now - 800_000, now - 790_000), ...last], now)?.fromMs, now - 800_000);
  });

  it("is never without length", () => {
    const axis = axisOf([bar(5, 5)], 5);
    assert.ok(axis !== null && axis.toMs > axis.fromMs);
  });
});

describe("bars of what others compute", () => {
  const turn = (second: number, to: ProductState, productId = "p"): PastTurn => ({
    revision: second,
    at: `2026-10-01T00:00:${String(second).padStart(2, "0")}.000000+00:00`,
    service: "any",
    cause: "products.update",
    changes: [{ productId, from: null, to }],
    isCut: false,
  });
  const zero = Date.UTC(2026, 9, 1);

  it("go from running to the end, newest turn first as the store gives them", () => {
    const turns = [turn(9, "failed"), turn(7, "running"), turn(5, "waiting"), turn(3, "running"), turn(1, "queued")];
    assert.deepEqual(
      barsOfTurns(turns, new Set(["p"])).map(({ fromMs, toMs, tone }) => [fromMs - zero, (toMs ?? 0) - zero, tone]),
      [
        [3000, 5000, "cancelled"],
        [7000, 9000, "failed"],
      ],
    );
  });

  it("are a moment without a beginning, open without an end, and only of those wanted", () => {
    const turns = [turn(6, "running"), turn(4, "success"), turn(2, "success", "other")];
    const bars = barsOfTurns(turns, new Set(["p"]));
    assert.deepEqual(
      bars.map(({ fromMs, toMs, tone }) => [fromMs - zero, toMs === null ? null : toMs - zero, tone]),
      [
        [4000, 4000, "success"],
        [6000, null, "running"],
      ],
    );
  });
});
