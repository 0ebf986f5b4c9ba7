/** Compiles a packet definition once into flat arrays that a decoder walks: offsets, kinds, calibrations and limits, no lookups by name. */

import { headerBytes } from "./ccsds.ts";
import type { FieldDefinition, PacketCondition, PacketDefinition, PacketType } from "./packet-definition.ts";
import { cdsEpochMs, cucEpoch } from "./time-codes.ts";

/** How a field's octets are read. Little-endian is a code of its own: one branch less a field. From u64 on the octets are kept, too. */
export const readCode = {
  u8: 0,
  i8: 1,
  u16: 2,
  u16Little: 3,
  i16: 4,
  i16Little: 5,
  u32: 6,
  u32Little: 7,
  i32: 8,
  i32Little: 9,
  f32: 10,
  f32Little: 11,
  f64: 12,
  f64Little: 13,
  bits: 14,
  bitsSigned: 15,
  bytesLittle: 16,
  bytesLittleSigned: 17,
  cuc: 18,
  cucLeaps: 19,
  cds: 20,
  u64: 21,
  u64Little: 22,
  i64: 23,
  i64Little: 24,
  octets: 25,
} as const;

/** `linear` serves for none, too: 0 + 1 · raw. */
export const calibrationCode = { linear: 0, polynomial: 1, table: 2 } as const;

/** Numbers a field takes in `program`: how it is read, from and to which octet, its parameter, two details, its calibration, its limits. */
export const slot = {
  read: 0,
  start: 1,
  end: 2,
  parameter: 3,
  detailA: 4,
  detailB: 5,
  calibration: 6,
  limits: 7,
} as const;
export const slots = 8;
/** Numbers a condition takes in `conditions`: first bit and number of bits, low and high, and 1 if it must lie outside. */
export const conditionSlots = 5;

/** What a parameter is, for whoever shows it. */
export interface Parameter {
  readonly name: string;
  readonly field: FieldDefinition;
  /** The texts of an enum, by raw value. */
  readonly texts: ReadonlyMap<number, string> | null;
  readonly littleEndian: boolean;
  /** Octets to keep as they are: of bytes, strings and 64-bit integers, which no double holds. Else 0. */
  readonly keptBytes: number;
}

/** The fields of one packet type. */
export interface PacketPlan {
  readonly name: string;
  readonly apid: number;
  readonly fieldCount: number;
  /** The field with the packet's time, or −1. */
  readonly timeField: number;
  /**
   * Eight a field, as `slot` names them. `start` and `end` are from the packet's first octet, header included: a packet that
   * is shorter than `end` does not have the field. The details are of bits: the first bit in its first octet, and how many; of
   * bytesLittle: 0, and how many octets; of cuc: how many octets; of cds: octets of the day, octets below the millisecond. `limits`: −1, or where
   * they begin in `limits`.
   */
  readonly program: Int32Array;
  /** Four a field: added and multiplied when it is linear; of cuc and cds: their epoch in ms since 1970 (TAI's for cucLeaps), and the ms of their last octet's unit. */
  readonly factors: Float64Array;
  /** Of polynomials as written, of tables raw and value by turns; by field. */
  readonly coefficients: readonly Float64Array[];
  /** Six a field that has them: critical, warning, watch low; watch, warning, critical high. Infinite where there is none. */
  readonly limits: Float64Array;
  /** What its bits must be, five numbers a condition. */
  readonly conditions: Float64Array;
  /** The packet of the same APID to look at when they are not so: its index, or −1. */
  readonly next: number;
}
export const factorSlots = 4;

/** The index of a field's parameter: several packets may have it. */
export function parameterOf({ program }: PacketPlan, field: number): number {
  return program[field * slots + slot.parameter] ?? 0;
}

export interface DecodePlan {
  readonly parameters: readonly Parameter[];
  readonly packets: readonly PacketPlan[];
  /** By APID; the index of its first packet, or −1. */
  readonly byApid: Int16Array;
}

export function compilePlan(definition: PacketDefinition): DecodePlan {
  const byApid = new Int16Array(2048).fill(-1);
  const parameters: Parameter[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (field: FieldDefinition): number => {
    const known = indexes.get(field.name);
    if (known !== undefined) return known;
    indexes.set(field.name, parameters.length);
    return parameters.push(newParameter(field, definition)) - 1;
  };
  const packets = definition.packets.map((packet, index) => {
    if (byApid[packet.apid] === -1) byApid[packet.apid] = index;
    const next = definition.packets.findIndex((other, i) => i > index && other.apid === packet.apid);
    return compilePacket(packet, definition, next, indexOf);
  });
  return { parameters, packets, byApid };
}

function newParameter(field: FieldDefinition, definition: PacketDefinition): Parameter {
  const keeps = ["bytes", "string", "u64", "i64"].includes(field.type);
  return {
    name: field.name,
    field,
    texts: textsOf(field),
    littleEndian: isLittle(field, definition),
    keptBytes: keeps ? sizeBits(field) / 8 : 0,
  };
}

function compilePacket(
  packet: PacketType,
  definition: PacketDefinition,
  next: number,
  indexOf: (field: FieldDefinition) => number,
): PacketPlan {
  const { name, apid, fields } = packet;
  const program = new Int32Array(fields.length * slots);
  const factors = new Float64Array(fields.length * factorSlots);
  const limits: number[] = [];
  let bit = 0;
  for (const [i, field] of fields.entries()) {
    // Only bits follow bits without a gap: all else begins at the next whole octet.
    const offset = field.bit_offset ?? (field.type === "bits" ? bit : Math.ceil(bit / 8) * 8);
    bit = offset + sizeBits(field);
    const start = headerBytes + Math.floor(offset / 8);
    const limitsAt = field.limits === undefined ? -1 : limits.push(...limitsOf(field)) - 6;
    const read = readOf(field, isLittle(field, definition));
    program.set(
      [
        read,
        start,
        headerBytes + Math.ceil(bit / 8),
        indexOf(field),
        ...detailsOf(field, offset, read),
        calibrationOf(field),
        limitsAt,
      ],
      i * slots,
    );
    factors.set([...linearOf(field), epochMsOf(field), unitMsOf(field)], i * factorSlots);
  }
  return {
    name,
    apid,
    fieldCount: fields.length,
    timeField: fields.findIndex((field) => field.name === packet.time),
    program,
    factors,
    coefficients: fields.map(coefficientsOf),
    limits: Float64Array.from(limits),
    conditions: Float64Array.from(packet.when?.flatMap(conditionOf) ?? []),
    next,
  };
}

/** Of bits only what says so itself: a definition's default is of whole numbers. */
function isLittle(field: FieldDefinition, definition: PacketDefinition): boolean {
  return (field.byte_order ?? (field.type === "bits" ? "big" : definition.byte_order)) === "little";
}

function readOf(field: FieldDefinition, little: boolean): number {
  const { type } = field;
  switch (type) {
    case "u8":
    case "i8":
      return readCode[type];
    case "bytes":
    case "string":
      return readCode.octets;
    case "bits":
      if (little) return field.signed === true ? readCode.bytesLittleSigned : readCode.bytesLittle;
      return field.signed === true ? readCode.bitsSigned : readCode.bits;
    case "cuc":
      return cucEpoch(field.epoch).countsLeaps ? readCode.cucLeaps : readCode.cuc;
    case "cds":
      return readCode.cds;
    default:
      return little ? readCode[`${type}Little` as const] : readCode[type];
  }
}

/** A packet's condition with its first bit counted from the packet's first octet. */
function conditionOf({ bit_offset, bits, equals, not, min, max }: PacketCondition): number[] {
  const one = equals ?? not;
  return [bit_offset + headerBytes * 8, bits, one ?? min ?? 0, one ?? max ?? 2 ** bits - 1, not === undefined ? 0 : 1];
}

function sizeBits(field: FieldDefinition): number {
  switch (field.type) {
    case "u8":
    case "i8":
      return 8;
    case "u16":
    case "i16":
      return 16;
    case "u32":
    case "i32":
    case "f32":
      return 32;
    case "u64":
    case "i64":
    case "f64":
      return 64;
    case "bits":
      return field.bits ?? 0;
    case "bytes":
    case "string":
      return (field.bytes ?? 0) * 8;
    case "cuc":
      return (field.coarse_bytes + field.fine_bytes) * 8;
    case "cds":
      return (field.day_bytes + 4 + field.sub_bytes) * 8;
    default:
      return field.type satisfies never;
  }
}

function detailsOf(field: FieldDefinition, startBit: number, read: number): [number, number] {
  if (read === readCode.bytesLittle || read === readCode.bytesLittleSigned) return [0, (field.bits ?? 0) / 8];
  if (field.type === "bits") return [startBit % 8, field.bits ?? 0];
  if (field.type === "cuc") return [field.coarse_bytes + field.fine_bytes, 0];
  if (field.type === "cds") return [field.day_bytes, field.sub_bytes];
  return [0, 0];
}

function epochMsOf(field: FieldDefinition): number {
  if (field.type === "cuc") return cucEpoch(field.epoch).ms;
  return field.type === "cds" ? cdsEpochMs(field.epoch) : 0;
}

function unitMsOf(field: FieldDefinition): number {
  if (field.type === "cuc") return 1000 / 256 ** field.fine_bytes;
  return field.sub_bytes === 4 ? 1e-9 : 1e-3;
}

function calibrationOf({ calibration }: FieldDefinition): number {
  if (calibration === undefined || "enum" in calibration) return calibrationCode.linear;
  if ("table" in calibration) return calibrationCode.table;
  return calibration.polynomial.length <= 2 ? calibrationCode.linear : calibrationCode.polynomial;
}

function linearOf({ calibration }: FieldDefinition): [number, number] {
  if (calibration === undefined || !("polynomial" in calibration)) return [0, 1];
  return [calibration.polynomial[0] ?? 0, calibration.polynomial[1] ?? 0];
}

/** Of a polynomial as written; of a table raw and value by turns. */
function coefficientsOf(field: FieldDefinition): Float64Array {
  const { calibration } = field;
  if (calibration === undefined || "enum" in calibration) return new Float64Array(0);
  return Float64Array.from("table" in calibration ? calibration.table.flat() : calibration.polynomial);
}

/** A level that is left out is as wide as the graver one. */
function limitsOf(field: FieldDefinition): number[] {
  const { watch, warning, critical } = field.limits ?? {};
  const criticalLow = critical?.low ?? Number.NEGATIVE_INFINITY;
  const criticalHigh = critical?.high ?? Number.POSITIVE_INFINITY;
  const warningLow = warning?.low ?? criticalLow;
  const warningHigh = warning?.high ?? criticalHigh;
  return [criticalLow, warningLow, watch?.low ?? warningLow, watch?.high ?? warningHigh, warningHigh, criticalHigh];
}

function textsOf(field: FieldDefinition): ReadonlyMap<number, string> | null {
  const { calibration } = field;
  if (calibration === undefined || !("enum" in calibration)) return null;
  return new Map(Object.entries(calibration.enum).map(([raw, text]) => [Number(raw), text]));
}
