/**
 * One client: publishes plans of the general ledger's shape, reports on its own products and clears them, reads. It resends
 * what has an Idempotency-Key until it is answered; of the rest it may not learn what became of it.
 */
import assert from "node:assert/strict";
import gl from "../../bench/k6/gl.json" with { type: "json" };
import type { ClientCommand } from "../../src/model/command.ts";
import { type DatasetId, newUuid } from "../../src/model/ids.ts";
import type { ReportedState } from "../../src/model/plan.ts";
import { clientNames } from "./fleet.ts";
import type { Acknowledgement, PlanBody, Sent } from "./ledger.ts";
import type { Load } from "./load.ts";

/** The database's deadline and the wait for a commit's outcome are 10 s each: whoever waits for longer, hangs. */
const answerMsMax = 25_000;
const backoffMs = 20;

interface Write {
  readonly datasetId: DatasetId;
  readonly command: ClientCommand;
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly body: string;
  readonly key: string | null;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly revision: number | null;
}

export class Client {
  readonly #load: Load;
  readonly #service: string;
  /** Nobody else reports on them, so their run fields tell which of this client's reports came last. */
  readonly #ownIds: readonly string[];
  readonly #random: () => number;
  readonly #published = new Set<DatasetId>();
  #token = "";
  #count = 0;
  /** Of the last write, nothing is known: the next one there must be certain, so that they can be told apart. */
  #unsure: DatasetId | null = null;
  #lastKeyed: { write: Write; text: string } | null = null;

  constructor(load: Load, index: number, random: () => number) {
    this.#load = load;
    this.#service = clientNames[index] ?? "";
    this.#ownIds = gl.data_products.map(({ id }) => id).filter((_, i) => i % clientNames.length === index);
    this.#random = random;
  }

  async run(): Promise<void> {
    while (!this.#load.isStopping) {
      if (this.#token === "") await this.#logIn();
      else if (this.#random() < 0.12) await this.#read();
      else if (this.#lastKeyed && this.#random() < 0.05) await this.#askAgain(this.#lastKeyed);
      else await this.#write(this.#next());
    }
  }

  async #logIn(): Promise<void> {
    const body = JSON.stringify({ service: this.#service, key: "admin-key" });
    const answer = await this.#send(await this.#someUrl(), "POST", "/api/authenticate", { body });
    if (answer?.status === 200) this.#token = JSON.parse(answer.text).access_token;
  }

  #next(): Write {
    const datasetId = this.#unsure ?? this.#pick(this.#load.datasetIds);
    const key = this.#unsure !== null || this.#random() < 0.5 ? newUuid() : null;
    this.#count += 1;
    if (!this.#published.has(datasetId) || this.#random() < 0.12) return this.#publish(datasetId, key);
    const productIds = this.#ownIds.filter((_, i) => i === 0 || this.#random() < 0.5);
    const path = `/api/data_product/${datasetId}`;
    if (this.#random() < 0.2) {
      const command = { type: "products.clear", datasetId, productIds } as const;
      return { datasetId, command, method: "PUT", path: `${path}/clear`, body: JSON.stringify(productIds), key };
    }
    const reports = productIds.map((productId) => ({
      productId,
      state: this.#pick<ReportedState>(["running", "success", "success", "failed"]),
      runId: newUuid(),
      link: `https://runs.example/${this.#service}/${this.#count}`,
      passback: null,
    }));
    const rows = reports.map(({ productId, runId, ...report }) => ({ id: productId, run_id: runId, ...report }));
    const command = { type: "products.update", datasetId, reports } as const;
    return { datasetId, command, method: "PUT", path: `${path}/update`, body: JSON.stringify(rows), key };
  }

  #publish(datasetId: DatasetId, key: string | null): Write {
    const extra = { by: this.#service, count: this.#count };
    const body = JSON.stringify({ ...gl, dataset: { id: datasetId, extra } });
    const products = gl.data_products.map(({ id, compute, name, version, eager }) => {
      return { productId: id, compute, name, version, eager, passthrough: null, extra: null };
    });
    const dependencies = gl.dependencies.map(({ parent_id, child_id }) => {
      return { parentId: parent_id, childId: child_id, extra: null };
    });
    const extraText = JSON.stringify(extra);
    const command = { type: "plan.publish", datasetId, extra: extraText, products, dependencies } as const;
    return { datasetId, command, method: "POST", path: "/api/plan", body, key };
  }

  async #write(write: Write): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst) this.#load.met.resent += 1;
      const answer = await this.#sendWrite(write);
      if (answer === null && write.key !== null) continue;
      const acknowledged = answer === null ? null : this.#checked(write, answer);
      const { datasetId, command, key } = write;
      this.#load.record({ service: this.#service, datasetId, command, key, acknowledged } satisfies Sent);
      this.#unsure = acknowledged === null ? datasetId : null;
      if (acknowledged && command.type === "plan.publish") this.#published.add(datasetId);
      if (acknowledged && key) this.#lastKeyed = { write, text: acknowledged.text };
      return;
    }
  }

  /** Sometimes through two nodes at the same time: under one key they must say the same. */
  async #sendWrite(write: Write): Promise<Answer | null> {
    const [here, there] = this.#load.fleet.urls;
    if (write.key === null || here === undefined || there === undefined || this.#random() < 0.85)
      return await this.#sendWriteTo(await this.#someUrl(), write);
    const [one, other] = await Promise.all([this.#sendWriteTo(here, write), this.#sendWriteTo(there, write)]);
    if (one && other) {
      assert.equal(one.text, other.text, "one key was answered in two ways at the same time");
      this.#load.met.inParallel += 1;
    }
    return one ?? other;
  }

  /** Null when nobody knows what became of it, or that is what the node says. */
  async #sendWriteTo(url: string, { method, path, body, key }: Write): Promise<Answer | null> {
    const answer = await this.#send(url, method, path, { body, key });
    if (answer === null) return null;
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  #checked({ command }: Write, { text, revision }: Answer): Acknowledgement {
    const plan: PlanBody = JSON.parse(text);
    if (command.type === "plan.publish") {
      assert.equal(JSON.stringify(plan.dataset.extra), command.extra, "an acknowledged plan has another extra");
      return { at: plan.dataset.modified_date, revision, text };
    }
    const product = plan.data_products.find(({ id }) => id === this.#ownIds[0]);
    assert.equal(product?.modified_by, this.#service, "an acknowledged change is not in its answer");
    if (command.type === "products.update") {
      assert.equal(product.run_id, command.reports[0]?.runId, "an acknowledged report is not in its answer");
    }
    return { at: product.modified_date, revision, text };
  }

  /** The same request under the same key, long after it was answered. */
  async #askAgain({ write, text }: { write: Write; text: string }): Promise<void> {
    const answer = await this.#sendWriteTo(await this.#someUrl(), write);
    if (answer === null) return;
    assert.equal(answer.text, text, "a resent key was answered in another way");
    this.#load.met.answeredAgain += 1;
  }

  /** A read shows at least what had been acknowledged to anyone when it was sent. */
  async #read(): Promise<void> {
    const datasetId = this.#pick(this.#load.datasetIds);
    const url = await this.#someUrl();
    const known = this.#load.known(datasetId);
    const answer = await this.#send(url, "GET", `/api/plan/${datasetId}`);
    if (answer === null || (answer.status === 404 && known === 0)) return;
    assert.equal(answer.status, 200, answer.text);
    assert((answer.revision ?? 0) >= known, `a read shows revision ${answer.revision}, ${known} was acknowledged`);
    this.#load.met.read += 1;
  }

  /**
   * Null for a broken connection and for 503. `fetch` resends by itself when a connection that was used before breaks, to the
   * same port: a killed node's port answers nobody.
   */
  async #send(
    url: string,
    method: string,
    path: string,
    { body, key = null }: { body?: string; key?: string | null } = {},
  ): Promise<Answer | null> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.#token !== "") headers.Authorization = `Bearer ${this.#token}`;
    if (key !== null) headers["Idempotency-Key"] = key;
    const signal = AbortSignal.timeout(answerMsMax);
    const startMs = performance.now();
    try {
      const response = await fetch(`${url}${path}`, { method, headers, signal, ...(body !== undefined && { body }) });
      const text = await response.text();
      this.#load.slowestMs = Math.max(this.#load.slowestMs, performance.now() - startMs);
      if (response.status !== 503) return { status: response.status, text, revision: revisionOf(response) };
      assert(response.headers.has("retry-after"), `503 without Retry-After: ${text}`);
      this.#load.met.refused += 1;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      if (signal.aborted) throw new Error(`${method} ${path} had no answer within ${answerMsMax} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, backoffMs));
    return null;
  }

  #someUrl(): Promise<string> {
    return this.#load.fleet.someUrl(this.#random);
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    assert(item !== undefined, "cannot pick from nothing");
    return item;
  }
}

/** From the ETag, which is weak when the answer is compressed. */
export function revisionOf(response: Response): number | null {
  const tag = /^(?:W\/)?"(\d+)"$/.exec(response.headers.get("etag") ?? "");
  return tag === null ? null : Number(tag[1]);
}
