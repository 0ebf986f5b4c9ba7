/** A calendar's days are those of the schedule's zone, whole weeks that end today, each as grave as its gravest run. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { calendarDays, calendarMarkup, calendarSpan } from "./run-calendar.ts";

const ms = (text: string) => Date.parse(text);

describe("the calendar of runs", () => {
  it("begins each day when its zone does, on a Monday first, and ends with today", () => {
    const { dates, beginsMs } = calendarSpan("Asia/Kolkata", ms("2026-04-01T18:31:00Z"));
    assert.equal(dates.at(-1), "2026-04-02"); // a Thursday
    assert.equal(dates.length % 7, 4);
    assert.equal(new Date(`${dates[0]}T00:00:00Z`).getUTCDay(), 1);
    assert.equal(new Set(dates).size, dates.length);
    assert.deepEqual(beginsMs.slice(-2), [ms("2026-04-01T18:30:00Z"), ms("2026-04-02T18:30:00Z")]);
  });

  it("leaves out no day when clocks are moved: one is an hour shorter", () => {
    const { dates, beginsMs } = calendarSpan("Europe/Stockholm", ms("2026-04-01T12:00:00Z"));
    const moved = dates.indexOf("2026-03-29");
    const lengths = beginsMs.slice(1).map((end, i) => (end - (beginsMs[i] ?? 0)) / 3_600_000);
    assert.equal(lengths[moved], 23);
    assert.ok(lengths.every((hours, day) => day === moved || hours === 24 || hours === 25));
  });

  it("shows the gravest of a day, and all of it in words", () => {
    const span = calendarSpan("UTC", ms("2026-03-10T06:00:00Z"));
    const today = span.dates.length - 1;
    const runs = [
      { day: today, state: "success", count: 3 },
      { day: today, state: "failed", count: 1 },
    ] as const;
    const ticks = [
      { at: "2026-03-10T05:00:00.000000+00:00", state: "skipped", runId: null },
      { at: "2020-03-10T05:00:00.000000+00:00", state: "missed", runId: null },
    ] as const;
    const markup = calendarMarkup(calendarDays(span, runs, ticks));
    assert.ok(markup.includes('<span class="day failed" title="2026-03-10: 1 failed, 3 success, 1 skipped">'));
    assert.ok(!markup.includes("1 missed"));
  });
});
