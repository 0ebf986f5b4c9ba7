/** A ship as a tenant: what it may use of what it shares with others, and how long what it sent is kept. */

/** Null: no quota. */
export interface ShipQuota {
  /** Packets a second of each of its ports; a second's worth may come at once. */
  readonly packetsPerS: number | null;
  /** Octets in the hot store, in archives and in what lies beside these. */
  readonly bytesKept: number | null;
  /** Octets in the hot store; null: as many as the configuration allows any ship. */
  readonly hotBytes: number | null;
}

/** How long what a pass leaves is kept, counted from its LOS. */
export interface ShipRetention {
  /** Its archive and all that lies beside it; null: for ever. */
  readonly archiveDays: number | null;
  /** Its packets in the hot store, once they are archived; null: a day in Redis, and in files until room is needed. */
  readonly hotHours: number | null;
  /** Its counters over time; null: 90 days. */
  readonly snapshotDays: number | null;
}

export const noQuota: ShipQuota = { packetsPerS: null, bytesKept: null, hotBytes: null };
export const defaultRetention: ShipRetention = { archiveDays: null, hotHours: null, snapshotDays: null };

/** The bounds of both, for every place that reads them. */
export const tenancyBounds = {
  packetsPerS: [1, 10_000_000],
  bytesKept: [0, Number.MAX_SAFE_INTEGER],
  /** An entry of 1 MiB must fit, several times. */
  hotBytes: [16 * 1024 * 1024, Number.MAX_SAFE_INTEGER],
  days: [0.01, 36_500],
  hours: [0.01, 876_000],
} as const satisfies Record<string, readonly [number, number]>;
