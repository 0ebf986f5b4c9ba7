/** A calendar's days are those of the schedule's zone, whole weeks that end today, each as grave as its gravest run. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { calendarDays, calendarMarkup, calendarWeeks } from "./run-calendar.ts";

const ms = (text: string) => Date.parse(text);

describe("the calendar of runs", () => {
  it("counts a run on the day that its zone shows", () => {
    const quarter = { atMs: ms("2026-03-10T18:30:00Z"), state: "success", count: 2 } as const;
    const at = ms("2026-03-12T12:00:00Z");
    const of = (zone: string) => calendarDays([quarter], [], zone, at).filter(({ counts }) => counts.success === 2);
    assert.deepEqual(
      of("UTC").map(({ date }) => date),
      ["2026-03-10"],
    );
    assert.deepEqual(
      of("Asia/Kolkata").map(({ date }) => date),
      ["2026-03-11"],
    );
  });

  it("begins on a Monday, ends today, and leaves out no day when clocks are moved", () => {
    const days = calendarDays([], [], "Europe/Stockholm", ms("2026-04-01T22:30:00Z"));
    assert.equal(days.at(-1)?.date, "2026-04-02"); // a Thursday
    assert.equal(days.length, 7 * (calendarWeeks - 1) + 4);
    assert.equal(new Date(`${days[0]?.date}T00:00:00Z`).getUTCDay(), 1);
    assert.equal(new Set(days.map(({ date }) => date)).size, days.length);
  });

  it("shows the gravest of a day, and all of it in words", () => {
    const at = ms("2026-03-10T06:00:00Z");
    const quarters = [
      { atMs: at, state: "success", count: 3 },
      { atMs: at, state: "failed", count: 1 },
    ] as const;
    const ticks = [{ at: "2026-03-10T07:00:00.000000+00:00", state: "skipped", runId: null }] as const;
    const markup = calendarMarkup(calendarDays(quarters, ticks, "UTC", at));
    assert.ok(markup.includes('<span class="day failed" title="2026-03-10: 1 failed, 3 success, 1 skipped">'));
  });
});
