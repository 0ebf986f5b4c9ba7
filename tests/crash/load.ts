/** Several clients at once on a fleet, over HTTP, until they are told to stop; what they learn goes into one ledger. */
import assert from "node:assert/strict";
import { type DatasetId, newUuid } from "../../src/model/ids.ts";
import { randomOf } from "../simulation/scheduler.ts";
import { Client, revisionOf } from "./client.ts";
import { clientNames, type Fleet } from "./fleet.ts";
import type { PlanBody, Sent } from "./ledger.ts";

export class Load {
  readonly ledger: Sent[] = [];
  readonly datasetIds: DatasetId[] = [];
  readonly fleet: Fleet;
  /** How often the clients met what the tests are there for. */
  readonly met = { unknown: 0, resent: 0, answeredAgain: 0, inParallel: 0, read: 0, refused: 0 };
  acknowledged = 0;
  slowestMs = 0;
  isStopping = false;
  /** The highest revision that anybody was told of. */
  readonly #known = new Map<DatasetId, number>();
  readonly #clients: Promise<void>;
  #failure: unknown = null;
  #waiting: { count: number; wake: () => void }[] = [];

  constructor(fleet: Fleet, seed: number) {
    this.fleet = fleet;
    this.addDataset();
    this.addDataset();
    const random = randomOf(seed);
    this.#clients = Promise.all(
      clientNames.map(async (_, index) => {
        try {
          await new Client(this, index, randomOf(random() * 2 ** 32)).run();
        } catch (error) {
          this.#failure ??= error;
          this.isStopping = true;
          this.#wakeAll();
        }
      }),
    ).then(() => undefined);
  }

  addDataset(): void {
    this.datasetIds.push(newUuid());
  }

  /** Resolves when that many more writes were acknowledged; rejects when a client saw what must not be. */
  async acknowledge(more: number, withinMs = 60_000): Promise<void> {
    this.#throwFailure();
    const count = this.acknowledged + more;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Not ${more} writes acknowledged within ${withinMs} ms`)), withinMs);
    });
    try {
      await Promise.race([late, new Promise<void>((wake) => this.#waiting.push({ count, wake }))]);
    } finally {
      clearTimeout(timer);
    }
    this.#throwFailure();
  }

  /** Lets every client finish the request it is at. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.#clients;
    this.#throwFailure();
  }

  /** Every plan as some node shows it now: none older than what was acknowledged before. */
  async plans(): Promise<Map<DatasetId, PlanBody>> {
    const plans = new Map<DatasetId, PlanBody>();
    for (const datasetId of this.datasetIds) {
      const known = this.known(datasetId);
      const response = await fetch(`${this.fleet.urls[0]}/api/plan/${datasetId}`);
      const text = await response.text();
      if (response.status === 404 && known === 0) continue;
      assert.equal(response.status, 200, text);
      const revision = revisionOf(response) ?? 0;
      assert(revision >= known, `${datasetId} is shown at revision ${revision}, ${known} was acknowledged`);
      plans.set(datasetId, JSON.parse(text));
    }
    return plans;
  }

  /** At least this revision must be shown to whoever asks from now on. */
  known(datasetId: DatasetId): number {
    return this.#known.get(datasetId) ?? 0;
  }

  learn(datasetId: DatasetId, revision: number): void {
    this.#known.set(datasetId, Math.max(revision, this.known(datasetId)));
  }

  record(sent: Sent): void {
    this.ledger.push(sent);
    if (sent.acknowledged === null) {
      this.met.unknown += 1;
      return;
    }
    if (sent.acknowledged.revision !== null) this.learn(sent.datasetId, sent.acknowledged.revision);
    this.acknowledged += 1;
    const due = this.#waiting.filter(({ count }) => count <= this.acknowledged);
    this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting));
    for (const { wake } of due) wake();
  }

  #wakeAll(): void {
    for (const { wake } of this.#waiting) wake();
    this.#waiting = [];
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
    const { fallen } = this.fleet;
    if (fallen !== null) throw new Error(fallen);
  }
}
