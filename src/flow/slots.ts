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
}

export function createSlots(slotsMax: number): Slots {
  /** The first to be let in stands first. Bounded by the messages that the flow holds. */
  const waiters: Waiter[] = [];
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

  function queue(waiter: Waiter): void {
    let at = waiters.length;
    while (at > 0 && (waiters[at - 1]?.priority ?? 0) < waiter.priority) at -= 1;
    waiters.splice(at, 0, waiter);
  }

  return {
    async take(priority, signal) {
      signal.throwIfAborted();
      if (used < slotsMax) {
        used += 1;
        return slot();
      }
      const { promise, resolve, reject } = Promise.withResolvers<() => void>();
      const onAbort = () => {
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        priority,
        begin() {
          signal.removeEventListener("abort", onAbort);
          resolve(slot());
        },
      };
      queue(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
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
