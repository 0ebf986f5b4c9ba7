import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Severity } from "../model/alarm.ts";
import type { AlarmChanges } from "../store/alarm-changes.ts";
import { PendingAlarms } from "./pending-alarms.ts";

const at = "2026-01-31T10:20:30.000000+00:00";
const about = (subject: string) => ({ kind: "parameter.limit", ship: "demo", passId: "p", subject, at }) as const;
const raised = (subject: string, severity: Severity) => ({ ...about(subject), severity, detail: "{}" });
const cleared = (subject: string) => ({ ...about(subject), resolution: null });
const told = ({ raise, clear }: AlarmChanges) => [
  raise.map(({ subject, severity }) => [subject, severity]),
  clear.map(({ subject }) => subject),
];

describe("alarms that wait", () => {
  it("are one a subject: the gravest raise, and what it came to", () => {
    const pending = new PendingAlarms();
    pending.raise(raised("volts", "critical"));
    pending.clear(cleared("volts"));
    pending.raise(raised("volts", "watch"));
    pending.clear(cleared("amps"));
    assert.equal(pending.size, 2);
    assert.deepEqual(told(pending.take(10)), [[["volts", "critical"]], ["amps"]]);
    assert.equal(pending.size, 0);
  });

  it("are raised and cleared at once when both happened", () => {
    const pending = new PendingAlarms();
    pending.raise(raised("volts", "watch"));
    pending.clear(cleared("volts"));
    assert.deepEqual(told(pending.take(10)), [[["volts", "watch"]], ["volts"]]);
  });

  it("are put back before what came meanwhile", () => {
    const pending = new PendingAlarms();
    pending.raise(raised("volts", "critical"));
    pending.raise(raised("amps", "watch"));
    const taken = pending.take(10);
    pending.clear(cleared("volts"));
    pending.raise(raised("amps", "warning"));
    pending.putBack(taken);
    assert.deepEqual(told(pending.take(10)), [
      [
        ["volts", "critical"],
        ["amps", "warning"],
      ],
      ["volts"],
    ]);
  });

  it("are taken a bounded number at a time", () => {
    const pending = new PendingAlarms();
    for (let i = 0; i < 10; i++) pending.raise(raised(`p${i}`, "watch"));
    assert.equal(pending.take(4).raise.length, 4);
    assert.equal(pending.size, 6);
  });
});
