/** One seeded scheduler with a virtual clock: the same seed gives the same order of everything. */
import { setImmediate } from "node:timers";
import { type Clock, instantOf } from "../../src/model/clock.ts";
import type { Timers } from "../../src/supervisor/supervisor.ts";

/** mulberry32: small, seeded, good enough to choose faults. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const startMs = Date.UTC(2026, 0, 1);

export class Scheduler {
  readonly random: () => number;
  nowMs = 0;
  /** How many things happened. */
  steps = 0;
  /** A running hash of what happened, to compare two runs of one seed. */
  hash = 0;
  #queue: Due[] = [];
  #order = 0;
  #ids = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  after(delayMs: number, run: () => void): void {
    const due: Due = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle];
      if (other !== undefined && (other.atMs < due.atMs || (other.atMs === due.atMs && other.order < due.order)))
        low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, due);
  }

  /** Up to `maxMs`, mostly short: that is what makes things overtake each other. */
  delayMs(maxMs: number): number {
    return this.random() ** 2 * maxMs;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new Error("Cannot pick from nothing");
    return item;
  }

  newId(): string {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${String(this.#ids).padStart(12, "0")}`;
  }

  note(what: string): void {
    for (let i = 0; i < what.length; i++) this.hash = (Math.imul(this.hash, 31) + what.charCodeAt(i)) | 0;
  }

  /** Runs what is due until `isDone`, or nothing is left; throws when it takes more than `stepsMax`. */
  async runUntil(isDone: () => boolean, stepsMax: number): Promise<void> {
    for (let step = 0; !isDone(); step++) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (step > stepsMax) throw new Error(`Not done after ${stepsMax} steps: something waits for ever`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.steps += 1;
      next.run();
      // Lets every promise that this settled run on before the next thing happens.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  readonly clock: Clock = {
    now: () => instantOf(startMs + this.nowMs),
    monotonicMs: () => this.nowMs,
  };

  /** `isAlive`: a node that crashed never wakes again. */
  timersOf(isAlive: () => boolean): Timers {
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => this.after(ms, () => void (isAlive() && resolve())));
    return {
      sleep,
      breathe: () => sleep(0),
      every: (ms, work) => {
        let isOn = true;
        const tick = (): void => {
          if (!isOn || !isAlive()) return;
          work();
          this.after(ms, tick);
        };
        this.after(ms, tick);
        return () => {
          isOn = false;
        };
      },
    };
  }
}
