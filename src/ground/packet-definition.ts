/** A ship's packet definition: which fields its packets have, and what their numbers mean. From YAML or a request's JSON, checked whole. */
import * as v from "valibot";
import { LineCounter, parseDocument } from "yaml";
import { InvalidRequestError } from "../model/errors.ts";
import { idleApid } from "./ccsds.ts";

/** All whole octets but `bits`. cuc, cds: CCSDS 301.0-B time codes. */
export const fieldTypes = [
  ...["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64"],
  ...["bits", "bytes", "string", "cuc", "cds"],
] as const;

const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "must be a letter, then up to 63 letters, digits or _ . -"),
);
const text = v.pipe(v.string(), v.maxLength(200));
const finite = v.pipe(v.number(), v.finite());
const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const byteOrder = v.picklist(["big", "little"]);

/** Outside low … high; either may be left out. */
const range = v.strictObject({ low: v.optional(finite), high: v.optional(finite) });

const calibration = v.union(
  [
    /** c0 + c1·raw + c2·raw² + … */
    v.strictObject({ polynomial: v.pipe(v.array(finite), v.minLength(1), v.maxLength(16)) }),
    /** [raw, value] points, raw ascending; straight lines between them, flat outside. */
    v.strictObject({ table: v.pipe(v.array(v.tuple([finite, finite])), v.minLength(2), v.maxLength(4096)) }),
    /** raw → text; a raw value that is not listed shows as its number. */
    v.strictObject({ enum: v.record(v.pipe(v.string(), v.regex(/^-?\d{1,15}$/, "must be a whole number")), text) }),
  ],
  "must be one of { polynomial }, { table }, { enum }",
);

const field = v.strictObject({
  /** The parameter's name: unique in the whole definition. */
  name,
  type: v.picklist(fieldTypes),
  description: v.optional(text),
  unit: v.optional(text),
  /** From the first bit after the primary header; left out: where the field before it ends. */
  bit_offset: v.optional(whole(0, 65_536 * 8)),
  /** Of `bits`: 1–53, unsigned, most significant first. */
  bits: v.optional(whole(1, 53)),
  /** Of `bytes` and `string`. A string ends at its first NUL. */
  bytes: v.optional(whole(1, 65_536)),
  /** Of `cuc`: octets of whole seconds and of their fraction. */
  coarse_bytes: v.optional(whole(1, 4), 4),
  fine_bytes: v.optional(whole(0, 3), 0),
  /** Of `cds`: octets of the day, and of what is below the millisecond. */
  day_bytes: v.optional(v.picklist([2, 3]), 2),
  sub_bytes: v.optional(v.picklist([0, 2, 4]), 0),
  /** Of `cuc` and `cds`. tai: 1958-01-01, CCSDS' own; gps: 1980-01-06; unix: 1970-01-01, without leap seconds. */
  epoch: v.optional(v.picklist(["tai", "gps", "unix"]), "tai"),
  byte_order: v.optional(byteOrder),
  calibration: v.optional(calibration),
  /** Of the calibrated value. */
  limits: v.optional(
    v.strictObject({ watch: v.optional(range), warning: v.optional(range), critical: v.optional(range) }),
  ),
});

const packet = v.strictObject({
  apid: whole(0, idleApid - 1),
  name,
  description: v.optional(text),
  /** The packet ends in a CRC-16/CCITT over all that comes before. */
  crc: v.optional(v.boolean()),
  /** The field that tells when the values were taken. */
  time: v.optional(name),
  fields: v.pipe(v.array(field), v.minLength(1), v.maxLength(2048)),
});

const definition = v.strictObject({
  byte_order: v.optional(byteOrder, "big"),
  crc: v.optional(v.boolean(), false),
  packets: v.pipe(v.array(packet), v.minLength(1), v.maxLength(idleApid)),
});

export type PacketDefinition = v.InferOutput<typeof definition>;
export type PacketType = PacketDefinition["packets"][number];
export type FieldDefinition = PacketType["fields"][number];

const textBytesMax = 4 * 1024 * 1024;

/** A definition, or only the array of its packets. Throws `InvalidRequestError` naming the field, as a path below `at`. */
export function parsePacketDefinition(value: unknown, at = "packets"): PacketDefinition {
  const parsed = v.safeParse(definition, Array.isArray(value) ? { packets: value } : value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw invalid(at, v.getDotPath(issue), issue.message);
  }
  checkRules(parsed.output, at);
  return parsed.output;
}

/** The same from YAML text; a syntax error is named by line. */
export function parsePacketYaml(yaml: string, at = "packets"): PacketDefinition {
  if (yaml.length > textBytesMax) throw invalid(at, null, `must have at most ${textBytesMax} characters`);
  const lineCounter = new LineCounter();
  const document = parseDocument(yaml, { lineCounter, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(at, null, `line ${lineCounter.linePos(error.pos[0]).line}: ${error.message}`);
  return parsePacketDefinition(document.toJS({ maxAliasCount: 100 }), at);
}

/** Which packets end in a CRC-16, for `ingest`. */
export function crcRule(of: PacketDefinition | null): (apid: number) => boolean {
  if (of === null) return () => false;
  const byApid = new Map(of.packets.map((one) => [one.apid, one.crc ?? of.crc]));
  return (apid) => byApid.get(apid) ?? of.crc;
}

function checkRules(of: PacketDefinition, at: string): void {
  const apids = new Set<number>();
  const names = new Set<string>();
  for (const [p, packetType] of of.packets.entries()) {
    const path = `packets.${p}`;
    if (apids.has(packetType.apid)) throw invalid(at, `${path}.apid`, `APID ${packetType.apid} is defined twice`);
    apids.add(packetType.apid);
    for (const [f, one] of packetType.fields.entries()) {
      if (names.has(one.name))
        throw invalid(
          at,
          `${path}.fields.${f}.name`,
          `"${one.name}" is there twice: a parameter's name is its ship's own`,
        );
      names.add(one.name);
      const fault = fieldFault(one);
      if (fault !== null) throw invalid(at, `${path}.fields.${f}.${fault[0]}`, fault[1]);
    }
    const timeField = packetType.fields.find((one) => one.name === packetType.time);
    if (packetType.time !== undefined && timeField?.type !== "cuc" && timeField?.type !== "cds")
      throw invalid(at, `${path}.time`, `must name a field of type cuc or cds of this packet`);
  }
}

function fieldFault(one: FieldDefinition): [key: string, fault: string] | null {
  if (one.type === "bits" && one.bits === undefined)
    return ["bits", "is missing: a field of type bits needs its number"];
  if (one.type !== "bits" && (one.bit_offset ?? 0) % 8 !== 0)
    return ["bit_offset", "must be a multiple of 8, unless the type is bits"];
  const isOctets = one.type === "bytes" || one.type === "string";
  if (isOctets && one.bytes === undefined) return ["bytes", `is missing: a field of type ${one.type} needs its length`];
  const isNumber = !isOctets && one.type !== "cuc" && one.type !== "cds";
  if (!isNumber && one.calibration !== undefined) return ["calibration", `cannot apply to type ${one.type}`];
  const { calibration: how, limits } = one;
  if (
    how !== undefined &&
    "table" in how &&
    how.table.some(([raw], i) => i > 0 && raw <= (how.table[i - 1]?.[0] ?? raw))
  )
    return ["calibration.table", "must have its raw values ascending"];
  if (limits === undefined) return null;
  if (!isNumber || (how !== undefined && "enum" in how)) return ["limits", "need a number, calibrated or not"];
  return limitsFault(limits);
}

/** Each range holds the next milder one: critical.low ≤ warning.low ≤ watch.low < watch.high ≤ … */
function limitsFault(limits: NonNullable<FieldDefinition["limits"]>): [key: string, fault: string] | null {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (const level of ["critical", "warning", "watch"] as const) {
    const { low: lowHere = low, high: highHere = high } = limits[level] ?? {};
    if (lowHere >= highHere) return [`limits.${level}`, "must have its low below its high"];
    if (lowHere < low || highHere > high) return [`limits.${level}`, "must lie within the graver range"];
    low = lowHere;
    high = highHere;
  }
  return null;
}

function invalid(at: string, path: string | null, fault: string): InvalidRequestError {
  const where = path === null || path === "" ? at : `${at}.${path}`;
  return new InvalidRequestError(`Cannot use the packet definition: ${where}: ${fault}`, where);
}
