/** One compute on this node: the jobs leased for it that wait for a slot, and how many more to lease. */
import type { HeldJob } from "./held-job.ts";

/** Jobs of a quick compute that are leased ahead, so that a slot never waits for a claim. */
const aheadMax = 256;
/** Runs that are longer than this on average are not leased ahead: another node may be free for them. */
const quickMs = 25;

export class Lane {
  readonly compute: string;
  readonly concurrency: number;
  readonly #waiting: HeldJob[] = [];
  running = 0;
  /** There may be due jobs in the store beyond those that were leased. */
  mayHaveMore = true;
  /** Moving average; null until the first run. */
  #meanMs: number | null = null;

  constructor(compute: string, concurrency: number) {
    this.compute = compute;
    this.concurrency = concurrency;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many jobs to lease now, when the node has `slots` to spare; 0 until it is worth a statement. */
  room(slots: number): number {
    const ahead = this.#meanMs !== null && this.#meanMs <= quickMs ? aheadMax : 0;
    const room = Math.min(this.concurrency - this.running - this.#waiting.length, slots) + ahead;
    return room >= Math.min(this.concurrency, ahead / 2) ? Math.max(room, 0) : 0;
  }

  get isFull(): boolean {
    return this.running >= this.concurrency;
  }

  add(held: HeldJob): void {
    this.#waiting.push(held);
  }

  /** The next job with a free slot for it, which counts as taken from here on. */
  take(): HeldJob | null {
    while (!this.isFull) {
      const held = this.#waiting.shift();
      if (held === undefined) return null;
      if (held.ending !== null) continue;
      this.running += 1;
      return held;
    }
    return null;
  }

  /** A run is over after `ms`. */
  free(ms: number): void {
    this.running -= 1;
    this.#meanMs = this.#meanMs === null ? ms : this.#meanMs * 0.9 + ms * 0.1;
  }

  /** All that waits, for giving it back. */
  drain(): HeldJob[] {
    return this.#waiting.splice(0);
  }
}
