/** The loss ledger as people and programs read it: `ledger` of GET /api/pass/{id}, and the export. */
import type { Instant } from "../model/clock.ts";
import type { RejectReason } from "./ccsds.ts";

export interface LedgerJson {
  /** Packets of any kind: received = idle + rejected + duplicates + queue_drops + store_drops + stored. */
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  /** By sequence, all APIDs. */
  readonly missing: number;
  /** Stored although their sequence count had been seen with other bytes. */
  readonly conflicts: number;
  readonly idle: number;
  readonly datagrams: number;
  /** null: unknown on this system. */
  readonly kernel_drops: number | null;
  readonly queue_drops: number;
  readonly store_drops: number;
  /** Missing in gaps that span a time in which nobody listened. */
  readonly outage: number;
  readonly upstream: number;
  readonly unattributed: number;
  readonly outage_ms: number;
  /** Distinct packets among those expected by sequence, 0–1. */
  readonly completeness: number;
  readonly bytes: number;
  /** Of all the above, what came after the pass; null: nothing did. */
  readonly late: LateJson | null;
  readonly apids: readonly ApidJson[];
}

/** What came after the pass and brought something new: a station's recording, a retransmission. No datagrams. */
export interface LateJson {
  /** received = idle + rejected + duplicates + stored */
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly idle: number;
  readonly bytes: number;
  /** How many times packets were added. */
  readonly uploads: number;
  readonly last_at: Instant;
}

export interface ApidJson {
  readonly apid: number;
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly out_of_order: number;
  readonly missing: number;
  /** The first 1,000; `gaps_omitted` counts the others, whose packets are in `missing` all the same. */
  readonly gaps: readonly GapJson[];
  readonly gaps_omitted: number;
  /** Unwrapped, null while none is stored: last_count − first_count + 1 = distinct + missing. The count as sent is this modulo 16,384. */
  readonly first_count: number | null;
  readonly last_count: number | null;
}

export interface GapJson {
  /** The unwrapped count before the first missing one. */
  readonly after: number;
  readonly count: number;
  /** When the packet arrived that showed it. */
  readonly at: Instant;
  /** 16,384 or a multiple of it more may be missing: too much passed unseen for a 14-bit count to tell. */
  readonly ambiguous: boolean;
  readonly outage: boolean;
}
