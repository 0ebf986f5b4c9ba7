/** XTCE parameter types: what a value's bits become. A type is one field, or the members of an aggregate. */
import type { FieldDefinition } from "../packet-definition.ts";
import { isEpoch } from "../time-codes.ts";
import { readLimits } from "./alarms.ts";
import { type Encoding, encodingIn, encodingSizeBits, readCalibrator, readEncoding } from "./encoding.ts";
import { invalidXtce, type LeftOuts, NotUnderstood } from "./faults.ts";
import { resolve, type SpaceSystem } from "./systems.ts";
import { attributeOf, childOf, childrenOf, numberOf, wholeIn, type XmlElement } from "./xml.ts";

export interface ValueShape {
  readonly sizeBits: number;
  readonly encoding: Encoding;
  readonly calibration: FieldDefinition["calibration"];
  readonly limits: FieldDefinition["limits"];
  readonly unit: string | undefined;
  /** Of a CUC time: the octets of its fraction, and its epoch. */
  readonly time: { readonly fineBytes: number; readonly epoch: string } | null;
}

export type TypeShape =
  | { readonly is: "value"; readonly value: ValueShape }
  /** Its size is known, its value cannot be made: for `why`. */
  | { readonly is: "gap"; readonly sizeBits: number; readonly why: NotUnderstood }
  | { readonly is: "members"; readonly members: readonly (readonly [name: string, shape: TypeShape])[] };

/** More texts are those of a range that says the same of every value. */
const enumerationMax = 4096;
const aggregateDepthMax = 8;

/** `NotUnderstood`: not even its size is known. */
export function shapeOfType(type: XmlElement, system: SpaceSystem, leftOuts: LeftOuts, depth = 0): TypeShape {
  if (type.attributes.has("baseType")) throw new NotUnderstood(type, "extends another type (baseType)");
  if (type.name === "AggregateParameterType") {
    if (depth > aggregateDepthMax) throw invalidXtce(type, `is an aggregate more than ${aggregateDepthMax} deep`);
    const members = childrenOf(childOf(type, "MemberList"), "Member").map((member) => {
      const found = resolve("types", attributeOf(member, "typeRef"), system, member);
      return [attributeOf(member, "name"), shapeOfType(found.element, found.system, leftOuts, depth + 1)] as const;
    });
    return { is: "members", members };
  }
  const isTime = type.name === "AbsoluteTimeParameterType" || type.name === "RelativeTimeParameterType";
  const holder = isTime ? childOf(type, "Encoding") : type;
  const encoding = holder === undefined ? null : encodingIn(holder);
  if (encoding === null || holder === undefined) throw new NotUnderstood(type, "has no data encoding");
  const sizeBits = encodingSizeBits(encoding);
  try {
    return { is: "value", value: { sizeBits, ...meaningOf(type, holder, readEncoding(encoding), leftOuts) } };
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error;
    return { is: "gap", sizeBits, why: error };
  }
}

function meaningOf(
  type: XmlElement,
  holder: XmlElement,
  encoding: Encoding,
  leftOuts: LeftOuts,
): Omit<ValueShape, "sizeBits"> {
  for (const range of [...childrenOf(type, "ValidRange"), ...childrenOf(type, "ValidRangeSet")])
    leftOuts.add(range, `is left out: ${range.name} is not read, values are shown as they are`);
  const plain = { encoding, calibration: undefined, limits: undefined, unit: unitOf(type), time: null };
  switch (type.name) {
    case "IntegerParameterType":
    case "FloatParameterType": {
      if (encoding.as !== "integer" && encoding.as !== "float")
        throw new NotUnderstood(encoding.element, `encodes a number by ${encoding.element.name}`);
      return {
        ...plain,
        calibration: readCalibrator(encoding.element) ?? undefined,
        limits: readLimits(type, leftOuts) ?? undefined,
      };
    }
    case "EnumeratedParameterType":
      return { ...plain, calibration: { enum: labelsOf(type, encoding, leftOuts) } };
    case "BooleanParameterType":
      return { ...plain, calibration: { enum: booleanLabels(type, encoding) } };
    case "StringParameterType":
    case "BinaryParameterType": {
      const wanted = type.name === "StringParameterType" ? "text" : "octets";
      if (encoding.as !== wanted)
        throw new NotUnderstood(encoding.element, `encodes a ${type.name} by ${encoding.element.name}`);
      return plain;
    }
    case "AbsoluteTimeParameterType":
      return { ...plain, ...timeOf(type, holder, encoding, leftOuts) };
    case "RelativeTimeParameterType":
      return { ...plain, ...secondsOf(holder, encoding) };
    default:
      throw new NotUnderstood(type, `is a ${type.name}`);
  }
}

function unitOf(type: XmlElement): string | undefined {
  const units = childrenOf(childOf(type, "UnitSet"), "Unit").map((unit) => {
    const [power, factor] = [numberOf(unit, "power", 1), unit.attributes.get("factor") ?? "1"];
    return `${factor === "1" ? "" : `${factor} `}${unit.text.trim()}${power === 1 ? "" : `^${power}`}`;
  });
  return units.join(" ").trim().slice(0, 200) || undefined;
}

function wantWhole(type: XmlElement, encoding: Encoding): void {
  if (encoding.as !== "integer")
    throw new NotUnderstood(encoding.element, `encodes a ${type.name} by ${encoding.element.name}`);
  if (readCalibrator(encoding.element) !== null) throw new NotUnderstood(encoding.element, `calibrates a ${type.name}`);
}

function labelsOf(type: XmlElement, encoding: Encoding, leftOuts: LeftOuts): Record<string, string> {
  wantWhole(type, encoding);
  const labels = new Map<string, string>();
  for (const one of childrenOf(childOf(type, "EnumerationList"), "Enumeration")) {
    const first = wholeIn(one, attributeOf(one, "value"), "value");
    const last = wholeIn(one, one.attributes.get("maxValue") ?? String(first), "maxValue");
    if (labels.size + last - first >= enumerationMax || Math.abs(last) >= 1e15) {
      leftOuts.add(one, "is left out: its values are shown as numbers, there are too many or too large ones");
      continue;
    }
    for (let value = first; value <= last; value++) labels.set(String(value), attributeOf(one, "label").slice(0, 200));
  }
  const alarm = childOf(type, "DefaultAlarm") ?? childOf(type, "ContextAlarmList");
  if (alarm !== undefined) leftOuts.add(alarm, "is left out: enumerations have no limits");
  return Object.fromEntries(labels);
}

function booleanLabels(type: XmlElement, encoding: Encoding): Record<string, string> {
  wantWhole(type, encoding);
  const label = (name: string, or: string): string => (type.attributes.get(name) ?? or).slice(0, 200);
  return { 0: label("zeroStringValue", "False"), 1: label("oneStringValue", "True") };
}

/** A count of 256ths of 256ths of a second from an epoch is a CUC time; any other is a number, and told so. */
function timeOf(type: XmlElement, holder: XmlElement, encoding: Encoding, leftOuts: LeftOuts): Partial<ValueShape> {
  const epoch = epochOf(type);
  const [scale, offset] = [numberOf(holder, "scale", 1), numberOf(holder, "offset", 0)];
  const fineBytes = [0, 1, 2, 3].find((bytes) => Math.abs(scale * 256 ** bytes - 1) < 1e-6) ?? -1;
  const coarseBytes = encoding.sizeBits / 8 - fineBytes;
  const isSeconds = (holder.attributes.get("units") ?? "seconds") === "seconds";
  const isCuc =
    encoding.as === "integer" && !encoding.signed && !encoding.little && isSeconds && offset === 0 && fineBytes >= 0;
  const isPlain = isCuc && readCalibrator(encoding.element) === null;
  if (isPlain && epoch !== null && [1, 2, 3, 4].includes(coarseBytes)) return { time: { fineBytes, epoch } };
  leftOuts.add(
    type,
    "is left out as a time, its number is shown: only CUC times of 1 to 4 octets of seconds are known",
  );
  return secondsOf(holder, encoding);
}

function secondsOf(holder: XmlElement, encoding: Encoding): Partial<ValueShape> {
  if (encoding.as !== "integer" && encoding.as !== "float")
    throw new NotUnderstood(encoding.element, `encodes a time by ${encoding.element.name}`);
  if (readCalibrator(encoding.element) !== null) throw new NotUnderstood(encoding.element, "calibrates a time");
  const [scale, offset] = [numberOf(holder, "scale", 1), numberOf(holder, "offset", 0)];
  const unit = (holder.attributes.get("units") ?? "seconds") === "seconds" ? "s" : holder.attributes.get("units");
  return { unit, ...((scale !== 1 || offset !== 0) && { calibration: { polynomial: [offset, scale] } }) };
}

const epochs: Readonly<Record<string, string>> = {
  TAI: "tai",
  GPS: "gps",
  UNIX: "unix",
  POSIX: "unix",
  /** 12:00 of terrestrial time, which is 32.184 s ahead of TAI. */
  J2000: "2000-01-01T11:58:55.816Z",
};

function epochOf(type: XmlElement): string | null {
  const reference = childOf(type, "ReferenceTime");
  const text = (reference && childOf(reference, "Epoch"))?.text.trim();
  if (text === undefined) return null;
  const instant = `${text.length === 10 ? `${text}T00:00:00` : text.replace(/Z$/, "")}Z`;
  if (instant === "1970-01-01T00:00:00Z") return "unix";
  return epochs[text] ?? (isEpoch(instant) ? instant : null);
}
