/** A whole node and the program that talks to it: what an operator has before them. */
import { hashSync } from "bcryptjs";
import type { Config } from "../../src/config.ts";
import { roles } from "../../src/model/service.ts";
import { runOrrery, startOrrery } from "./process.ts";
import { openTestRuntime, type TestRuntime } from "./runtime.ts";

export interface CliNode {
  readonly node: TestRuntime;
  readonly token: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  run(...args: string[]): ReturnType<typeof runOrrery>;
  /** Runs it with `--json`, and fails unless it ends with `code`. Untyped, as it is what a test looks into. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  json(args: readonly string[], code?: number): Promise<any>;
  start(...args: string[]): ReturnType<typeof startOrrery>;
  stop(): Promise<void>;
}

/** One service, `operator`, has every role; its token is in the environment of each command. */
export async function openCliNode(cwd: string, config: Partial<Config> = {}): Promise<CliNode> {
  const service = { service: "operator", hash: hashSync("operator-key", 4), roles };
  const node = await openTestRuntime({ config: { services: [service], ...config } });
  const login = await node.request("POST", "/api/authenticate", { body: { service: "operator", key: "operator-key" } });
  const token: string = login.json.access_token;
  const env = { ORRERY_URL: node.url, ORRERY_TOKEN: token, XDG_CONFIG_HOME: cwd };
  const run = (...args: string[]) => runOrrery(args, { cwd, env });
  return {
    node,
    token,
    cwd,
    env,
    run,
    async json(args, expected = 0) {
      const { code, stdout, stderr } = await run(...args, "--json");
      if (code !== expected) throw new Error(`orrery ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
      return JSON.parse(stdout);
    },
    start: (...args) => startOrrery(args, { cwd, env }),
    stop: () => node.stop(),
  };
}
