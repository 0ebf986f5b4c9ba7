import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cronTicks, everyTicks } from "./cron.ts";
import { dueTicks, lastTick } from "./cron-policy.ts";

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
    const ticks = cronTicks("* * * * * *", "Europe/Berlin");
    let asked = 0;
    const second = {
      next(afterMs: number) {
        asked += 1;
        return ticks.next(afterMs);
      },
    };
    const long = { ...policy, cursorMs: Date.parse("2016-01-01T00:00:00Z"), nowMs: at("10:00:00.500"), graceMs: 0 };
    assert.deepEqual(dueTicks(second, { ...long, missed: "none" }).fire, []);
    assert.deepEqual(dueTicks(second, { ...long, missed: "latest" }).fire, [at("10:00:00")]);
    assert.ok(asked < 500, `${asked}`);
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
