import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cronTicks, everyTicks } from "./cron.ts";
import { dueTicks, lastTick } from "./cron-policy.ts";
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

describe("ticks that are due", () => {
  const minute = everyTicks(60);
  const at = (text: string) => Date.parse(`2026-01-31T${text}Z`);
  const policy = { windowMs: 3_600_000, graceMs: 30_000, countMax: 100 };
  const due = (missed: "none" | "latest" | "all", from: string, to: string) => {
    const { fire, passedOver, cursorMs, nextMs } = dueTicks(minute, {
      ...policy,
      missed,
      cursorMs: at(from),
      nowMs: at(to),
    });
    const text = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(11, 16));
    return { fire: fire.map(text), passedOver: text(passedOver), cursor: text(cursorMs), next: text(nextMs) };
  };

  it("fire on time under every policy", () => {
    for (const missed of ["none", "latest", "all"] as const)
      assert.deepEqual(due(missed, "10:00:10", "10:01:05"), {
        fire: ["10:01"],
        passedOver: null,
        cursor: "10:01",
        next: "10:02",
      });
  });

  it("when missed: none, the latest, or all within the window", () => {
    assert.deepEqual(due("none", "10:00:10", "10:10:50"), {
      fire: [],
      passedOver: "10:10",
      cursor: "10:10",
      next: "10:11",
    });
    assert.deepEqual(due("latest", "10:00:10", "10:10:50"), {
      fire: ["10:10"],
      passedOver: "10:09",
      cursor: "10:10",
      next: "10:11",
    });
    assert.deepEqual(due("all", "10:07:10", "10:10:50").fire, ["10:08", "10:09", "10:10"]);
    const all = due("all", "08:00:10", "10:10:50");
    assert.deepEqual([all.fire.length, all.fire[0], all.passedOver], [60, "09:11", "09:10"]);
  });

  it("makes up for the latest one only if none is on time", () => {
    assert.deepEqual(due("latest", "10:00:10", "10:10:20"), {
      fire: ["10:10"],
      passedOver: "10:09",
      cursor: "10:10",
      next: "10:11",
    });
  });

  it("leaves what is too much at once for the next look", () => {
    const ask = { ...policy, missed: "all" as const, countMax: 3, cursorMs: at("10:00:10"), nowMs: at("10:10:50") };
    const first = dueTicks(minute, ask);
    assert.equal(first.fire.length, 3);
    const second = dueTicks(minute, { ...ask, cursorMs: first.cursorMs });
    assert.equal(second.fire[0], (first.fire.at(-1) ?? 0) + 60_000);
  });

  it("are found at once over years of missed seconds", () => {
    const second = cronTicks("* * * * * *", "Europe/Berlin");
    const began = performance.now();
    const long = { ...policy, cursorMs: Date.parse("2016-01-01T00:00:00Z"), nowMs: at("10:00:00.500") };
    assert.deepEqual(dueTicks(second, { ...long, missed: "none", graceMs: 0 }).fire, []);
    assert.deepEqual(dueTicks(second, { ...long, missed: "latest", graceMs: 0 }).fire, [at("10:00:00")]);
    assert.ok(performance.now() - began < 1_000);
  });

  it("are each judged once, however often and whenever one looks", () => {
    const looks = fc.array(fc.integer({ min: 1, max: 900_000 }), { minLength: 1, maxLength: 40 });
    const asked = fc.record({
      missed: fc.constantFrom("none" as const, "latest" as const, "all" as const),
      windowMs: fc.integer({ min: 0, max: 3_600_000 }),
      graceMs: fc.integer({ min: 0, max: 120_000 }),
      countMax: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(60, 7, 300), asked, looks, (everyS, ask, steps) => {
        const ticks = everyTicks(everyS);
        let cursorMs = at("10:00:00");
        let nowMs = cursorMs;
        const fired: number[] = [];
        for (const step of steps) {
          nowMs += step;
          const result = dueTicks(ticks, { ...ask, cursorMs, nowMs });
          for (const tick of result.fire) {
            assert.ok(tick > cursorMs && tick <= nowMs && tick % (everyS * 1000) === 0);
            if (ask.missed === "none") assert.ok(tick > nowMs - ask.graceMs);
            if (ask.missed === "all") assert.ok(tick > nowMs - Math.max(ask.windowMs, ask.graceMs));
          }
          fired.push(...result.fire);
          assert.ok(result.cursorMs >= cursorMs && result.cursorMs <= nowMs);
          assert.ok(result.nextMs !== null && result.nextMs > result.cursorMs);
          cursorMs = result.cursorMs;
        }
        assert.deepEqual(
          fired,
          [...new Set(fired)].sort((a, b) => a - b),
        );
      }),
    );
  });

  it("has a last one, found by halving", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 0, max: 5_000_000 }),
        fc.integer({ min: 0, max: 5_000_000 }),
        (everyS, after, span) => {
          const everyMs = everyS * 1000;
          const until = after + span;
          const expected = Math.floor(until / everyMs) * everyMs;
          assert.equal(lastTick(everyTicks(everyS), after, until), expected > after ? expected : null);
        },
      ),
    );
  });
});
