/** The shapes in which packets travel from a socket to the telemetry store: flat arrays, a batch at a time, no object a packet. */
import type { ShipFormat } from "../model/pass.ts";

/** What a ship sends in a datagram: CCSDS space packets (one or several), one raw record, or one JSON object. */
export type PacketFormat = ShipFormat;

/** Datagrams back to back in one buffer. Theirs until the receiver gets its credit back: copy what must live longer. */
export interface DatagramBatch {
  readonly bytes: Uint8Array;
  /** How many datagrams; `ends` and `arrivedMs` may be longer than this. */
  readonly count: number;
  /** Where each datagram ends in `bytes`; it starts where the one before it ends. */
  readonly ends: Uint32Array;
  /** Milliseconds since 1970 (with a fraction) at which each datagram was read from its socket. */
  readonly arrivedMs: Float64Array;
}

/** The good packets of a batch of datagrams, idle ones left out. `bytes` is the datagrams' buffer: nothing is copied. */
export interface PacketBatch {
  readonly format: PacketFormat;
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Where each packet starts in `bytes`, primary header included. */
  readonly starts: Uint32Array;
  readonly sizes: Uint32Array;
  /** 0 for `raw` and `json`. */
  readonly apids: Uint16Array;
  /** The sequence count as sent, modulo 16,384; 0 for `raw` and `json`. */
  readonly sequenceCounts: Uint16Array;
  readonly arrivedMs: Float64Array;
}

/** What the sequence account says of a packet; all but `duplicate` are stored. */
export const verdictCode = {
  /** Ahead of all others of its APID. */
  fresh: 0,
  /** Out of order: it fills a gap, or comes before the first. */
  late: 1,
  /** Seen before, the same bytes: not stored. */
  duplicate: 2,
  /** Its sequence count was seen before with other bytes: stored and flagged. */
  conflict: 3,
} as const;

export type VerdictCode = (typeof verdictCode)[keyof typeof verdictCode];
