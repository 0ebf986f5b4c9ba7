/** Decodes packets by a compiled plan into flat arrays: no object, no string, no allocation a field. */
import {
  calibrationCode,
  conditionSlots,
  type DecodePlan,
  factorSlots,
  type PacketPlan,
  readCode,
  slot,
  slots,
} from "./field-plan.ts";
import { utcOfTai } from "./time-codes.ts";

/** Worse is larger; 0 also where there are no limits. */
export const limitNames = [
  "ok",
  "watch_low",
  "watch_high",
  "warning_low",
  "warning_high",
  "critical_low",
  "critical_high",
] as const;
export type LimitName = (typeof limitNames)[number];

/** The newest value of every parameter of a plan, by its index. */
export interface Values {
  /** 1 once there is a value. */
  readonly known: Uint8Array;
  readonly raw: Float64Array;
  /** Calibrated; of a time: milliseconds since 1970. */
  readonly value: Float64Array;
  /** An index into `limitNames`. */
  readonly limit: Uint8Array;
  /** The octets of bytes, strings and 64-bit integers, which no double holds. */
  readonly octets: readonly (Uint8Array | null)[];
}

export function emptyValues({ parameters }: DecodePlan): Values {
  const count = parameters.length;
  return {
    known: new Uint8Array(count),
    raw: new Float64Array(count),
    value: new Float64Array(count),
    limit: new Uint8Array(count),
    octets: parameters.map(({ keptBytes }) => (keptBytes === 0 ? null : new Uint8Array(keptBytes))),
  };
}

/** The plan's packet for the one at `start`: its APID's first whose conditions are met. Its index, or −1. */
export function packetIndex(
  { byApid, packets }: DecodePlan,
  apid: number,
  view: DataView,
  start: number,
  sizeBytes: number,
): number {
  let index = byApid[apid] ?? -1;
  for (;;) {
    const packet = packets[index];
    if (packet === undefined || meets(packet.conditions, view, start, sizeBytes)) return index;
    index = packet.next;
  }
}

function meets(conditions: Float64Array, view: DataView, start: number, sizeBytes: number): boolean {
  for (let c = 0; c < conditions.length; c += conditionSlots) {
    const bit = conditions[c] ?? 0;
    const bits = conditions[c + 1] ?? 0;
    if (bit + bits > sizeBytes * 8) return false;
    const value = readBits(view, start + (bit >> 3), bit & 7, bits);
    const within = value >= (conditions[c + 2] ?? 0) && value <= (conditions[c + 3] ?? 0);
    if (within === (conditions[c + 4] === 1)) return false;
  }
  return true;
}

/**
 * Decodes the packet at `start` of `view`. A field that the packet is too short for keeps its value. Returns whether
 * the limit state of any field is another one now.
 */
export function decodeInto(
  values: Values,
  packet: PacketPlan,
  view: DataView,
  start: number,
  sizeBytes: number,
): boolean {
  const { program, factors, fieldCount, limits } = packet;
  const { known, raw: raws, value: calibrated, limit: states } = values;
  let isChanged = false;
  for (let i = 0, p = 0; i < fieldCount; i++, p += slots) {
    if ((program[p + slot.end] ?? 0) > sizeBytes) continue;
    const parameter = program[p + slot.parameter] ?? 0;
    const at = start + (program[p + slot.start] ?? 0);
    const raw = readField(packet, i, p, view, at);
    if ((program[p + slot.read] ?? 0) >= readCode.u64) keepOctets(values.octets[parameter], view, at);
    const f = i * factorSlots;
    const value =
      program[p + slot.calibration] === calibrationCode.linear
        ? (factors[f] ?? 0) + (factors[f + 1] ?? 0) * raw
        : calibrate(packet, i, p, raw);
    known[parameter] = 1;
    raws[parameter] = raw;
    calibrated[parameter] = value;
    const limitsAt = program[p + slot.limits] ?? -1;
    if (limitsAt === -1) continue;
    const limit = limitOf(limits, limitsAt, value);
    if (limit === states[parameter]) continue;
    states[parameter] = limit;
    isChanged = true;
  }
  return isChanged;
}

function keepOctets(octets: Uint8Array | null | undefined, view: DataView, at: number): void {
  if (octets === null || octets === undefined) return;
  for (let i = 0; i < octets.length; i++) octets[i] = view.getUint8(at + i);
}

function readField(packet: PacketPlan, i: number, p: number, view: DataView, at: number): number {
  const { program, factors } = packet;
  switch (program[p + slot.read]) {
    case readCode.u8:
      return view.getUint8(at);
    case readCode.i8:
      return view.getInt8(at);
    case readCode.u16:
      return view.getUint16(at, false);
    case readCode.u16Little:
      return view.getUint16(at, true);
    case readCode.i16:
      return view.getInt16(at, false);
    case readCode.i16Little:
      return view.getInt16(at, true);
    case readCode.u32:
      return view.getUint32(at, false);
    case readCode.u32Little:
      return view.getUint32(at, true);
    case readCode.i32:
      return view.getInt32(at, false);
    case readCode.i32Little:
      return view.getInt32(at, true);
    case readCode.u64:
      return view.getUint32(at, false) * 2 ** 32 + view.getUint32(at + 4, false);
    case readCode.u64Little:
      return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    case readCode.i64:
      return view.getInt32(at, false) * 2 ** 32 + view.getUint32(at + 4, false);
    case readCode.i64Little:
      return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    case readCode.f32:
      return view.getFloat32(at, false);
    case readCode.f32Little:
      return view.getFloat32(at, true);
    case readCode.f64:
      return view.getFloat64(at, false);
    case readCode.f64Little:
      return view.getFloat64(at, true);
    default:
      return readLong(
        program[p + slot.read] ?? 0,
        program[p + slot.detailA] ?? 0,
        program[p + slot.detailB] ?? 0,
        factors[i * factorSlots + 2] ?? 0,
        factors[i * factorSlots + 3] ?? 0,
        view,
        at,
      );
  }
}

/** What takes a loop over its octets. */
function readLong(
  read: number,
  detailA: number,
  detailB: number,
  epochMs: number,
  unitMs: number,
  view: DataView,
  at: number,
): number {
  switch (read) {
    case readCode.bits:
      return readBits(view, at, detailA, detailB);
    case readCode.bitsSigned:
      return signed(readBits(view, at, detailA, detailB), detailB);
    case readCode.bytesLittle:
      return readLittle(view, at, detailB);
    case readCode.bytesLittleSigned:
      return signed(readLittle(view, at, detailB), detailB * 8);
    case readCode.cuc:
      return epochMs + readUnsigned(view, at, detailA) * unitMs;
    case readCode.cucLeaps:
      return utcOfTai(epochMs + readUnsigned(view, at, detailA) * unitMs);
    case readCode.cds:
      return epochMs + cdsMs(view, at, detailA, detailB, unitMs);
    default:
      return 0; // octets: copied, not a number
  }
}

/** Two's complement of `bits` bits. */
function signed(value: number, bits: number): number {
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

function readLittle(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + view.getUint8(at + i);
  return value;
}

function readBits(view: DataView, at: number, firstBit: number, bitCount: number): number {
  const end = firstBit + bitCount;
  const whole = end >> 3;
  // Four octets fit the 32 bits that shifts work on.
  if (end <= 32) {
    const octets = (end + 7) >> 3;
    let word = 0;
    for (let i = 0; i < octets; i++) word = (word << 8) | view.getUint8(at + i);
    return bitCount === 32 ? word >>> 0 : (word >>> (octets * 8 - end)) & ((1 << bitCount) - 1);
  }
  let value = view.getUint8(at) & (0xff >> firstBit);
  for (let i = 1; i < whole; i++) value = value * 256 + view.getUint8(at + i);
  const rest = end & 7;
  return rest === 0 ? value : value * (1 << rest) + (view.getUint8(at + whole) >> (8 - rest));
}

function readUnsigned(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + view.getUint8(at + i);
  return value;
}

function cdsMs(view: DataView, at: number, dayBytes: number, subBytes: number, unitMs: number): number {
  const below = readUnsigned(view, at + dayBytes + 4, subBytes) * unitMs;
  return readUnsigned(view, at, dayBytes) * 86_400_000 + view.getUint32(at + dayBytes) + below;
}

function calibrate({ program, coefficients: all }: PacketPlan, i: number, p: number, raw: number): number {
  const coefficients = all[i];
  if (coefficients === undefined) return raw;
  if (program[p + slot.calibration] === calibrationCode.table) return interpolate(coefficients, raw);
  let value = 0;
  for (let c = coefficients.length - 1; c >= 0; c--) value = value * raw + (coefficients[c] ?? 0);
  return value;
}

/** `points`: raw and value by turns, raw ascending. Flat outside. */
function interpolate(points: Float64Array, raw: number): number {
  const last = points.length / 2 - 1;
  if (!(raw > (points[0] ?? 0))) return points[1] ?? 0;
  if (raw >= (points[last * 2] ?? 0)) return points[last * 2 + 1] ?? 0;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle * 2] ?? 0) <= raw) low = middle;
    else high = middle;
  }
  const rawLow = points[low * 2] ?? 0;
  const valueLow = points[low * 2 + 1] ?? 0;
  const share = (raw - rawLow) / ((points[high * 2] ?? 0) - rawLow);
  return valueLow + share * ((points[high * 2 + 1] ?? 0) - valueLow);
}

/** `limits[at …]`: critical, warning, watch low; watch, warning, critical high, each within the next. What is no number is critical. */
function limitOf(limits: Float64Array, at: number, value: number): number {
  if (value >= (limits[at + 2] ?? 0) && value <= (limits[at + 3] ?? 0)) return 0;
  if (value < (limits[at] ?? 0)) return 5;
  if (value < (limits[at + 1] ?? 0)) return 3;
  if (value < (limits[at + 2] ?? 0)) return 1;
  if (value <= (limits[at + 4] ?? 0)) return 2;
  if (value <= (limits[at + 5] ?? 0)) return 4;
  return 6;
}
