/**
 * A client of the drill: enqueues jobs and publishes plans, each request under a key, sent again through any node until it is
 * answered. What it asked for and what it was told is its ledger.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { newUuid } from "../../src/model/ids.ts";
import { requester } from "../support/runtime.ts";
import type { ChaosFleet } from "./fleet.ts";
import { crowdType, nodeType, workerType } from "./place.ts";
import type { Work } from "./work.ts";

export interface WantedJob {
  readonly job_type: string;
  readonly payload: Work & { readonly key: string; readonly index: number };
  readonly max_attempts: number;
}

export interface Entry {
  readonly key: string;
  readonly jobs: readonly WantedJob[];
  readonly ids: readonly string[];
}

/** A plan that was acknowledged. */
export interface PlanEntry {
  readonly datasetId: string;
  readonly productIds: readonly string[];
}

/** A frozen node answers nobody: then another one is asked. */
const answerMsMax = 4_000;
const backoffMs = 50;
const plentyOfAttempts = 100;
const batchMax = 10;
export const crowdSize = 1_000;

export class ChaosClient {
  readonly ledger: Entry[] = [];
  readonly plans: PlanEntry[] = [];
  /** Crowds that were let in. */
  crowds = 0;
  /** Requests whose answer did not come, that were sent again, and whose answer came twice. */
  readonly met = { unanswered: 0, refused: 0, askedAgain: 0 };
  readonly #fleet: ChaosFleet;
  readonly #token: string;
  readonly #random: () => number;

  constructor(fleet: ChaosFleet, token: string, random: () => number) {
    this.#fleet = fleet;
    this.#token = token;
    this.#random = random;
  }

  /** Spread over `overMs`, as long as the nodes keep up. */
  async run(jobCount: number, planCount: number, crowdCount: number, overMs: number): Promise<void> {
    const beganMs = performance.now();
    let count = 0;
    while (count < jobCount) {
      const leftMs = beganMs + (overMs * count) / jobCount - performance.now();
      if (leftMs > 0) await sleep(leftMs);
      if (this.plans.length < (planCount * count) / jobCount) await this.#publish();
      if (this.crowds < (crowdCount * count) / jobCount) await this.#crowd();
      const isBatch = this.#random() < 0.1;
      count += await this.#enqueue(isBatch ? Math.min(batchMax, jobCount - count) : 1);
    }
    while (this.plans.length < planCount) await this.#publish();
  }

  /** What was answered once is answered again, long after. */
  async askAgain(): Promise<void> {
    for (const entry of this.ledger.filter(() => this.#random() < 0.01)) {
      assert.deepEqual(await this.#send(entry.key, entry.jobs), entry.ids, `another answer under ${entry.key}`);
      this.met.askedAgain += 1;
    }
  }

  async #enqueue(count: number): Promise<number> {
    const key = newUuid();
    const jobs = Array.from({ length: count }, (_, index) => this.#job(key, index));
    await this.#enqueueThese(key, jobs);
    return count;
  }

  /** Most of them succeed at once: what does not unties its bundle. */
  async #crowd(): Promise<void> {
    const key = newUuid();
    const jobs = Array.from({ length: crowdSize }, (_, index): WantedJob => {
      const chance = this.#random();
      const end = chance < 0.997 ? "well" : chance < 0.999 ? "second" : "doomed";
      const wait = this.#random() < 0.999 ? "busy" : "short";
      return { job_type: crowdType, payload: { key, index, wait, end }, max_attempts: plentyOfAttempts };
    });
    await this.#enqueueThese(key, jobs);
    this.crowds += 1;
  }

  async #enqueueThese(key: string, jobs: readonly WantedJob[]): Promise<void> {
    const ids = await this.#send(key, jobs);
    assert.equal(ids.length, jobs.length);
    this.ledger.push({ key, jobs, ids });
  }

  #job(key: string, index: number): WantedJob {
    const chance = this.#random();
    const end = chance < 0.94 ? "well" : chance < 0.97 ? "second" : chance < 0.985 ? "stubborn" : "doomed";
    return {
      job_type: this.#random() < 0.5 ? nodeType : workerType,
      payload: { key, index, wait: this.#wait(), end },
      max_attempts: end === "stubborn" ? 2 : plentyOfAttempts,
    };
  }

  #wait(): Work["wait"] {
    const chance = this.#random();
    return chance < 0.9 ? "none" : chance < 0.985 ? "short" : "long";
  }

  /** One job says its key itself, several have it in the header. */
  async #send(key: string, jobs: readonly WantedJob[]): Promise<string[]> {
    const [only] = jobs;
    const isOne = jobs.length === 1;
    const body = isOne ? { ...only, idempotency_key: key } : jobs;
    const answer = await this.#insist("/api/job", body, isOne ? {} : { "Idempotency-Key": key });
    return isOne ? [answer.id] : answer.ids;
  }

  /** a → b, c → d: two run by nodes, two by remote workers. */
  async #publish(): Promise<void> {
    const datasetId = newUuid();
    const products = ["a", "b", "c", "d"].map((name, i) => ({
      ...{ id: newUuid(), name, version: "1", eager: true, extra: null },
      compute: i % 2 === 0 ? nodeType : workerType,
      passthrough: { wait: this.#wait(), end: i === 2 ? "second" : "well" } satisfies Work,
    }));
    const [a, b, c, d] = products.map(({ id }) => id);
    const edges = [[a, b], [a, c], [b, d], [c, d]]; // biome-ignore format: a graph
    const dependencies = edges.map(([parent_id, child_id]) => ({ parent_id, child_id, extra: null }));
    const body = { dataset: { id: datasetId, extra: null }, data_products: products, dependencies };
    await this.#insist("/api/plan", body, { "Idempotency-Key": newUuid() });
    this.plans.push({ datasetId, productIds: products.map(({ id }) => id) });
  }

  /** Sends through one node after the other until one answers 200. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
  async #insist(path: string, body: unknown, headers: Record<string, string>): Promise<any> {
    for (;;) {
      this.#fleet.check();
      const { urls } = this.#fleet;
      const url = urls[Math.floor(this.#random() * urls.length)] ?? "";
      const answer = await this.#once(url, path, body, headers);
      if (answer?.status === 200) return answer.json;
      if (answer === null) {
        this.met.unanswered += 1;
      } else {
        assert.equal(answer.status, 503, `${path}: ${answer.status} ${answer.text}`);
        // Under a key it may be sent again at once, what a client without one is not told to do.
        const isUnaudited = answer.json?.code === "audit_unavailable";
        assert.ok(isUnaudited || answer.headers.has("retry-after"), `503 without Retry-After: ${answer.text}`);
        this.met.refused += 1;
      }
      await sleep(backoffMs);
    }
  }

  /** Null: nobody knows what became of it. */
  async #once(url: string, path: string, body: unknown, headers: Record<string, string>) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), answerMsMax);
    });
    try {
      return await Promise.race([requester(url)("POST", path, { token: this.#token, body, headers }), late]);
    } catch {
      return null; // the node was killed
    } finally {
      clearTimeout(timer);
    }
  }
}
