/** The database's clock, carried on by a monotonic one: passes begin and end by it, so a node whose own clock jumps does no harm. */

export interface StoreTime {
  /** `storeMs` was read between the monotonic moments `sentMs` and `receivedMs`. */
  noted(storeMs: number, sentMs: number, receivedMs: number): void;
  /** Milliseconds since 1970. Before anything was noted, the node's own clock. */
  nowMs(): number;
}

export function createStoreTime(monotonicMs: () => number): StoreTime {
  let offsetMs = Date.now() - monotonicMs();
  return {
    noted(storeMs, sentMs, receivedMs) {
      if (Number.isFinite(storeMs)) offsetMs = storeMs - (sentMs + receivedMs) / 2;
    },
    nowMs: () => monotonicMs() + offsetMs,
  };
}
