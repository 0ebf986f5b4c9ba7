/** Plans for the contract's tests, written short: `"a>b>c d~"` is a chain of three products and a lazy one, `d`. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Answer, Ask, ServiceName, TestRuntime } from "./runtime.ts";

export interface ProductBody {
  id: string;
  compute: string;
  name: string;
  version: string;
  eager: boolean;
  passthrough?: unknown;
  extra?: unknown;
}

export interface PlanBody {
  dataset: { id: string; extra?: unknown };
  data_products: ProductBody[];
  dependencies: { parent_id: string; child_id: string; extra?: unknown }[];
}

export interface Report {
  id: string;
  state: string;
  run_id?: string | null;
  link?: string | null;
  passback?: unknown;
}

/** One dataset under test; every request is the `admin` service's unless it is said otherwise. */
export class Scene {
  readonly datasetId = randomUUID();
  readonly #ids = new Map<string, string>();
  readonly #api: TestRuntime;

  constructor(api: TestRuntime) {
    this.#api = api;
  }

  /** The id of the product of this name, which is made up when it is first asked for. */
  id(name: string): string {
    const id = this.#ids.get(name) ?? randomUUID();
    this.#ids.set(name, id);
    return id;
  }

  ids(...names: string[]): string[] {
    return names.map((name) => this.id(name));
  }

  body(chains: string, extra?: unknown): PlanBody {
    const products = new Map<string, ProductBody>();
    const dependencies: PlanBody["dependencies"] = [];
    for (const chain of chains.split(" ").filter((part) => part !== "")) {
      const names = chain.split(">");
      for (const name of names) {
        const plain = name.replace("~", "");
        const eager = !name.includes("~") && (products.get(plain)?.eager ?? true);
        products.set(plain, { id: this.id(plain), compute: "cams", name: plain, version: "1.0", eager });
      }
      const plain = names.map((name) => name.replace("~", ""));
      for (let i = 1; i < plain.length; i++) {
        dependencies.push({ parent_id: this.id(plain[i - 1] ?? ""), child_id: this.id(plain[i] ?? "") });
      }
    }
    return { dataset: { id: this.datasetId, extra }, data_products: [...products.values()], dependencies };
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    service: ServiceName = "admin",
    ask: Ask = {},
  ): Promise<Answer> {
    return this.#api.request(method, path, { token: await this.#api.tokenOf(service), body, ...ask });
  }

  publish(chains: string | PlanBody, extra?: unknown, service: ServiceName = "admin"): Promise<Answer> {
    return this.call("POST", "/api/plan", typeof chains === "string" ? this.body(chains, extra) : chains, service);
  }

  update(reports: readonly Report[], service: ServiceName = "admin"): Promise<Answer> {
    return this.call("PUT", `/api/data_product/${this.datasetId}/update`, reports, service);
  }

  /** `set("success", "a", "b")` reports each of them, without run fields. */
  set(state: string, ...names: string[]): Promise<Answer> {
    return this.update(names.map((name) => ({ id: this.id(name), state })));
  }

  clear(...names: string[]): Promise<Answer> {
    return this.call("PUT", `/api/data_product/${this.datasetId}/clear`, this.ids(...names));
  }

  disable(...names: string[]): Promise<Answer> {
    return this.call("DELETE", `/api/data_product/${this.datasetId}`, this.ids(...names));
  }

  enable(...names: string[]): Promise<Answer> {
    return this.call("PUT", `/api/data_product/${this.datasetId}/enable`, this.ids(...names));
  }

  pause(service: ServiceName = "admin"): Promise<Answer> {
    return this.call("PUT", `/api/plan/${this.datasetId}/pause`, undefined, service);
  }

  unpause(service: ServiceName = "admin"): Promise<Answer> {
    return this.call("PUT", `/api/plan/${this.datasetId}/unpause`, undefined, service);
  }

  get(): Promise<Answer> {
    return this.#api.request("GET", `/api/plan/${this.datasetId}`);
  }

  product(name: string): Promise<Answer> {
    return this.#api.request("GET", `/api/data_product/${this.datasetId}/${this.id(name)}`);
  }
}

/** The plan of an answer that must be 200, as states by product name: `{ a: "queued", b: "waiting" }`. */
export function states(answer: Answer): Record<string, string> {
  assert.equal(answer.status, 200, answer.text);
  const products: { name: string; state: string }[] = answer.json.data_products;
  return Object.fromEntries(products.map(({ name, state }): [string, string] => [name, state]).sort());
}

/** One product of an answer that must be 200. */
export function productOf(answer: Answer, name: string) {
  assert.equal(answer.status, 200, answer.text);
  const products: { name: string }[] = answer.json.data_products;
  const found = products.find((product) => product.name === name);
  assert.ok(found, `no product ${name} in ${answer.text}`);
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  return found as any;
}

/** Asserts a refusal as problem+json, whose detail names all of `named`. */
export function refused(answer: Answer, status: number, ...named: string[]): void {
  assert.equal(answer.status, status, `${answer.status} ${answer.text}`);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(answer.json.status, status);
  for (const member of ["title", "detail", "code"]) assert.equal(typeof answer.json[member], "string", answer.text);
  for (const name of named)
    assert.ok(answer.json.detail.includes(name), `"${answer.json.detail}" does not name ${name}`);
}

export function done(answer: Answer): Answer {
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

/** Names of products whose stamp is the same as the dataset's newest one, i.e. what the last request touched. */
export function touched(answer: Answer, before: Answer): string[] {
  const rows = (given: Answer): { id: string; name: string; modified_date: string }[] => given.json.data_products;
  const old = new Map(rows(before).map((row) => [row.id, row.modified_date]));
  return rows(done(answer))
    .filter((row) => old.get(row.id) !== row.modified_date)
    .map((row) => row.name)
    .sort();
}

/** Stringified so that key order does not count. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, given: unknown) =>
    typeof given === "object" && given !== null && !Array.isArray(given)
      ? Object.fromEntries(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1)))
      : given,
  );
}

/** A plan's JSON in one order of its lists, to compare plans that are equal by contract. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
export function sorted(plan: any): string {
  const by = (key: (row: Record<string, string>) => string) => (a: Record<string, string>, b: Record<string, string>) =>
    key(a) < key(b) ? -1 : 1;
  return canonical({
    ...plan,
    data_products: [...plan.data_products].sort(by((row) => row.id ?? "")),
    dependencies: [...plan.dependencies].sort(by((row) => `${row.parent_id}${row.child_id}`)),
  });
}
