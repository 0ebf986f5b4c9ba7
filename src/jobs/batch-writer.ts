/**
 * Gathers what is to be written about single jobs into few statements, and writes each batch until it is stored: a busy or
 * absent store is waited for, and of values that it refuses only the culprit fails.
 */
import type { JobId } from "../model/ids.ts";
import type { Lease } from "../store/jobs.ts";
import { SqlError } from "../store/sql.ts";
import { createBackoff } from "./backoff.ts";

const firstWaitMs = 20;
const waitMsMax = 2_000;

export interface BatchBounds {
  readonly inFlightMax: number;
  readonly itemsMax: number;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: (isStored: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class BatchWriter<Item extends Lease> {
  readonly #write: (items: readonly Item[]) => Promise<ReadonlySet<JobId>>;
  readonly #bounds: BatchBounds;
  readonly #givingUp: AbortSignal;
  #waiting: Waiting<Item>[] = [];
  #inFlight = 0;
  #scheduled = false;

  /** `write` returns the jobs whose lease is lost: nothing was written of them. */
  constructor(
    write: (items: readonly Item[]) => Promise<ReadonlySet<JobId>>,
    bounds: BatchBounds,
    givingUp: AbortSignal,
  ) {
    this.#write = write;
    this.#bounds = bounds;
    this.#givingUp = givingUp;
  }

  /** False: the lease is lost, or `givingUp` aborted. Throws `SqlError` of fault "data" when the store refuses the values. */
  add(item: Item): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** After this turn of the event loop: quick jobs end by hundreds within one, and all of them come along. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#bounds.inFlightMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const { inFlightMax, itemsMax } = this.#bounds;
    if (this.#waiting.length === 0 || this.#inFlight >= inFlightMax) return;
    const batch = this.#waiting.length <= itemsMax ? this.#waiting : this.#waiting.slice(0, itemsMax);
    this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(itemsMax);
    this.#inFlight += 1;
    this.#schedule();
    await this.#insist(batch);
    this.#inFlight -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #insist(batch: readonly Waiting<Item>[]): Promise<void> {
    const items = batch.map(({ item }) => item);
    const backoff = createBackoff(firstWaitMs, waitMsMax);
    for (;;) {
      try {
        const lost = await this.#write(items);
        for (const { item, resolve } of batch) resolve(lost.size === 0 || !lost.has(item.jobId));
        return;
      } catch (error) {
        const isRefused = error instanceof SqlError && error.fault === "data";
        if (isRefused && batch.length > 1) {
          for (const one of batch) await this.#insist([one]);
          return;
        }
        if (isRefused || this.#givingUp.aborted || !(error instanceof SqlError) || error.fault === "defect") {
          for (const { reject } of batch) reject(error);
          return;
        }
        await backoff.wait(this.#givingUp);
        if (this.#givingUp.aborted) {
          for (const { resolve } of batch) resolve(false);
          return;
        }
      }
    }
  }
}
