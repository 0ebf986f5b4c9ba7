/** A whole node for a test: a store of its own, any free port, and services whose keys the test knows. */
import { type Config, loadConfig } from "../../src/config.ts";
import type { Service } from "../../src/model/service.ts";
import type { OpenOptions, Runtime } from "../../src/runtime.ts";
import { open } from "../../src/runtime.ts";
import { makeDatabasePlace } from "./database.ts";

/** The key of service `x` is `x-key`, hashed at bcrypt's lowest cost so that a login takes 1 ms. */
export const services: readonly Service[] = [
  { service: "publisher", hash: "$2b$04$TUz0ZUt9f5YnpmjmvHCo3eLKUh7P5eZf.uSuzHFagkJGkHxTvgKmm", roles: ["publish"] },
  { service: "updater", hash: "$2b$04$Sqh5LHQTlFAnu0ldgsSeI.5jupqyzQec45QSA9o.nU57/1KKPIfGS", roles: ["update"] },
  { service: "pauser", hash: "$2b$04$lGL3jw/MoZl2G8CIvZDLPOt0hEpXkFcrzKS2P1D73m3.GfjSBmXg6", roles: ["pause"] },
  { service: "disabler", hash: "$2b$04$7nFhy16KvVdQzzk1VTqAI.I1Ucvb26epIL.jxW7ImxzOgHxmG.27G", roles: ["disable"] },
  {
    service: "admin",
    hash: "$2b$04$W7deRUVN2x0P4Mbg8RLi4uXUuq10oyQl/cVPwLVWHYuc9JYF.LfQ2",
    roles: ["disable", "pause", "publish", "update"],
  },
  { service: "operator", hash: "$2b$04$ZnBqndzvokaW8JK83/DN3eDN/2hMwHuExgveKbCvcYLg/sUH1KoRO", roles: ["operate"] },
  { service: "reader", hash: "$2b$04$Nk2qfBbZoZjWeQU1Kb/AHeRYizY5dnbbz2A.wrUzhbGT4UdvCpEfm", roles: [] },
];

export type ServiceName = "publisher" | "updater" | "pauser" | "disabler" | "admin" | "operator" | "reader";

export const secretKey = "a secret key that only tests know";

export interface Ask {
  /** Sent as a Bearer token. */
  readonly token?: string | undefined;
  /** Sent as JSON; a string is sent as it is. Absent: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text, parsed; undefined when it is no JSON. Untyped as it is what the test examines. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  readonly json: any;
}

export interface TestRuntime {
  readonly runtime: Runtime;
  readonly config: Config;
  /** e.g. `http://127.0.0.1:43211` */
  readonly url: string;
  request(method: string, path: string, ask?: Ask): Promise<Answer>;
  /** Logs in once a service and keeps the token. */
  tokenOf(service: ServiceName): Promise<string>;
  /** Stops the node and deletes what it stored. */
  stop(): Promise<void>;
}

/** `config` replaces what is configured, such as `computes` or `templatesDir`; `log` is silent unless given. */
export interface TestOptions extends OpenOptions {
  readonly config?: Partial<Config>;
}

export async function openTestRuntime({ config: overrides = {}, ...options }: TestOptions = {}): Promise<TestRuntime> {
  const place = await makeDatabasePlace();
  const config: Config = { ...testConfig(place.dataDir, place.databaseUrl), ...overrides };
  let runtime: Runtime;
  try {
    runtime = await open(config, options);
  } catch (error) {
    await place.remove();
    throw error;
  }
  const url = runtime.url ?? "";
  const request = requester(url);
  const tokens = new Map<string, Promise<string>>();
  return {
    runtime,
    config: runtime.config,
    url,
    request,
    tokenOf(service) {
      const token = tokens.get(service) ?? logIn(request, service);
      tokens.set(service, token);
      return token;
    },
    async stop() {
      await runtime.stop();
      await place.remove();
    },
  };
}

/** What a test node runs on: Postgres and Redis where the environment names them, the embedded stores otherwise. */
export function testConfig(dataDir: string, databaseUrl: string | null): Config {
  return loadConfig({
    env: {
      SECRET_KEY: secretKey,
      REMOTE_APIS: JSON.stringify(services),
      DATABASE_URL: databaseUrl ?? undefined,
      REDIS_URL: process.env.TEST_REDIS_URL,
      LOG_LEVEL: process.env.TEST_LOG ?? "silent",
    },
    flags: { port: 0, data: dataDir, example: false },
    cwd: dataDir,
  });
}

/** Sends requests to `url`; a 5xx is an answer like any other. */
export function requester(url: string): TestRuntime["request"] {
  return async (method, path, { token, body, headers = {} } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  };
}

async function logIn(request: TestRuntime["request"], service: ServiceName): Promise<string> {
  const answer = await request("POST", "/api/authenticate", { body: { service, key: `${service}-key` } });
  if (answer.status !== 200) throw new Error(`${service} could not log in: ${answer.status} ${answer.text}`);
  return answer.json.access_token;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
