/**
 * An entry: up to 256 packets in one piece, the same bytes in Redis and in segment files.
 *
 *     per packet, little-endian:  f64 arrived, ms since 1970 │ u32 size │ u32 flags │ the packet
 *     flags: 1 = conflict (its sequence count was seen before with other bytes)
 */
import type { PacketBatch, PacketFormat } from "../ground/batch.ts";
import { apidAt, sequenceCountAt } from "../ground/ccsds.ts";
import type { EncodedEntry } from "./telemetry.ts";

export const entryPacketsMax = 256;
const headBytes = 16;
const conflictFlag = 1;

/** One entry as it is read again. */
export interface StoredEntry {
  readonly token: number;
  readonly entry: number;
  readonly payload: Uint8Array;
}

/** Where a packet lies in an entry's payload. */
export interface PacketPlace {
  readonly start: number;
  readonly sizeBytes: number;
  readonly arrivedMs: number;
  readonly conflict: boolean;
}

/** Which packets of a batch to store, by index. */
export interface PacketChoice {
  readonly indexes: Uint32Array;
  readonly count: number;
  isConflict(index: number): boolean;
}

/** Packs the chosen packets. More than 256 are the caller's mistake. */
export function encodeEntry(batch: PacketBatch, choice: PacketChoice): EncodedEntry {
  if (choice.count > entryPacketsMax)
    throw new RangeError(`An entry takes ${entryPacketsMax} packets, not ${choice.count}`);
  let bytes = 0;
  for (let i = 0; i < choice.count; i++) bytes += batch.sizes[choice.indexes[i] ?? 0] ?? 0;
  const payload = new Uint8Array(bytes + choice.count * headBytes);
  const view = new DataView(payload.buffer);
  let at = 0;
  for (let i = 0; i < choice.count; i++) {
    const index = choice.indexes[i] ?? 0;
    const start = batch.starts[index] ?? 0;
    const size = batch.sizes[index] ?? 0;
    view.setFloat64(at, batch.arrivedMs[index] ?? 0, true);
    view.setUint32(at + 8, size, true);
    view.setUint32(at + 12, choice.isConflict(index) ? conflictFlag : 0, true);
    payload.set(batch.bytes.subarray(start, start + size), at + headBytes);
    at += headBytes + size;
  }
  return { packets: choice.count, bytes, payload };
}

/** The places of all packets in a payload. A payload that ends early gives those that are whole. */
export function placesOf(payload: Uint8Array): PacketPlace[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const places: PacketPlace[] = [];
  for (let at = 0; at + headBytes <= payload.length; ) {
    const sizeBytes = view.getUint32(at + 8, true);
    const start = at + headBytes;
    if (start + sizeBytes > payload.length) break;
    places.push({
      start,
      sizeBytes,
      arrivedMs: view.getFloat64(at, true),
      conflict: (view.getUint32(at + 12, true) & conflictFlag) !== 0,
    });
    at = start + sizeBytes;
  }
  return places;
}

/** A payload as a batch of packets, for whoever judges or decodes what was stored. */
export function packetBatchOf(payload: Uint8Array, format: PacketFormat): PacketBatch {
  const places = placesOf(payload);
  const hasHeader = format === "ccsds";
  return {
    format,
    bytes: payload,
    count: places.length,
    starts: Uint32Array.from(places, (place) => place.start),
    sizes: Uint32Array.from(places, (place) => place.sizeBytes),
    apids: Uint16Array.from(places, (place) => (hasHeader ? apidAt(payload, place.start) : 0)),
    sequenceCounts: Uint16Array.from(places, (place) => (hasHeader ? sequenceCountAt(payload, place.start) : 0)),
    arrivedMs: Float64Array.from(places, (place) => place.arrivedMs),
  };
}
