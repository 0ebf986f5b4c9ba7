import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cronTicks } from "./cron.ts";
import { dateIn, offsetMsAt } from "./zone.ts";

/** The first ticks after a time, as the zone's clocks show them beside UTC. */
function shown(pattern: string, zone: string, after: string, count: number): string[] {
  const ticks = cronTicks(pattern, zone);
  const list: string[] = [];
  for (let at = ticks.next(Date.parse(after)); at !== null && list.length < count; at = ticks.next(at))
    list.push(new Date(at).toISOString().slice(0, 16).replace("T", " "));
  return list;
}

describe("a cron pattern", () => {
  it("has 5 or 6 fields", () => {
    assert.deepEqual(shown("30 4 1,15 * 5", "UTC", "2026-01-01T00:00:00Z", 3), [
      "2026-01-01 04:30",
      "2026-01-02 04:30",
      "2026-01-09 04:30",
    ]);
    assert.equal(
      cronTicks("*/10 * * * * *", "UTC").next(Date.parse("2026-01-01T00:00:01Z")),
      Date.parse("2026-01-01T00:00:10Z"),
    );
    for (const wrong of [
      "* * * *",
      "* * * * * * *",
      "2026-01-01T00:00:00",
      "99 * * * *",
      "",
      "a b c d e",
      "0 0 30 2 *",
    ])
      assert.throws(() => cronTicks(wrong, "UTC"), Error, wrong);
  });

  it("of a fixed hour comes once on days on which clocks are moved", () => {
    // Forward at 02:00: 02:30 is not there, and comes an hour later.
    assert.deepEqual(shown("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), [
      "2026-03-28 01:30",
      "2026-03-29 01:30",
      "2026-03-30 00:30",
    ]);
    // Back at 03:00: 02:30 is there twice, and comes the first time.
    assert.deepEqual(shown("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3), [
      "2026-10-24 00:30",
      "2026-10-25 00:30",
      "2026-10-26 01:30",
    ]);
    assert.deepEqual(shown("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2), [
      "2026-03-08 07:30",
      "2026-03-09 06:30",
    ]);
    assert.deepEqual(shown("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2), [
      "2026-11-01 05:30",
      "2026-11-02 06:30",
    ]);
    // The south: forward in October, back in April.
    assert.deepEqual(shown("30 2 * * *", "Australia/Sydney", "2026-10-02T20:00:00Z", 2), [
      "2026-10-03 16:30",
      "2026-10-04 15:30",
    ]);
    assert.deepEqual(shown("30 2 * * *", "Australia/Sydney", "2026-04-04T00:00:00Z", 2), [
      "2026-04-04 15:30",
      "2026-04-05 16:30",
    ]);
    // At midnight, so that 00:00 is not there.
    assert.deepEqual(shown("0 0 * * *", "America/Sao_Paulo", "2018-11-03T00:00:00Z", 3), [
      "2018-11-03 03:00",
      "2018-11-04 03:00",
      "2018-11-05 02:00",
    ]);
  });

  it("knows clocks that are moved by half an hour", () => {
    assert.deepEqual(shown("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00:00Z", 3), [
      "2026-10-02 15:45",
      "2026-10-03 15:45",
      "2026-10-04 15:15",
    ]);
    assert.deepEqual(shown("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T00:00:00Z", 3), [
      "2026-04-03 14:45",
      "2026-04-04 14:45",
      "2026-04-05 15:15",
    ]);
    assert.deepEqual(shown("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:20:00Z", 5), [
      "2026-04-04 14:30",
      "2026-04-04 14:45",
      "2026-04-04 15:00",
      "2026-04-04 15:15",
      "2026-04-04 15:30",
    ]);
  });

  it("of any hour goes by what clocks show, both times", () => {
    assert.deepEqual(shown("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 6), [
      "2026-10-25 00:00",
      "2026-10-25 00:30",
      "2026-10-25 01:00",
      "2026-10-25 01:30",
      "2026-10-25 02:00",
      "2026-10-25 02:30",
    ]);
    assert.deepEqual(shown("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 4), [
      "2026-03-29 00:00",
      "2026-03-29 01:00",
      "2026-03-29 02:00",
      "2026-03-29 03:00",
    ]);
    assert.equal(shown("0 * 25 10 *", "Europe/Berlin", "2026-01-24T20:00:00Z", 25).at(-1), "2026-10-25 22:00");
  });

  it("keeps order over shifted times, and crosses a day that was left out", () => {
    assert.deepEqual(shown("0,30 2,3 * * *", "Europe/Berlin", "2026-03-28T20:00:00Z", 3), [
      "2026-03-29 01:00",
      "2026-03-29 01:30",
      "2026-03-30 00:00",
    ]);
    assert.deepEqual(shown("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3), [
      "2011-12-29 19:00",
      "2011-12-30 19:00",
      "2011-12-31 19:00",
    ]);
  });

  const zones = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Asia/Kolkata",
    "Africa/Casablanca",
  ];
  const patterns = [
    "30 2 * * *",
    "*/17 * * * *",
    "0 0 * * 1",
    "15,45 1-3 * * *",
    "0 */5 * * *",
    "5 4 1 * *",
    "10 30 1 * * *",
  ];

  it("gives ticks that grow, and the same ones wherever the walk begins", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...patterns),
        fc.integer({ min: Date.parse("2024-01-01T00:00:00Z"), max: Date.parse("2028-01-01T00:00:00Z") }),
        fc.integer({ min: 0, max: 3 * 86_400_000 }),
        (zone, pattern, from, stepMs) => {
          const ticks = cronTicks(pattern, zone);
          const first = ticks.next(from);
          assert.ok(first !== null && first > from);
          const second = ticks.next(first) ?? assert.fail();
          assert.ok(second > first);
          // From anywhere before the first tick, it is the first tick.
          assert.equal(ticks.next(Math.max(from, Math.min(first - 1, from + stepMs))), first);
          assert.equal(ticks.next(first - 1), first);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("of a fixed hour comes once on every day", () => {
    for (const zone of zones) {
      const ticks = cronTicks("30 2 * * *", zone);
      const days = new Set<string>();
      let at = Date.parse("2025-12-31T12:00:00Z");
      for (let count = 0; count < 365; count++) {
        at = ticks.next(at) ?? assert.fail();
        days.add(dateIn(zone, at));
      }
      assert.equal(days.size, 365, zone);
    }
  });

  it("shows what it says, on days on which clocks are not moved", () => {
    const zone = "Australia/Lord_Howe";
    const at = cronTicks("15 2 * * *", zone).next(Date.parse("2026-07-01T00:00:00Z")) ?? assert.fail();
    assert.match(new Date(at + offsetMsAt(zone, at)).toISOString(), /T02:15:00/);
  });
});
