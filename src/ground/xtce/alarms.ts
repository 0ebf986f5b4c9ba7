/** XTCE alarms as limits: the default static ranges, and how many violations in a row they take. Whatever else there is, is told as left out. */
import type { FieldDefinition } from "../packet-definition.ts";
import type { LeftOuts } from "./faults.ts";
import { childOf, numberOf, type XmlElement } from "./xml.ts";

type Limits = NonNullable<FieldDefinition["limits"]>;

/** XTCE has five levels, we three: the gravest stands in for critical when that is not given. */
const critical = ["CriticalRange", "SevereRange", "DistressRange"];

export function readLimits(type: XmlElement, leftOuts: LeftOuts): Limits | null {
  const context = childOf(type, "ContextAlarmList");
  if (context !== undefined) leftOuts.add(context, "is left out: alarms by context are not known");
  const alarm = childOf(type, "DefaultAlarm");
  if (alarm === undefined) return null;
  const ranges = childOf(alarm, "StaticAlarmRanges");
  for (const other of alarm.children.filter((child) => child !== ranges))
    leftOuts.add(other, `is left out: of alarms only StaticAlarmRanges are read, not ${other.name}`);
  if (ranges === undefined) return null;
  if (ranges.attributes.get("rangeForm") === "inside") {
    leftOuts.add(ranges, "is left out: ranges of the form inside are not known");
    return null;
  }
  const limits = limitsOf(ranges, leftOuts);
  return limits === null ? null : { ...limits, ...ruleOf(alarm, leftOuts) };
}

/** Values in a row, to be alarming and to be so no more. XTCE 1.2 may want another number for the latter: we have one for both. */
function ruleOf(alarm: XmlElement, leftOuts: LeftOuts): Pick<Limits, "alarm"> {
  const violations = numberOf(alarm, "minViolations", 1);
  if (numberOf(alarm, "minConformance", violations) !== violations)
    leftOuts.add(alarm, "is left out in part: minConformance is taken to be as many as minViolations");
  if (violations === 1) return {};
  if (Number.isInteger(violations) && violations > 1 && violations <= rowMax) return { alarm: { violations } };
  leftOuts.add(alarm, `is left out in part: minViolations must be 1 to ${rowMax}, else the first violation counts`);
  return {};
}

/** As many values as a register of 32 bits remembers. */
const rowMax = 32;

function limitsOf(ranges: XmlElement, leftOuts: LeftOuts): Limits | null {
  const named = (name: string): XmlElement | undefined => childOf(ranges, name);
  const [gravest, ...graver] = critical.flatMap((name) => named(name) ?? []);
  for (const other of graver)
    leftOuts.add(other, `is left out: there is one critical level, and ${other.name} is not it`);
  const levels = { watch: named("WatchRange"), warning: named("WarningRange"), critical: gravest };
  const limits = Object.entries(levels).flatMap(([level, range]) => {
    const bounds = range === undefined ? {} : boundsOf(range);
    return Object.keys(bounds).length === 0 ? [] : [[level, bounds] as const];
  });
  return limits.length === 0 ? null : Object.fromEntries(limits);
}

function boundsOf(range: XmlElement): { low?: number; high?: number } {
  const { attributes } = range;
  const bounds: { low?: number; high?: number } = {};
  if (attributes.has("minInclusive")) bounds.low = numberOf(range, "minInclusive");
  if (attributes.has("minExclusive")) bounds.low = nextTo(numberOf(range, "minExclusive"), 1n);
  if (attributes.has("maxInclusive")) bounds.high = numberOf(range, "maxInclusive");
  if (attributes.has("maxExclusive")) bounds.high = nextTo(numberOf(range, "maxExclusive"), -1n);
  return bounds;
}

/** Our bounds belong to the range. An exclusive one is therefore the next double inside of it: exact for every value. */
function nextTo(value: number, step: 1n | -1n): number {
  if (value === 0) return Number(step) * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? step : -step));
  return view.getFloat64(0);
}
