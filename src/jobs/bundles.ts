/** The bundles that this node holds: kept until each of their jobs has ended, and untied when one of them needs a row of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../observe/log.ts";
import { dropBundles, renewBundles, untieBundles } from "../store/bundles.ts";
import type { Sql } from "../store/sql.ts";
import type { HeldJob } from "./held-job.ts";

const waitMs = 100;

export class Bundles {
  readonly #sql: Sql;
  readonly #log: Pick<Log, "warn">;
  readonly #givingUp: AbortSignal;
  readonly #held = new Map<string, Set<HeldJob>>();
  readonly #untying = new Map<string, Promise<void>>();
  #ended: string[] = [];

  constructor(sql: Sql, log: Pick<Log, "warn">, givingUp: AbortSignal) {
    this.#sql = sql;
    this.#log = log;
    this.#givingUp = givingUp;
  }

  add(held: HeldJob): void {
    const { bundleId } = held;
    if (bundleId === null) return;
    const jobs = this.#held.get(bundleId);
    if (jobs) jobs.add(held);
    else this.#held.set(bundleId, new Set([held]));
  }

  /** Its end is stored, or somebody else's business. */
  over(held: HeldJob): void {
    const { bundleId } = held;
    const jobs = bundleId === null ? undefined : this.#held.get(bundleId);
    if (bundleId === null || jobs === undefined) return;
    jobs.delete(held);
    if (jobs.size > 0) return;
    this.#held.delete(bundleId);
    if (this.#ended.push(bundleId) === 1) setImmediate(() => this.#drop());
  }

  /** Its end could not be stored: the bundle is left to run out, and the reaper finds what has not ended. */
  abandon({ bundleId }: HeldJob): void {
    if (bundleId !== null) this.#loosen(bundleId);
  }

  /** Until it is done, however long the store is away; or `givingUp` aborts. */
  async untie(held: HeldJob): Promise<void> {
    const { bundleId } = held;
    if (bundleId === null) return;
    let untying = this.#untying.get(bundleId);
    if (untying === undefined) {
      untying = this.#insistOnUntying([bundleId]).finally(() => this.#untying.delete(bundleId));
      this.#untying.set(bundleId, untying);
    }
    await untying;
  }

  async untieAll(): Promise<void> {
    const bundleIds = [...this.#held.keys()];
    if (bundleIds.length > 0) await this.#insistOnUntying(bundleIds);
  }

  async renew(leaseMs: number): Promise<void> {
    const bundleIds = [...this.#held.keys()];
    if (bundleIds.length === 0) return;
    const renewed = await renewBundles(this.#sql, bundleIds, leaseMs);
    for (const bundleId of bundleIds) if (!renewed.has(bundleId)) this.#loosen(bundleId);
  }

  /** Its jobs are leased rows, or somebody else's: their own renewals will tell. */
  #loosen(bundleId: string): void {
    for (const held of this.#held.get(bundleId) ?? []) held.bundleId = null;
    this.#held.delete(bundleId);
  }

  async #insistOnUntying(bundleIds: readonly string[]): Promise<void> {
    while (!this.#givingUp.aborted) {
      try {
        await untieBundles(this.#sql, bundleIds);
        for (const bundleId of bundleIds) this.#loosen(bundleId);
        return;
      } catch (error) {
        this.#log.warn({ err: error }, "a bundle of jobs could not be untied yet");
        await sleep(waitMs, undefined, { signal: this.#givingUp }).catch(() => undefined);
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
