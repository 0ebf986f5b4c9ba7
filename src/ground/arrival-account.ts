/** The account of arrival: datagrams and packets, as far as they are settled, and what only their sockets know. */
import type { RejectReason } from "./ccsds.ts";
import type { LateJson } from "./ledger-json.ts";

/** What arrived, as far as it is settled. */
export interface Arrival {
  datagrams: number;
  bytes: number;
  received: number;
  idle: number;
  stored: number;
  duplicates: number;
  outOfOrder: number;
  conflicts: number;
  storeDrops: number;
  outageMs: number;
  rejected: Record<RejectReason, number>;
  /** Absent: nothing came after the pass. */
  late?: LateJson;
}

/** What only the receiver knows, of one socket or of several one after the other. */
export interface SocketCounts {
  readonly queueDrops: number;
  readonly queueDropDatagrams: number;
  readonly queueDropBytes: number;
  readonly overQuota: number;
  readonly overQuotaDatagrams: number;
  readonly overQuotaBytes: number;
  readonly kernelDrops: number | null;
}

export const noSockets: SocketCounts = {
  ...{ queueDrops: 0, queueDropDatagrams: 0, queueDropBytes: 0, kernelDrops: 0 },
  ...{ overQuota: 0, overQuotaDatagrams: 0, overQuotaBytes: 0 },
};
export function emptyArrival(): Arrival {
  return {
    datagrams: 0,
    bytes: 0,
    received: 0,
    idle: 0,
    stored: 0,
    duplicates: 0,
    outOfOrder: 0,
    conflicts: 0,
    storeDrops: 0,
    outageMs: 0,
    rejected: {
      too_short: 0,
      bad_version: 0,
      bad_length: 0,
      oversized: 0,
      unknown_ship: 0,
      bad_crc: 0,
      bad_json: 0,
      over_quota: 0,
    },
  };
}
