/** How many tasks of a flow run at once. Who waits is let in by priority, then in order. */

export interface Slots {
  /** Resolves with what gives the slot back; rejects when `signal` aborts first. */
  take(priority: number, signal: AbortSignal): Promise<() => void>;
  readonly used: number;
  readonly waiting: number;
}

interface Waiter {
  readonly priority: number;
  begin(): void;
  reject(reason: unknown): void;
}

/** Those who wait under one signal: they share a listener, as to add one costs the more the more there are. */
interface Waiters {
  readonly all: Set<Waiter>;
  readonly onAbort: () => void;
}

export function createSlots(slotsMax: number): Slots {
  /** The first to be let in stands first. Bounded by the messages that the flow holds. */
  let waiters: Waiter[] = [];
  const bySignal = new Map<AbortSignal, Waiters>();
  let used = 0;

  function giveBack(): void {
    const next = waiters.shift();
    if (next === undefined) used -= 1;
    else next.begin();
  }

  /** What gives one slot back, once. */
  function slot(): () => void {
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      giveBack();
    };
  }

  function queue(waiter: Waiter, signal: AbortSignal): void {
    let at = waiters.length;
    while (at > 0 && (waiters[at - 1]?.priority ?? 0) < waiter.priority) at -= 1;
    waiters.splice(at, 0, waiter);
    waitersOf(signal).all.add(waiter);
  }

  function waitersOf(signal: AbortSignal): Waiters {
    const known = bySignal.get(signal);
    if (known !== undefined) return known;
    const all = new Set<Waiter>();
    const onAbort = () => {
      bySignal.delete(signal);
      waiters = waiters.filter((waiter) => !all.has(waiter));
      for (const waiter of all) waiter.reject(signal.reason);
    };
    const own = { all, onAbort };
    bySignal.set(signal, own);
    signal.addEventListener("abort", onAbort, { once: true });
    return own;
  }

  function leave(waiter: Waiter, signal: AbortSignal): void {
    const own = bySignal.get(signal);
    own?.all.delete(waiter);
    if (own?.all.size !== 0) return;
    bySignal.delete(signal);
    signal.removeEventListener("abort", own.onAbort);
  }

  return {
    async take(priority, signal) {
      signal.throwIfAborted();
      if (used < slotsMax) {
        used += 1;
        return slot();
      }
      const { promise, resolve, reject } = Promise.withResolvers<() => void>();
      const waiter: Waiter = {
        priority,
        begin() {
          leave(waiter, signal);
          resolve(slot());
        },
        reject,
      };
      queue(waiter, signal);
      return await promise;
    },
    get used() {
      return used;
    },
    get waiting() {
      return waiters.length;
    },
  };
}
