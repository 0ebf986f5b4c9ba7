/** CCSDS space packets (133.0-B-2, §4.1): reading primary headers in place, and building packets. */
import { crc16 } from "./crc.ts";

export const headerBytes = 6;
/** Idle packets: fill without content. */
export const idleApid = 2047;
export const sequenceModulus = 16_384;

/** Why something received was not a packet of ours. `bad_json` is of the format `json`, all others of `ccsds`. */
export const rejectReasons = [
  "too_short",
  "bad_version",
  "bad_length",
  "oversized",
  "unknown_ship",
  "bad_crc",
  "bad_json",
  "over_quota",
] as const;
export type RejectReason = (typeof rejectReasons)[number];

export interface PrimaryHeader {
  /** 0 telemetry, 1 telecommand. */
  readonly type: 0 | 1;
  readonly secondaryHeader: boolean;
  /** 0–2047; 2047 is idle. */
  readonly apid: number;
  /** 0 continuation, 1 first, 2 last, 3 unsegmented. */
  readonly sequenceFlags: number;
  /** Modulo 16,384. */
  readonly sequenceCount: number;
  /** The whole packet, header included. */
  readonly sizeBytes: number;
}

export interface Reject {
  readonly reject: RejectReason;
}

/**
 * Reads the primary header of the packet that starts at `start`, without copying. `end`: where the datagram's bytes end.
 * A packet may be followed by others before `end`, so only a packet that goes past it has a bad length.
 * Never throws, as a datagram has no caller to tell.
 */
export function readPrimaryHeader(bytes: Uint8Array, start = 0, end = bytes.length): PrimaryHeader | Reject {
  const reject = headerFault(bytes, start, end);
  if (reject !== null) return { reject };
  const first = byteAt(bytes, start);
  return {
    type: (first & 0x10) === 0 ? 0 : 1,
    secondaryHeader: (first & 0x08) !== 0,
    apid: apidAt(bytes, start),
    sequenceFlags: byteAt(bytes, start + 2) >> 6,
    sequenceCount: sequenceCountAt(bytes, start),
    sizeBytes: sizeAt(bytes, start),
  };
}

/** The same check without an object: what a loop over many packets calls. */
export function headerFault(bytes: Uint8Array, start: number, end: number): RejectReason | null {
  if (end - start < headerBytes + 1) return "too_short";
  if (byteAt(bytes, start) >> 5 !== 0) return "bad_version";
  if (sizeAt(bytes, start) > end - start) return "bad_length";
  return null;
}

export function apidAt(bytes: Uint8Array, start: number): number {
  return ((byteAt(bytes, start) & 0x07) << 8) | byteAt(bytes, start + 1);
}

export function sequenceCountAt(bytes: Uint8Array, start: number): number {
  return ((byteAt(bytes, start + 2) & 0x3f) << 8) | byteAt(bytes, start + 3);
}

/** Of the whole packet, as its length field says. */
export function sizeAt(bytes: Uint8Array, start: number): number {
  return ((byteAt(bytes, start + 4) << 8) | byteAt(bytes, start + 5)) + headerBytes + 1;
}

/** How many packets a datagram holds, what cannot be one counting as one: for datagrams that are dropped unread. */
export function countPackets(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end || count === 0; ) {
    count += 1;
    if (headerFault(bytes, at, end) !== null) break;
    at += sizeAt(bytes, at);
  }
  return count;
}

export interface PacketParts {
  readonly apid: number;
  /** Taken modulo 16,384. */
  readonly sequenceCount: number;
  /** The packet data field, secondary header included; one octet at least, if there is no CRC. */
  readonly data: Uint8Array;
  readonly type?: 0 | 1;
  readonly secondaryHeader?: boolean;
  readonly sequenceFlags?: number;
  /** Appends the CRC-16 over all that comes before it. */
  readonly crc?: boolean;
}

/** Builds a packet. Throws `RangeError` for parts that no packet can hold. */
export function buildPacket(parts: PacketParts): Uint8Array<ArrayBuffer> {
  const dataBytes = parts.data.length + (parts.crc === true ? 2 : 0);
  if (dataBytes < 1 || dataBytes > 65_536)
    throw new RangeError(`Cannot build a packet with ${dataBytes} octets of data`);
  if (!(parts.apid >= 0 && parts.apid <= idleApid)) throw new RangeError(`Cannot build a packet of APID ${parts.apid}`);
  const packet = new Uint8Array(headerBytes + dataBytes);
  writePrimaryHeader(packet, parts);
  packet.set(parts.data, headerBytes);
  if (parts.crc === true) writeCrc(packet);
  return packet;
}

/** Fills the first six octets for a packet that takes all of `packet`. */
export function writePrimaryHeader(packet: Uint8Array, parts: Omit<PacketParts, "data" | "crc">): void {
  const count = parts.sequenceCount & (sequenceModulus - 1);
  const lengthField = packet.length - headerBytes - 1;
  packet[0] = ((parts.type ?? 0) << 4) | (parts.secondaryHeader === true ? 0x08 : 0) | (parts.apid >> 8);
  packet[1] = parts.apid & 0xff;
  packet[2] = ((parts.sequenceFlags ?? 3) << 6) | (count >> 8);
  packet[3] = count & 0xff;
  packet[4] = lengthField >> 8;
  packet[5] = lengthField & 0xff;
}

/** Writes the CRC-16 of all octets but the last two into these. */
export function writeCrc(packet: Uint8Array): void {
  const crc = crc16(packet, 0, packet.length - 2);
  packet[packet.length - 2] = crc >> 8;
  packet[packet.length - 1] = crc & 0xff;
}

/** Whether the packet's last two octets are the CRC-16 of those before them. */
export function isCrcRight(bytes: Uint8Array, start: number, sizeBytes: number): boolean {
  if (sizeBytes < headerBytes + 2) return false;
  const end = start + sizeBytes - 2;
  return crc16(bytes, start, end) === ((byteAt(bytes, end) << 8) | byteAt(bytes, end + 1));
}

/** Every caller has checked the bounds: outside them there is nothing to read but 0. */
function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
