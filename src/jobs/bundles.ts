/** The bundles that this node holds: kept until each of their jobs has ended, and untied when one of them needs a row of its own. */
import type { Log } from "../observe/log.ts";
import { dropBundles, renewBundles, untieBundles } from "../store/bundles.ts";
import type { Sql } from "../store/sql.ts";
import { createBackoff } from "./backoff.ts";
import type { HeldJob } from "./held-job.ts";

const firstWaitMs = 100;
const waitMsMax = 2_000;

/** Shared by its jobs. */
export class Bundle {
  readonly id: string;
  /** Jobs whose end is not stored yet. */
  left = 0;
  /** False: its jobs have leased rows of their own, or are somebody else's. Their renewals will tell. */
  isTied = true;

  constructor(id: string) {
    this.id = id;
  }
}

export class Bundles {
  readonly #sql: Sql;
  readonly #log: Pick<Log, "warn">;
  readonly #givingUp: AbortSignal;
  readonly #tied = new Map<string, Bundle>();
  readonly #untying = new Map<string, Promise<void>>();
  #ended: string[] = [];

  constructor(sql: Sql, log: Pick<Log, "warn">, givingUp: AbortSignal) {
    this.#sql = sql;
    this.#log = log;
    this.#givingUp = givingUp;
  }

  /** The one that a job was leased in. */
  of(bundleId: string): Bundle {
    let bundle = this.#tied.get(bundleId);
    if (bundle === undefined) {
      bundle = new Bundle(bundleId);
      this.#tied.set(bundleId, bundle);
    }
    bundle.left += 1;
    return bundle;
  }

  /** Its end is stored, or somebody else's business. */
  over({ bundle }: HeldJob): void {
    if (bundle === null) return;
    bundle.left -= 1;
    // A node that has given up knows of ends that are not stored.
    if (bundle.left > 0 || this.#givingUp.aborted || !this.#tied.delete(bundle.id)) return;
    if (this.#ended.push(bundle.id) === 1) setImmediate(() => this.#drop());
  }

  /** Its end could not be stored: the bundle is left to run out, and the reaper finds what has not ended. */
  abandon({ bundle }: HeldJob): void {
    if (bundle !== null) this.#loosen(bundle.id);
  }

  /** Until it is done, however long the store is away; or `givingUp` aborts. */
  async untie({ bundleId }: HeldJob): Promise<void> {
    if (bundleId === null) return;
    let untying = this.#untying.get(bundleId);
    if (untying === undefined) {
      untying = this.#insistOnUntying(bundleId).finally(() => this.#untying.delete(bundleId));
      this.#untying.set(bundleId, untying);
    }
    await untying;
  }

  /** Tried once: those that cannot be untied now are left to run out. */
  async untieAll(): Promise<void> {
    const bundleIds = [...this.#tied.keys()];
    if (bundleIds.length === 0) return;
    try {
      await untieBundles(this.#sql, bundleIds);
    } finally {
      for (const bundleId of bundleIds) this.#loosen(bundleId);
    }
  }

  async renew(leaseMs: number): Promise<void> {
    const bundleIds = [...this.#tied.keys()];
    if (bundleIds.length === 0) return;
    const renewed = await renewBundles(this.#sql, bundleIds, leaseMs);
    for (const bundleId of bundleIds) if (!renewed.has(bundleId)) this.#loosen(bundleId);
  }

  #loosen(bundleId: string): void {
    const bundle = this.#tied.get(bundleId);
    if (bundle !== undefined) bundle.isTied = false;
    this.#tied.delete(bundleId);
  }

  async #insistOnUntying(bundleId: string): Promise<void> {
    const backoff = createBackoff(firstWaitMs, waitMsMax);
    while (!this.#givingUp.aborted) {
      try {
        await untieBundles(this.#sql, [bundleId]);
        this.#loosen(bundleId);
        return;
      } catch (error) {
        this.#log.warn({ err: error }, "a bundle of jobs could not be untied yet");
        await backoff.wait(this.#givingUp);
      }
    }
  }

  #drop(): void {
    const ended = this.#ended;
    this.#ended = [];
    // One that is left runs out, and nothing is found in it.
    dropBundles(this.#sql, ended).catch(() => undefined);
  }
}
