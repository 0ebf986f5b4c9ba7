/** Compiles a packet definition once into flat arrays that a decoder walks: offsets, kinds, calibrations and limits, no lookups by name. */

import { headerBytes } from "./ccsds.ts";
import type { FieldDefinition, PacketDefinition, PacketType } from "./packet-definition.ts";

/** How a field's octets are read. */
export const readCode = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  u64: 6,
  i64: 7,
  f32: 8,
  f64: 9,
  bits: 10,
  cuc: 11,
  cds: 12,
  octets: 13,
} as const;

export const calibrationCode = { none: 0, linear: 1, polynomial: 2, table: 3 } as const;

/** What a parameter is, for whoever shows it. */
export interface Parameter {
  readonly name: string;
  readonly packet: string;
  readonly apid: number;
  readonly field: FieldDefinition;
  /** The texts of an enum, by raw value. */
  readonly texts: ReadonlyMap<number, string> | null;
  readonly littleEndian: boolean;
}

/** The fields of one packet type; index i of each array is its field i, and parameter `firstParameter + i`. */
export interface PacketPlan {
  readonly name: string;
  readonly apid: number;
  readonly fieldCount: number;
  readonly firstParameter: number;
  /** The field with the packet's time, or −1. */
  readonly timeField: number;
  readonly reads: Uint8Array;
  readonly littleEndian: Uint8Array;
  /** From the packet's first octet, header included. */
  readonly starts: Uint32Array;
  /** Where the field's last octet ends: a shorter packet does not have it. */
  readonly ends: Uint32Array;
  /** Of `bits`: the first bit in its first octet, and how many. Of cuc and cds: octets of the first part, octets of the last. */
  readonly detailA: Uint8Array;
  readonly detailB: Uint8Array;
  /** Added to cuc and cds times: their epoch in ms since 1970, UTC. */
  readonly epochMs: Float64Array;
  readonly calibrations: Uint8Array;
  readonly coefficients: readonly Float64Array[];
  /** Six a field: critical, warning, watch low; watch, warning, critical high. Infinite where there is none. */
  readonly limits: Float64Array;
  readonly hasLimits: Uint8Array;
}

export interface DecodePlan {
  readonly definition: PacketDefinition;
  readonly parameters: readonly Parameter[];
  readonly packets: readonly PacketPlan[];
  /** By APID; the index in `packets`, or −1. */
  readonly byApid: Int16Array;
}

export function compilePlan(definition: PacketDefinition): DecodePlan {
  const byApid = new Int16Array(2048).fill(-1);
  const parameters: Parameter[] = [];
  const packets = definition.packets.map((packet, index) => {
    byApid[packet.apid] = index;
    const plan = compilePacket(packet, definition, parameters.length);
    for (const [i, field] of packet.fields.entries()) {
      const littleEndian = plan.littleEndian[i] === 1;
      parameters.push({
        name: field.name,
        packet: packet.name,
        apid: packet.apid,
        field,
        texts: textsOf(field),
        littleEndian,
      });
    }
    return plan;
  });
  return { definition, parameters, packets, byApid };
}

function compilePacket(packet: PacketType, definition: PacketDefinition, firstParameter: number): PacketPlan {
  const count = packet.fields.length;
  const plan: PacketPlan = {
    name: packet.name,
    apid: packet.apid,
    fieldCount: count,
    firstParameter,
    timeField: packet.fields.findIndex((field) => field.name === packet.time),
    reads: new Uint8Array(count),
    littleEndian: new Uint8Array(count),
    starts: new Uint32Array(count),
    ends: new Uint32Array(count),
    detailA: new Uint8Array(count),
    detailB: new Uint8Array(count),
    epochMs: new Float64Array(count),
    calibrations: new Uint8Array(count),
    coefficients: packet.fields.map(coefficientsOf),
    limits: Float64Array.from(packet.fields.flatMap(limitsOf)),
    hasLimits: Uint8Array.from(packet.fields, (field) => (field.limits === undefined ? 0 : 1)),
  };
  let bit = 0;
  for (const [i, field] of packet.fields.entries()) {
    // Only bits follow bits without a gap: all else begins at the next whole octet.
    const offset = field.bit_offset ?? (field.type === "bits" ? bit : Math.ceil(bit / 8) * 8);
    bit = offset + sizeBits(field);
    plan.starts[i] = headerBytes + Math.floor(offset / 8);
    plan.ends[i] = headerBytes + Math.ceil(bit / 8);
    plan.reads[i] = readOf(field);
    plan.littleEndian[i] = (field.byte_order ?? definition.byte_order) === "little" ? 1 : 0;
    plan.calibrations[i] = calibrationOf(field);
    plan.epochMs[i] = epochMsOf(field);
    const [detailA, detailB] = detailsOf(field, offset);
    plan.detailA[i] = detailA;
    plan.detailB[i] = detailB;
  }
  return plan;
}

function readOf(field: FieldDefinition): number {
  const { type } = field;
  return type === "bytes" || type === "string" ? readCode.octets : readCode[type];
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

function detailsOf(field: FieldDefinition, startBit: number): [number, number] {
  if (field.type === "bits") return [startBit % 8, field.bits ?? 0];
  if (field.type === "cuc") return [field.coarse_bytes, field.fine_bytes];
  if (field.type === "cds") return [field.day_bytes, field.sub_bytes];
  return [0, 0];
}

/** TAI is 37 s ahead of UTC since 2017, GPS 18 s. `cds` counts days of UTC: no leap seconds in it. */
function epochMsOf(field: FieldDefinition): number {
  switch (field.epoch) {
    case "tai":
      return Date.UTC(1958, 0, 1) - (field.type === "cuc" ? 37_000 : 0);
    case "gps":
      return Date.UTC(1980, 0, 6) - (field.type === "cuc" ? 18_000 : 0);
    case "unix":
      return 0;
    default:
      return field.epoch satisfies never;
  }
}

function calibrationOf(field: FieldDefinition): number {
  const { calibration } = field;
  if (calibration === undefined || "enum" in calibration) return calibrationCode.none;
  if ("table" in calibration) return calibrationCode.table;
  return calibration.polynomial.length <= 2 ? calibrationCode.linear : calibrationCode.polynomial;
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
