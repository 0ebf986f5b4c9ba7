/** Decodes packets by a compiled plan into flat arrays: no object, no string, no allocation a field. */
import { calibrationCode, type DecodePlan, type PacketPlan, readCode } from "./field-plan.ts";

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

export function emptyValues(plan: DecodePlan): Values {
  const count = plan.parameters.length;
  return {
    known: new Uint8Array(count),
    raw: new Float64Array(count),
    value: new Float64Array(count),
    limit: new Uint8Array(count),
    octets: plan.packets.flatMap((packet) =>
      Array.from(packet.reads, (read, i) =>
        read === readCode.octets || read === readCode.u64 || read === readCode.i64
          ? new Uint8Array((packet.ends[i] ?? 0) - (packet.starts[i] ?? 0))
          : null,
      ),
    ),
  };
}

/**
 * Decodes the packet at `start` of `view`. A field that the packet is too short for keeps its value. Returns the first
 * field (from 0) whose limit state changed, or −1: whoever wants them all looks on from there.
 */
export function decodeInto(
  values: Values,
  packet: PacketPlan,
  view: DataView,
  start: number,
  sizeBytes: number,
): number {
  let firstChange = -1;
  for (let i = 0; i < packet.fieldCount; i++) {
    if ((packet.ends[i] ?? 0) > sizeBytes) continue;
    const parameter = packet.firstParameter + i;
    const at = start + (packet.starts[i] ?? 0);
    const raw = readField(packet, i, view, at);
    const octets = values.octets[parameter];
    if (octets !== null && octets !== undefined)
      for (let o = 0; o < octets.length; o++) octets[o] = view.getUint8(at + o);
    const value = calibrate(packet, i, raw);
    values.known[parameter] = 1;
    values.raw[parameter] = raw;
    values.value[parameter] = value;
    if (packet.hasLimits[i] === 0) continue;
    const limit = limitOf(packet.limits, i * 6, value);
    if (limit === values.limit[parameter]) continue;
    values.limit[parameter] = limit;
    if (firstChange === -1) firstChange = i;
  }
  return firstChange;
}

function readField(packet: PacketPlan, i: number, view: DataView, at: number): number {
  const little = packet.littleEndian[i] === 1;
  switch (packet.reads[i]) {
    case readCode.u8:
      return view.getUint8(at);
    case readCode.i8:
      return view.getInt8(at);
    case readCode.u16:
      return view.getUint16(at, little);
    case readCode.i16:
      return view.getInt16(at, little);
    case readCode.u32:
      return view.getUint32(at, little);
    case readCode.i32:
      return view.getInt32(at, little);
    case readCode.u64:
      return view.getUint32(little ? at + 4 : at, little) * 2 ** 32 + view.getUint32(little ? at : at + 4, little);
    case readCode.i64:
      return view.getInt32(little ? at + 4 : at, little) * 2 ** 32 + view.getUint32(little ? at : at + 4, little);
    case readCode.f32:
      return view.getFloat32(at, little);
    case readCode.f64:
      return view.getFloat64(at, little);
    case readCode.bits:
      return readBits(view, at, packet.detailA[i] ?? 0, packet.detailB[i] ?? 0);
    case readCode.cuc:
      return readCuc(view, at, packet, i);
    case readCode.cds:
      return readCds(view, at, packet, i);
    default:
      return 0; // octets: copied, not a number
  }
}

function readBits(view: DataView, at: number, firstBit: number, bitCount: number): number {
  let value = 0;
  let want = bitCount;
  let bitsHere = 8 - firstBit;
  for (let next = at; want > 0; next++) {
    const octet = view.getUint8(next) & (0xff >> (8 - bitsHere));
    const taken = Math.min(want, bitsHere);
    value = value * 2 ** taken + (octet >> (bitsHere - taken));
    want -= taken;
    bitsHere = 8;
  }
  return value;
}

function readUnsigned(view: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + view.getUint8(at + i);
  return value;
}

function readCuc(view: DataView, at: number, packet: PacketPlan, i: number): number {
  const coarseBytes = packet.detailA[i] ?? 0;
  const fineBytes = packet.detailB[i] ?? 0;
  const seconds =
    readUnsigned(view, at, coarseBytes) + readUnsigned(view, at + coarseBytes, fineBytes) / 256 ** fineBytes;
  return (packet.epochMs[i] ?? 0) + seconds * 1000;
}

function readCds(view: DataView, at: number, packet: PacketPlan, i: number): number {
  const dayBytes = packet.detailA[i] ?? 0;
  const subBytes = packet.detailB[i] ?? 0;
  const days = readUnsigned(view, at, dayBytes);
  const ms = view.getUint32(at + dayBytes);
  const sub = readUnsigned(view, at + dayBytes + 4, subBytes) / (subBytes === 4 ? 1e9 : 1000);
  return (packet.epochMs[i] ?? 0) + days * 86_400_000 + ms + sub;
}

function calibrate(packet: PacketPlan, i: number, raw: number): number {
  const coefficients = packet.coefficients[i];
  if (coefficients === undefined) return raw;
  switch (packet.calibrations[i]) {
    case calibrationCode.linear:
      return (coefficients[0] ?? 0) + (coefficients[1] ?? 0) * raw;
    case calibrationCode.polynomial: {
      let value = 0;
      for (let c = coefficients.length - 1; c >= 0; c--) value = value * raw + (coefficients[c] ?? 0);
      return value;
    }
    case calibrationCode.table:
      return interpolate(coefficients, raw);
    default:
      return raw;
  }
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
