import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Booking,
  type Claim,
  type ConflictPolicy,
  clashesOf,
  conflictPolicies,
  partMsMin,
  place,
} from "./pass-conflicts.ts";

const claim = (changes: Partial<Claim> & { passId: string }): Claim => ({
  ship: "a",
  station: null,
  host: "127.0.0.1",
  port: null,
  aosMs: 0,
  losMs: 60_000,
  prepassMarginMs: 5_000,
  drainMarginMs: 5_000,
  priority: 0,
  ...changes,
});
const booking = (changes: Partial<Booking> & { passId: string }): Booking => ({
  ...claim(changes),
  port: 1,
  ...changes,
});
const placing = (policy: ConflictPolicy, claims: readonly Claim[], booked: readonly Booking[] = []) =>
  place(claims, booked, { policy, portMin: 100, portMax: 109, random: () => 0 });
const windows = ({ placed }: ReturnType<typeof placing>) =>
  placed.map(({ passId, aosMs, losMs, cancelled }) => [passId, aosMs / 1000, losMs / 1000, cancelled !== null]);

describe("two passes clash", () => {
  const causes = (one: Partial<Claim>, other: Partial<Booking>) =>
    clashesOf(claim({ passId: "new", ship: "b", ...one }), [booking({ passId: "old", ...other })]).flatMap(
      ({ on }) => on,
    );

  it("over a ship and a station between AOS and LOS, over a port while both have it open", () => {
    assert.deepEqual(causes({ ship: "a" }, {}), ["ship"]);
    assert.deepEqual(causes({ station: "kiruna" }, { station: "kiruna" }), ["station"]);
    assert.deepEqual(causes({ station: null }, { station: null }), []);
    assert.deepEqual(causes({ port: 1 }, {}), ["port"]);
    assert.deepEqual(causes({ ship: "a", station: "k", port: 1 }, { station: "k" }), ["ship", "station", "port"]);
    // One begins as the other ends: the ports' margins overlap, the windows do not.
    const next = { aosMs: 60_000, losMs: 120_000, ship: "a", station: "k" };
    assert.deepEqual(causes(next, { station: "k" }), []);
    assert.deepEqual(causes({ ...next, port: 1 }, { station: "k" }), ["port"]);
    assert.deepEqual(causes({ ...next, port: 1, aosMs: 70_000 }, {}), []);
  });

  it("over a port of one host, or of all hosts at once", () => {
    assert.deepEqual(causes({ port: 1, host: "127.0.0.2" }, {}), []);
    assert.deepEqual(causes({ port: 1, host: "0.0.0.0" }, {}), ["port"]);
    assert.deepEqual(causes({ port: 1 }, { host: "::" }), ["port"]);
  });
});

describe("passes that are asked for", () => {
  it("are refused, all of them, where one is in the way, be it of the same list", () => {
    const stored = placing(
      "reject",
      [claim({ passId: "x" }), claim({ passId: "y", ship: "b" })],
      [booking({ passId: "old" })],
    );
    assert.deepEqual(
      stored.clashes.map(({ index, with: other, withIndex }) => [index, other.passId, withIndex]),
      [[0, "old", null]],
    );
    assert.deepEqual(stored.refusals, [{ index: 0, why: "clash" }]);
    const listed = placing("reject", [claim({ passId: "x" }), claim({ passId: "y" })]);
    assert.deepEqual(
      listed.clashes.map(({ index, with: other, withIndex }) => [index, other.passId, withIndex]),
      [[1, "x", 0]],
    );
  });

  it("cancel those of lower priority, and are cancelled by others and by their like", () => {
    const old = booking({ passId: "old", priority: 5 });
    const higher = placing("priority", [claim({ passId: "x", priority: 6 })], [old]);
    assert.deepEqual(windows(higher), [["x", 0, 60, false]]);
    assert.deepEqual(higher.cancels, [{ passId: "old", reason: "cancelled for pass x of priority 6" }]);
    for (const priority of [4, 5]) {
      const lower = placing("priority", [claim({ passId: "x", priority })], [old]);
      assert.deepEqual(windows(lower), [["x", 0, 60, true]]);
      assert.deepEqual([lower.cancels, lower.refusals], [[], []]);
      assert.equal(lower.placed[0]?.cancelled, "cancelled for pass old of priority 5");
    }
  });

  it("cancel nobody where they are cancelled themselves", () => {
    const booked = [
      booking({ passId: "weak", losMs: 30_000, priority: 1 }),
      booking({ passId: "strong", aosMs: 30_000, priority: 9 }),
    ];
    const { cancels, placed } = placing("priority", [claim({ passId: "x", priority: 5 })], booked);
    assert.deepEqual([cancels, placed[0]?.cancelled], [[], "cancelled for pass strong of priority 9"]);
  });

  it("give way to a higher one of the same list", () => {
    const both = [claim({ passId: "x", priority: 1 }), claim({ passId: "y", priority: 2 })];
    const result = placing("priority", both);
    assert.deepEqual(windows(result), [
      ["x", 0, 60, true],
      ["y", 0, 60, false],
    ]);
    assert.deepEqual(result.cancels, []);
  });

  it("are trimmed to their longest free part, or split into all of them", () => {
    const booked = [booking({ passId: "old", aosMs: 10_000, losMs: 20_000 })];
    assert.deepEqual(windows(placing("trim", [claim({ passId: "x" })], booked)), [["x", 20, 60, false]]);
    const [first, second, ...others] = placing("split", [claim({ passId: "x" })], booked).placed;
    assert.deepEqual([first?.passId, first?.aosMs, first?.losMs], ["x", 0, 10_000]);
    assert.deepEqual([second?.aosMs, second?.losMs, others.length], [20_000, 60_000, 0]);
    assert.match(second?.passId ?? "", /^[0-9a-f-]{36}$/);
    const none = placing("trim", [claim({ passId: "x", aosMs: 12_000, losMs: 18_000 })], booked);
    assert.deepEqual(none.refusals, [{ index: 0, why: "clash" }]);
  });

  it("keep their distance to a port that another pass has: its margins and theirs", () => {
    const booked = [booking({ passId: "old", ship: "b", port: 7, aosMs: 30_000, losMs: 40_000 })];
    assert.deepEqual(
      windows(placing("split", [claim({ passId: "x", port: 7 })], booked)).map(([, from, to]) => [from, to]),
      [
        [0, 20],
        [50, 60],
      ],
    );
  });

  it("get ports that no other has at that time, until there is none", () => {
    const ships = Array.from({ length: 11 }, (_, i) => claim({ passId: `p${i}`, ship: `s${i}` }));
    const ten = placing("reject", ships.slice(0, 10));
    assert.deepEqual(ten.placed.map(({ port }) => port).sort(), [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
    assert.deepEqual(placing("reject", ships).refusals, [{ index: 10, why: "no_port" }]);
    const later = placing("reject", [
      ...ships.slice(0, 10),
      claim({ passId: "z", ship: "z", aosMs: 70_000, losMs: 80_000 }),
    ]);
    assert.deepEqual(later.refusals, []);
  });

  it("never clash once they are placed, whatever is asked for in which way", () => {
    const any = fc.record({
      ship: fc.constantFrom("a", "b", "c"),
      station: fc.constantFrom(null, "k", "l"),
      host: fc.constantFrom("127.0.0.1", "127.0.0.2", "0.0.0.0"),
      port: fc.constantFrom(null, 100, 101),
      aosMs: fc.integer({ min: 0, max: 50 }).map((n) => n * 1000),
      priority: fc.integer({ min: 0, max: 3 }),
      seconds: fc.integer({ min: 1, max: 20 }),
    });
    const list = fc.array(any, { maxLength: 12 });
    fc.assert(
      fc.property(list, list, fc.constantFrom(...conflictPolicies), (first, second, policy) => {
        const claims = (asked: typeof first, name: string) =>
          asked.map(({ seconds, ...one }, i) =>
            claim({ ...one, passId: `${name}${i}`, losMs: one.aosMs + seconds * 1000 }),
          );
        const rules = { portMin: 100, portMax: 140, random: () => 0.5 };
        // What is there does not clash either.
        const there = place(claims(first, "old"), [], { ...rules, policy: "priority" });
        const booked = there.placed.filter(({ cancelled }) => cancelled === null);
        const asked = claims(second, "new");
        const { placed, cancels, refusals, clashes } = place(asked, booked, { ...rules, policy });
        if (refusals.length > 0) {
          assert.ok(policy !== "priority" && clashes.length > 0);
          return;
        }
        const gone = new Set(cancels.map(({ passId }) => passId));
        const standing = [
          ...booked.filter(({ passId }) => !gone.has(passId)),
          ...placed.filter((one) => one.cancelled === null),
        ];
        for (const one of standing)
          assert.deepEqual(
            clashesOf(
              one,
              standing.filter((other) => other !== one),
            ),
            [],
          );
        for (const { index, aosMs, losMs, ...part } of placed) {
          const from = asked[index] ?? assert.fail();
          assert.ok(aosMs >= from.aosMs && losMs <= from.losMs && losMs - aosMs >= partMsMin);
          assert.ok(from.port === null || part.port === from.port);
        }
        if (clashes.length === 0) assert.equal(placed.length, asked.length);
      }),
      { numRuns: 500 },
    );
  });
});
