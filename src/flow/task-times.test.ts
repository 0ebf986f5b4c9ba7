import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTaskTimes, type TaskTimes } from "./task-times.ts";

type Run = Parameters<TaskTimes["note"]>;
const run = (ranMs: number, end: Run[3] = "succeeded", id = "0"): Run => [
  { key: `f:p:${id}:0`, origins: [{ partition: "p", id }] },
  1,
  ranMs,
  end,
];
function known(count: number, ranMs: number) {
  const times = createTaskTimes(() => 0);
  for (let i = 0; i < count; i++) times.note(...run(ranMs));
  return times;
}

describe("the times of a flow's tasks", () => {
  it("call an attempt far out that took three times what is usual, once 50 are known", () => {
    assert.equal(known(49, 50).note(...run(1_000)), null);
    const times = known(50, 50);
    const usualMs = times.note(...run(1_000)) ?? 0;
    assert.ok(usualMs >= 50 && usualMs <= 55, String(usualMs));
    assert.equal(times.note(...run(149)), null);
    assert.equal(times.state.outliers, 1);
  });

  it("call none far out that is quick, however quick the others are", () => {
    const times = known(1_000, 0.01);
    assert.equal(times.note(...run(100)), null);
    assert.notEqual(times.note(...run(101)), null);
  });

  it("take for usual what more than one in 20 does", () => {
    const times = known(900, 10);
    for (let i = 0; i < 100; i++) times.note(...run(500));
    assert.equal(times.note(...run(500)), null);
    assert.notEqual(times.note(...run(5_000)), null);
  });

  it("count how attempts end, and keep the newest that were far out", () => {
    const times = known(98, 10);
    times.note(...run(10, "failed"));
    times.note(...run(400, "timed out", "late"));
    const { newestOutliers, ...state } = times.state;
    assert.deepEqual([state.attempts, state.failed, state.timedOut, state.outliers], [100, 2, 1, 1]);
    assert.deepEqual([state.recent?.attempts, state.recent?.maxMs], [100, 400]);
    const { usualMs = 0, atMs = 0, ...newest } = newestOutliers[0] ?? {};
    assert.deepEqual(newest, { origin: { partition: "p", id: "late" }, taskKey: "f:p:late:0", attempt: 1, ranMs: 400 });
    assert.ok(usualMs >= 10 && usualMs < 11 && Math.abs(Date.now() - atMs) < 60_000);
    for (let i = 0; i < 20; i++) {
      for (let n = 0; n < 30; n++) times.note(...run(10));
      times.note(...run(1_000, "succeeded", String(i)));
    }
    assert.deepEqual(
      times.state.newestOutliers.map(({ origin }) => origin.id),
      ["19", "18", "17", "16", "15", "14", "13", "12", "11", "10"],
    );
    assert.equal(times.state.outliers, 21);
  });

  it("are none before anything ran", () => {
    assert.deepEqual(createTaskTimes(() => 0).state.recent, null);
  });
});
