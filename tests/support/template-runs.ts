/** A whole node with templates of a test's own, and a service that may do everything with them. */
import assert from "node:assert/strict";
import { hashSync } from "bcryptjs";
import type { Config } from "../../src/config.ts";
import { type Answer, type Ask, openTestRuntime, services, type TestRuntime } from "./runtime.ts";
import { until } from "./signal.ts";

export interface TemplateRuntime {
  readonly node: TestRuntime;
  /** As a service with every role, at `/api` + path. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** As a service with some of them. */
  as(
    service: Parameters<TestRuntime["tokenOf"]>[0],
    method: string,
    path: string,
    ask?: Omit<Ask, "token">,
  ): Promise<Answer>;
  /** Stores a template by its text. */
  store(text: string): Promise<Answer>;
  /** Triggers and returns the run's id. */
  trigger(id: string, params?: unknown): Promise<string>;
  /** Waits until the run is in one of `states`, and gives the run. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  ended(runId: string, states?: readonly string[], withinMs?: number): Promise<any>;
  /** The run's products by task name. */
  products(runId: string): Promise<Map<string, { id: string; state: string; passback: unknown; compute: string }>>;
}

const owner = {
  service: "owner",
  hash: hashSync("owner-key", 4),
  roles: ["disable", "pause", "publish", "update", "operate", "admin"] as const,
};

export async function openTemplateRuntime(
  templatesDir: string | null,
  more: Partial<Config> = {},
): Promise<TemplateRuntime> {
  const node = await openTestRuntime({ config: { templatesDir, services: [...services, owner], ...more } });
  const login = await node.request("POST", "/api/authenticate", { body: { service: "owner", key: "owner-key" } });
  const token: string = login.json.access_token;
  const call: TemplateRuntime["call"] = (method, path, body, headers = {}) =>
    node.request(method, `/api${path}`, { token, body, headers });
  const ended: TemplateRuntime["ended"] = async (runId, states = ["success"], withinMs = 30_000) => {
    let last: Answer = await call("GET", `/run/${runId}`);
    await until(
      `run ${runId} is ${states.join(" or ")}`,
      async () => {
        last = await call("GET", `/run/${runId}`);
        return states.includes(last.json?.state);
      },
      withinMs,
    ).catch((error: Error) => assert.fail(`${error.message}: ${last.text}`));
    return last.json;
  };
  return {
    node,
    call,
    ended,
    as: async (service, method, path, ask = {}) =>
      await node.request(method, `/api${path}`, { ...ask, token: await node.tokenOf(service) }),
    store: (text) => call("POST", "/template", text, { "Content-Type": "application/yaml" }),
    async trigger(id, params = {}) {
      const { status, json, text } = await call("POST", `/template/${id}/trigger`, { params });
      assert.equal(status, 200, text);
      return json.dataset.id;
    },
    async products(runId) {
      const { json } = await call("GET", `/plan/${runId}`);
      return new Map(json.data_products.map((product: { name: string }) => [product.name, product]));
    },
  };
}
