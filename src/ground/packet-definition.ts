/** A ship's packet definition: which fields its packets have, and what their numbers mean. From YAML or a request's JSON, checked whole. */
import * as v from "valibot";
import { type Document, isNode, isSeq, LineCounter, parseDocument } from "yaml";
import { InvalidRequestError } from "../model/errors.ts";
import { headerBytes, idleApid } from "./ccsds.ts";
import { definitionFault } from "./packet-rules.ts";
import { isEpoch } from "./time-codes.ts";

/** All whole octets but `bits`. cuc, cds: CCSDS 301.0-B time codes. */
export const fieldTypes = [
  ...["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64"],
  ...["bits", "bytes", "string", "cuc", "cds"],
] as const;

const name = v.pipe(
  v.string(),
  v.regex(
    /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
    "must be a letter, a digit or _, then up to 127 of them or . -",
  ),
);
const text = v.pipe(v.string(), v.maxLength(200));
const finite = v.pipe(v.number(), v.finite());
const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const byteOrder = v.picklist(["big", "little"]);

const epoch = v.pipe(
  v.string(),
  v.check(isEpoch, "must be tai, gps, unix, or an instant of UTC such as 2000-01-01T12:00:00Z"),
);

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
  /** The parameter's name. In another packet it is the same parameter, and must be defined alike. */
  name,
  type: v.picklist(fieldTypes),
  description: v.optional(text),
  unit: v.optional(text),
  /** From the first bit after the primary header; left out: where the field before it ends. */
  bit_offset: v.optional(whole(0, 65_536 * 8)),
  /** Of `bits`: 1–53, most significant first; little-endian ones are whole octets, and say so themselves. */
  bits: v.optional(whole(1, 53)),
  /** Of `bits`: two's complement. */
  signed: v.optional(v.boolean()),
  /** Of `bytes` and `string`. A string ends at its first NUL. */
  bytes: v.optional(whole(1, 65_536)),
  /** Of `cuc`: octets of whole seconds and of their fraction. */
  coarse_bytes: v.optional(whole(1, 4), 4),
  fine_bytes: v.optional(whole(0, 3), 0),
  /** Of `cds`: octets of the day, and of what is below the millisecond. */
  day_bytes: v.optional(v.picklist([2, 3]), 2),
  sub_bytes: v.optional(v.picklist([0, 2, 4]), 0),
  /** Of `cuc` and `cds`: a name, or an instant of UTC. */
  epoch: v.optional(epoch, "tai"),
  byte_order: v.optional(byteOrder),
  calibration: v.optional(calibration),
  /** Of the calibrated value. */
  limits: v.optional(
    v.strictObject({
      watch: v.optional(range),
      warning: v.optional(range),
      critical: v.optional(range),
      /** How many of its last values must be beyond a level for an alarm, and within it to clear it; left out: one of one. */
      alarm: v.optional(v.strictObject({ violations: whole(1, 32), of: v.optional(whole(1, 32)) })),
    }),
  ),
});

/** Bits of the packet, unsigned: `equals`, `not`, or within `min` … `max`. A packet that ends before them does not meet it. */
const condition = v.strictObject({
  /** As a field's; the primary header's 48 bits are before 0. */
  bit_offset: whole(-headerBytes * 8, 65_536 * 8),
  bits: whole(1, 32),
  equals: v.optional(whole(0, 2 ** 32 - 1)),
  not: v.optional(whole(0, 2 ** 32 - 1)),
  min: v.optional(whole(0, 2 ** 32 - 1)),
  max: v.optional(whole(0, 2 ** 32 - 1)),
});

const packet = v.strictObject({
  apid: whole(0, idleApid - 1),
  name,
  /** Packets of one APID are told apart by these: the first whose conditions are all met is it. */
  when: v.optional(v.pipe(v.array(condition), v.minLength(1), v.maxLength(32))),
  description: v.optional(text),
  /** The packet ends in a CRC-16/CCITT over all that comes before. */
  crc: v.optional(v.boolean()),
  /** The field that tells when the values were taken. */
  time: v.optional(name),
  /** While a pass receives it is overdue, and alarming, after so long without one. */
  expected_every_s: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(86_400))),
  fields: v.pipe(v.array(field), v.minLength(1), v.maxLength(2048)),
});

const definition = v.strictObject({
  byte_order: v.optional(byteOrder, "big"),
  crc: v.optional(v.boolean(), false),
  packets: v.pipe(v.array(packet), v.minLength(1), v.maxLength(4096)),
});

export type PacketDefinition = v.InferOutput<typeof definition>;
export type PacketType = PacketDefinition["packets"][number];
export type FieldDefinition = PacketType["fields"][number];
export type PacketCondition = NonNullable<PacketType["when"]>[number];

const textBytesMax = 4 * 1024 * 1024;

/** A definition, or only the array of its packets. Throws `InvalidRequestError` naming the field, as a path below `at`. */
export function parsePacketDefinition(value: unknown, at = "packets"): PacketDefinition {
  const parsed = v.safeParse(definition, Array.isArray(value) ? { packets: value } : value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw invalid(at, v.getDotPath(issue), issue.message);
  }
  const fault = definitionFault(parsed.output);
  if (fault !== null) throw invalid(at, ...fault);
  return parsed.output;
}

/** The same from YAML text; a fault is named by line, too. */
export function parsePacketYaml(yaml: string, at = "packets"): PacketDefinition {
  if (yaml.length > textBytesMax) throw invalid(at, null, `must have at most ${textBytesMax} characters`);
  const lineCounter = new LineCounter();
  const document = parseDocument(yaml, { lineCounter, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(at, null, `line ${lineCounter.linePos(error.pos[0]).line}: ${error.message}`);
  try {
    return parsePacketDefinition(document.toJS({ maxAliasCount: 100 }), at);
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    const offset = offsetOf(document, String(error.members.field).slice(at.length + 1));
    throw new InvalidRequestError(
      error.message.replace(": ", `: line ${lineCounter.linePos(offset).line}: `),
      String(error.members.field),
    );
  }
}

/** Where the value at `path` begins; of one that is missing, what it is missing from. */
function offsetOf(document: Document, path: string): number {
  const keys = path.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  // An array alone is the definition's packets.
  const steps = isSeq(document.contents) && keys[0] === "packets" ? keys.slice(1) : keys;
  for (let length = steps.length; length > 0; length--) {
    const node = document.getIn(steps.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** Which packets end in a CRC-16, for `ingest`. */
export function crcRule(of: PacketDefinition | null): (apid: number) => boolean {
  if (of === null) return () => false;
  const byApid = new Map(of.packets.map((one) => [one.apid, one.crc ?? of.crc]));
  return (apid) => byApid.get(apid) ?? of.crc;
}

function invalid(at: string, path: string | null, fault: string): InvalidRequestError {
  const where = path === null || path === "" ? at : `${at}.${path}`;
  return new InvalidRequestError(`Cannot use the packet definition: ${where}: ${fault}`, where);
}
