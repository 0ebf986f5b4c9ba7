/** Reads a ship's newest packets, newest first, a page at a time, from whatever keeps entries in streams. */
import type { PassId } from "../model/pass.ts";
import { placesOf, type StoredEntry } from "./entry.ts";
import type { TelemetryCursor, TelemetryPacket } from "./telemetry.ts";

export interface StreamShelf {
  /** A ship's streams, newest first, up to a bound. */
  streams(ship: string): Promise<readonly { readonly name: string; readonly passId: PassId }[]>;
  /** Up to `countMax` entries below number `below`, newest first. */
  entriesBelow(ship: string, stream: string, below: number, countMax: number): Promise<StoredEntry[]>;
}

/** Small, as an entry may hold 256 packets: most pages need one. */
const entriesAtOnce = 4;
/** A page ends at this size, whatever its limit: packets may be 64 KiB each. */
const pageBytesMax = 4 * 1024 * 1024;
/** One page looks into this many streams at most; a page may so be short and still have a next one. */
const streamsMax = 64;

export async function readBackwards(
  shelf: StreamShelf,
  ship: string,
  limit: number,
  before?: TelemetryCursor,
): Promise<{ packets: TelemetryPacket[]; next: TelemetryCursor | null }> {
  const packets: TelemetryPacket[] = [];
  const streams = await shelf.streams(ship);
  const first = before === undefined ? 0 : streams.findIndex((stream) => stream.name === before.stream);
  if (first < 0) return { packets, next: null };
  let visited = 0;
  let bytes = 0;
  for (const stream of streams.slice(first)) {
    const isFirst = before !== undefined && stream.name === before.stream;
    if (visited === streamsMax) return { packets, next: endOf(stream.name) };
    visited += 1;
    // The cursor's own entry is read again, for the packets that lie before it.
    let below = isFirst ? before.entry + 1 : Number.MAX_SAFE_INTEGER;
    for (;;) {
      const entries = await shelf.entriesBelow(ship, stream.name, below, entriesAtOnce);
      for (const entry of entries) {
        const places = placesOf(entry.payload);
        const upTo = isFirst && entry.entry === before.entry ? Math.min(before.packet, places.length) : places.length;
        for (let index = upTo - 1; index >= 0; index--) {
          if (packets.length === limit || bytes > pageBytesMax) {
            return { packets, next: { stream: stream.name, entry: entry.entry, packet: index + 1 } };
          }
          const place = places[index];
          if (place === undefined) break;
          bytes += place.sizeBytes;
          packets.push({
            passId: stream.passId,
            arrivedMs: place.arrivedMs,
            conflict: place.conflict,
            bytes: entry.payload.subarray(place.start, place.start + place.sizeBytes),
          });
        }
        below = entry.entry;
      }
      if (entries.length < entriesAtOnce) break;
    }
  }
  return { packets, next: null };
}

function endOf(stream: string): TelemetryCursor {
  return { stream, entry: Number.MAX_SAFE_INTEGER - 1, packet: Number.MAX_SAFE_INTEGER };
}
