/** Entries, streams and what is in them, for tests of telemetry stores. */
import { randomUUID } from "node:crypto";
import type { PacketBatch } from "../../src/ground/batch.ts";
import { buildPacket, sequenceCountAt } from "../../src/ground/ccsds.ts";
import { encodeEntry, placesOf } from "../../src/telemetry/entry.ts";
import type { EncodedEntry, StreamName, Telemetry } from "../../src/telemetry/telemetry.ts";

/** An entry of packets with these sequence counts; the odd ones are flagged as conflicts. */
export function entryOf(...counts: number[]): EncodedEntry {
  const packets = counts.map((sequenceCount) => buildPacket({ apid: 100, sequenceCount, data: new Uint8Array(20) }));
  const starts = packets.map((_, i) => packets.slice(0, i).reduce((sum, packet) => sum + packet.length, 0));
  const batch: PacketBatch = {
    format: "ccsds",
    bytes: Buffer.concat(packets),
    count: packets.length,
    starts: Uint32Array.from(starts),
    sizes: Uint32Array.from(packets, (packet) => packet.length),
    apids: Uint16Array.from(packets, () => 100),
    sequenceCounts: Uint16Array.from(counts),
    arrivedMs: Float64Array.from(counts, (count) => 1_700_000_000_000 + count),
  };
  const indexes = Uint32Array.from(counts.keys());
  return encodeEntry(batch, { indexes, count: counts.length, isConflict: (i) => (counts[i] ?? 0) % 2 === 1 });
}

export const streamOf = (changes: Partial<StreamName> = {}): StreamName => ({
  ship: `ship-${randomUUID()}`,
  passId: randomUUID(),
  token: 1,
  ...changes,
});

export async function countsOf(telemetry: Telemetry, stream: StreamName, after?: { token: number; entry: number }) {
  const counts: number[] = [];
  for await (const entry of telemetry.read(stream, after)) {
    for (const place of placesOf(entry.payload)) counts.push(sequenceCountAt(entry.payload, place.start));
  }
  return counts;
}
