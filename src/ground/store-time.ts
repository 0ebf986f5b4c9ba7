/** The database's clock, carried on by a monotonic one: passes begin and end by it, so a node whose own clock jumps does no harm. */

export interface StoreTime {
  /** `storeMs` was read between the monotonic moments `sentMs` and `receivedMs`. */
  noted(storeMs: number, sentMs: number, receivedMs: number): void;
  /** Milliseconds since 1970. Before anything was noted, the node's own clock. */
  nowMs(): number;
}

/** A slow answer says little of when it was read: a better one counts for so long. */
const betterForMs = 60_000;

export function createStoreTime(monotonicMs: () => number): StoreTime {
  let offsetMs = Date.now() - monotonicMs();
  let roundTripMs = Number.POSITIVE_INFINITY;
  let notedAtMs = Number.NEGATIVE_INFINITY;
  return {
    noted(storeMs, sentMs, receivedMs) {
      const tookMs = receivedMs - sentMs;
      if (!Number.isFinite(storeMs)) return;
      if (tookMs > roundTripMs && receivedMs - notedAtMs < betterForMs) return;
      offsetMs = storeMs - (sentMs + receivedMs) / 2;
      roundTripMs = tookMs;
      notedAtMs = receivedMs;
    },
    nowMs: () => monotonicMs() + offsetMs,
  };
}
