/**
 * Gathers single look-ups into few. A key asked for while a fetch is under way waits for the next one, so that an answer
 * is never older than its question.
 */

interface Waiting<Value> {
  resolve(value: Value | undefined): void;
  reject(error: unknown): void;
}

export class Batcher<Key, Value> {
  readonly #fetch: (keys: Key[]) => Promise<Map<Key, Value>>;
  readonly #inFlightMax: number;
  readonly #keysMax: number;
  readonly #waiting = new Map<Key, Waiting<Value>[]>();
  #inFlight = 0;
  #scheduled = false;

  constructor(fetch: (keys: Key[]) => Promise<Map<Key, Value>>, bounds: { inFlightMax: number; keysMax: number }) {
    this.#fetch = fetch;
    this.#inFlightMax = bounds.inFlightMax;
    this.#keysMax = bounds.keysMax;
  }

  /** The value as of a moment after this call; undefined if there is none. */
  get(key: Key): Promise<Value | undefined> {
    return new Promise((resolve, reject) => {
      const known = this.#waiting.get(key);
      if (known) known.push({ resolve, reject });
      else this.#waiting.set(key, [{ resolve, reject }]);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#inFlightMax) return;
    this.#scheduled = true;
    // At the end of this tick: what is asked for together shares the batch.
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#waiting.size === 0 || this.#inFlight >= this.#inFlightMax) return;
    const batch = new Map<Key, Waiting<Value>[]>();
    for (const [key, waiters] of this.#waiting) {
      if (batch.size >= this.#keysMax) break;
      batch.set(key, waiters);
      this.#waiting.delete(key);
    }
    this.#inFlight += 1;
    try {
      const values = await this.#fetch([...batch.keys()]);
      for (const [key, waiters] of batch) for (const waiter of waiters) waiter.resolve(values.get(key));
    } catch (error) {
      for (const waiters of batch.values()) for (const waiter of waiters) waiter.reject(error);
    } finally {
      this.#inFlight -= 1;
      if (this.#waiting.size > 0) this.#schedule();
    }
  }
}
