import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidFieldError } from "../model/errors.ts";
import { backfillRuns } from "./backfill-runs.ts";
import { readTemplate } from "./read.ts";

const template = (lines: string) =>
  readTemplate(
    { text: `id: t\n${lines}\ntasks: [{ id: a, compute: cams }]`, path: "t", fallbackId: null },
    { computes: null },
  );
const day = template("params: { day: { type: date, required: true }, n: integer }");

function refused(ask: Parameters<typeof backfillRuns>[1], of = day): [unknown, string] {
  try {
    backfillRuns(of, ask);
  } catch (error) {
    assert.ok(error instanceof InvalidFieldError, String(error));
    return [error.members.field, error.message];
  }
  return assert.fail("it was taken");
}

describe("a backfill", () => {
  it("over dates gives a run a day to the first parameter that is a date", () => {
    assert.deepEqual(
      backfillRuns(day, { from: "2026-02-27", to: "2026-03-01", params: { n: "2" } }).map(({ at, params }) => [
        at,
        { ...params },
      ]),
      [
        ["2026-02-27T00:00:00.000000+00:00", { day: "2026-02-27", n: 2 }],
        ["2026-02-28T00:00:00.000000+00:00", { day: "2026-02-28", n: 2 }],
        ["2026-03-01T00:00:00.000000+00:00", { day: "2026-03-01", n: 2 }],
      ],
    );
  });

  it("goes by the schedule, its zone and the parameters of its runs", () => {
    const scheduled = template(
      'params: { of: date }\nschedule: { cron: "0 6 * * MON", timezone: Europe/Berlin, params: { of: "{{ tick.date }}" } }',
    );
    const runs = backfillRuns(scheduled, { from: "2026-03-20", to: "2026-04-01" });
    assert.deepEqual(
      runs.map(({ at, params }) => [at, params.of]),
      [
        ["2026-03-23T05:00:00.000000+00:00", "2026-03-23"],
        ["2026-03-30T04:00:00.000000+00:00", "2026-03-30"],
      ],
    );
  });

  it("by days keeps to the days of the zone, and by hours to hours", () => {
    const zoned = template('params: { day: date }\nschedule: { cron: "0 6 * * *", timezone: Europe/Berlin }');
    const days = backfillRuns(zoned, { from: "2026-03-28", to: "2026-03-30", step: "1d" });
    assert.deepEqual(
      days.map(({ at, params }) => [at, params.day]),
      [
        ["2026-03-27T23:00:00.000000+00:00", "2026-03-28"],
        ["2026-03-28T23:00:00.000000+00:00", "2026-03-29"],
        ["2026-03-29T22:00:00.000000+00:00", "2026-03-30"],
      ],
    );
    const hours = backfillRuns(template("params: { at: datetime }"), {
      from: "2026-03-28T00:30:00Z",
      to: "2026-03-28T12:30:00Z",
      step: "6h",
    });
    assert.deepEqual(
      hours.map(({ at }) => at?.slice(11, 16)),
      ["00:30", "06:30", "12:30"],
    );
  });

  it("is refused where its runs would all be the same, unless a list says that they are to be", () => {
    const plain = template("params: { n: { type: integer, default: 3 } }");
    const range = { from: "2026-01-01", to: "2026-01-03" };
    const [field, message] = refused(range, plain);
    assert.deepEqual(
      [field, /^from: all 3 runs would have the same parameters, {"n":3}: .*date or datetime/.test(message)],
      ["from", true],
    );
    assert.equal(refused({ ...range, params: { day: "2026-01-01" } })[0], "from");
    assert.equal(backfillRuns(plain, { ...range, to: range.from }).length, 1);
    assert.equal(backfillRuns(plain, { params: [{}, {}] }).length, 2);
  });

  it("takes a list of parameters", () => {
    const runs = backfillRuns(day, { params: [{ day: "2026-01-01" }, { day: "2026-01-02", n: 3 }] });
    assert.deepEqual(
      runs.map(({ at, params }) => [at, { ...params }]),
      [
        [null, { day: "2026-01-01" }],
        [null, { day: "2026-01-02", n: 3 }],
      ],
    );
  });

  it("is refused with the field that is wrong", () => {
    assert.deepEqual(refused({})[0], "from");
    assert.deepEqual(refused({ from: "2026-01-01" })[0], "to");
    assert.deepEqual(refused({ from: "2026-01-02", to: "2026-01-01" })[0], "to");
    assert.deepEqual(refused({ from: "2026-01-01", to: "2026-01-02", step: "soon" })[0], "step");
    assert.deepEqual(refused({ from: "1970-01-01", to: "2026-01-01" }), [
      "to",
      "to: more than 10000 runs: take a shorter range or a longer step",
    ]);
    assert.deepEqual(refused({ params: [{ day: "2026-01-01" }, { day: "soon" }] })[0], "params.1.day");
    assert.deepEqual(refused({ params: [{}] })[0], "params.0.day");
    assert.deepEqual(refused({ from: "2026-01-01", to: "2026-01-01", params: { dya: 1 } })[0], "params.dya");
  });
});
