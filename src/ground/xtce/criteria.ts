/** XTCE's criteria (RestrictionCriteria, IncludeCondition) as conditions on a packet's bits; all of them must be met. */
import { headerBytes } from "../ccsds.ts";
import type { PacketCondition } from "../packet-definition.ts";
import { invalidXtce, NotUnderstood } from "./faults.ts";
import type { ValueShape } from "./parameter-type.ts";
import { attributeOf, childOf, childrenOf, wholeIn, type XmlElement } from "./xml.ts";

/** A parameter's place, from the packet's first bit. Null: its value cannot be made, so nothing can depend on it. */
export interface Position {
  readonly bit: number;
  readonly value: ValueShape | null;
}

interface Comparison {
  readonly element: XmlElement;
  readonly reference: string;
  readonly operator: string;
  readonly text: string;
  readonly calibrated: boolean;
}

/** `placeOf` finds the parameter of a reference in the packet so far. */
export function conditionsOf(
  criteria: XmlElement,
  placeOf: (reference: string, element: XmlElement) => Position | null,
): PacketCondition[] {
  return comparisonsIn(criteria).map((comparison) => {
    const { element, reference } = comparison;
    const place = placeOf(reference, element);
    if (place === null)
      throw new NotUnderstood(element, `compares "${reference}", which is not before it in the packet`);
    return conditionOf(comparison, place);
  });
}

function comparisonsIn(element: XmlElement): Comparison[] {
  return element.children.flatMap((child) => {
    switch (child.name) {
      case "Comparison":
        return [comparisonOf(child, child, child.attributes.get("comparisonOperator"), attributeOf(child, "value"))];
      case "Condition":
        return [conditionIn(child)];
      case "ComparisonList":
      case "BooleanExpression":
      case "ANDedConditions":
        return comparisonsIn(child);
      default:
        throw new NotUnderstood(child, `chooses by ${child.name}`);
    }
  });
}

function conditionIn(element: XmlElement): Comparison {
  const [left, right] = childrenOf(element, "ParameterInstanceRef");
  const value = childOf(element, "Value");
  if (left === undefined) throw invalidXtce(element, "needs a ParameterInstanceRef");
  if (right !== undefined || value === undefined)
    throw new NotUnderstood(element, "compares a parameter with a parameter");
  return comparisonOf(element, left, childOf(element, "ComparisonOperator")?.text.trim(), value.text.trim());
}

function comparisonOf(element: XmlElement, holder: XmlElement, operator: string | undefined, text: string): Comparison {
  const instance = holder.attributes.get("instance") ?? "0";
  if (instance !== "0") throw new NotUnderstood(element, `compares the instance ${instance} of a parameter`);
  const calibrated = holder.attributes.get("useCalibratedValue") !== "false";
  return { element, reference: attributeOf(holder, "parameterRef"), operator: operator ?? "==", text, calibrated };
}

function conditionOf({ element, operator, text, calibrated }: Comparison, { bit, value }: Position): PacketCondition {
  const encoding = value?.encoding;
  if (value === null || encoding?.as !== "integer")
    throw new NotUnderstood(element, "compares what is no whole number");
  const { sizeBits: bits, signed, little } = encoding;
  if (bits > 32 || (little && bits > 8))
    throw new NotUnderstood(element, "compares more than 32 bits, or little-endian ones");
  const raw = rawOf(element, text, value, calibrated);
  const [lowest, highest] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  if (raw < lowest || raw > highest) throw invalidXtce(element, `compares with ${raw}, which ${bits} bits cannot hold`);
  const place = { bit_offset: bit - headerBytes * 8, bits };
  const unsigned = raw < 0 ? raw + 2 ** bits : raw;
  if (operator === "==") return { ...place, equals: unsigned };
  if (operator === "!=") return { ...place, not: unsigned };
  if (signed) throw new NotUnderstood(element, `compares a signed number by ${operator}`);
  if (operator === ">=") return { ...place, min: raw };
  if (operator === "<=") return { ...place, max: raw };
  if (operator === ">" && raw < highest) return { ...place, min: raw + 1 };
  if (operator === "<" && raw > 0) return { ...place, max: raw - 1 };
  throw invalidXtce(element, `compares by ${operator} ${text}, which can never be`);
}

function rawOf(element: XmlElement, text: string, { calibration }: ValueShape, calibrated: boolean): number {
  if (!calibrated || calibration === undefined) return wholeIn(element, text, "value");
  if (!("enum" in calibration)) throw new NotUnderstood(element, "compares a calibrated number");
  const raws = Object.entries(calibration.enum).filter(([, label]) => label === text);
  if (raws.length > 1) throw new NotUnderstood(element, `compares with "${text}", which several values are called`);
  const [raw] = raws[0] ?? [];
  if (raw !== undefined) return Number(raw);
  // Files that compare an enumeration or a boolean with its number are common.
  return wholeIn(element, text, "value");
}

/** No value meets both. */
export function exclude(a: PacketCondition, b: PacketCondition): boolean {
  if (a.bit_offset !== b.bit_offset || a.bits !== b.bits) return false;
  if (a.not !== undefined && b.not !== undefined) return false;
  if (a.not !== undefined) return b.equals === a.not;
  if (b.not !== undefined) return a.equals === b.not;
  const [lowA, highA] = rangeOf(a);
  const [lowB, highB] = rangeOf(b);
  return highA < lowB || highB < lowA;
}

function rangeOf({ bits, equals, min, max }: PacketCondition): [number, number] {
  return [equals ?? min ?? 0, equals ?? max ?? 2 ** bits - 1];
}
