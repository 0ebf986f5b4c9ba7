/** Cuts what a batch of datagrams held into slices that fit one telemetry entry; the arrays are shared, nothing is copied. */
import type { PacketBatch } from "./batch.ts";
import type { Ingested } from "./ingest.ts";

/** A slice ends before its packets exceed this, unless a single one does. */
const sliceBytesMax = 1024 * 1024;

/** What is not a packet (datagrams, bytes, idle, rejects) is told with the first slice, which is there even without packets. */
export function* slicesOf(ingested: Ingested, packetsMax: number): Generator<Ingested> {
  const { packets } = ingested;
  let from = 0;
  do {
    let to = from;
    for (let bytes = 0; to < packets.count && to - from < packetsMax; to++) {
      bytes += packets.sizes[to] ?? 0;
      if (bytes > sliceBytesMax && to > from) break;
    }
    const slice = packetSlice(packets, from, to);
    if (from === 0) yield { ...ingested, packets: slice, received: ingested.received - packets.count + slice.count };
    else yield { ...nothingBeside, packets: slice, received: slice.count };
    from = to;
  } while (from < packets.count);
}

const nothingBeside = { datagrams: 0, bytes: 0, idle: 0, rejected: new Map(), samples: [] };

/** Packets `from` up to, and without, `to`; nothing is copied. */
export function packetSlice(packets: PacketBatch, from: number, to: number): PacketBatch {
  return {
    format: packets.format,
    bytes: packets.bytes,
    count: to - from,
    starts: packets.starts.subarray(from, to),
    sizes: packets.sizes.subarray(from, to),
    apids: packets.apids.subarray(from, to),
    sequenceCounts: packets.sequenceCounts.subarray(from, to),
    arrivedMs: packets.arrivedMs.subarray(from, to),
  };
}
