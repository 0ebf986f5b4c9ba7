/** The processes of the drill: nodes on ports of their own, and remote workers, each of which knows one node. Whoever ends without being killed is noted. */
import { freePort } from "../../scripts/services/start.ts";
import type { Service } from "../../src/model/service.ts";
import { type OrreryProcess, startOrrery } from "../support/process.ts";
import { requester, secretKey, services } from "../support/runtime.ts";
import type { ChaosPlace } from "./place.ts";

export const clientNames = ["client-0", "client-1", "client-2", "client-3"];
const workerSlots = 6;
const startMsMax = 60_000;

interface Call {
  readonly name: string;
  readonly kind: "node" | "worker";
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of the line that says that it is at work. */
  readonly ready: RegExp;
}

export class Member {
  readonly call: Call;
  #process: OrreryProcess | null = null;
  readonly #processes: OrreryProcess[] = [];
  #isFrozen = false;

  constructor(call: Call) {
    this.call = call;
  }

  get isUp(): boolean {
    return this.#process !== null && !this.#isFrozen;
  }

  start(): void {
    const { args, cwd, env } = this.call;
    this.#isFrozen = false;
    this.#process = startOrrery(args, { cwd, env });
    this.#processes.push(this.#process);
  }

  async ready(): Promise<void> {
    await this.#process?.line(this.call.ready, startMsMax);
  }

  /** SIGKILL, wherever it has got to. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (process === null || hasEnded(process)) return;
    process.signal("SIGKILL");
    await process.ended;
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#process?.signal("SIGSTOP");
  }

  /** A zombie: it goes on as if no time had passed. */
  thaw(): void {
    if (!this.#isFrozen) return; // it was killed meanwhile
    this.#isFrozen = false;
    this.#process?.signal("SIGCONT");
  }

  /** SIGTERM; the exit code. */
  async stop(): Promise<number | null> {
    const process = this.#process;
    if (process === null) return null;
    this.#process = null;
    process.signal("SIGTERM");
    return await process.ended;
  }

  /** What it said, if it has ended though nobody killed it. */
  get fallen(): string | null {
    const process = this.#process;
    if (process === null || !hasEnded(process)) return null;
    const { exitCode, signalCode } = process.child;
    return `${this.call.name} ended by itself (${exitCode ?? signalCode}):\n${process.stdout().slice(-8_000)}\n${process.stderr()}`;
  }

  /** Of all its lives. */
  get log(): string {
    return this.#processes.map((process) => process.stdout()).join("");
  }
}

const hasEnded = ({ child }: OrreryProcess): boolean => child.exitCode !== null || child.signalCode !== null;

export interface ChaosFleet {
  readonly members: readonly Member[];
  /** Addresses, whether anybody answers there or not. */
  readonly urls: readonly string[];
  token(service: string): Promise<string>;
  /** Throws when a process has fallen by itself. */
  check(): void;
}

/** All at work. */
export async function startFleet(place: ChaosPlace, nodeCount: number, workerCount: number): Promise<ChaosFleet> {
  const ports: number[] = [];
  while (ports.length < nodeCount) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const nodes = ports.map((port, at) => new Member(nodeCall(place, `node-${at}`, port)));
  for (const node of nodes) node.start();
  await Promise.all(nodes.map((node) => node.ready()));

  const token = async (service: string): Promise<string> => {
    const request = requester(urls[0] ?? "");
    const answer = await request("POST", "/api/authenticate", { body: { service, key: "admin-key" } });
    if (answer.status !== 200) throw new Error(`${service} cannot log in: ${answer.text}`);
    return answer.json.access_token;
  };
  const workerToken = await token("worker");
  const workers = Array.from({ length: workerCount }, (_, at) => {
    return new Member(workerCall(place, `worker-${at}`, urls[at % urls.length] ?? "", workerToken));
  });
  for (const worker of workers) worker.start();
  await Promise.all(workers.map((worker) => worker.ready()));
  const members = [...nodes, ...workers];
  return {
    members,
    urls,
    token,
    check() {
      for (const { fallen } of members) if (fallen !== null) throw new Error(fallen);
    },
  };
}

function nodeCall(place: ChaosPlace, name: string, port: number): Call {
  const cwd = place.folderOf(name);
  const { hash = "" } = services.find(({ service }) => service === "admin") ?? {};
  const known = [...clientNames, "worker"].map((service): Service => ({ service, hash, roles: ["publish", "update"] }));
  return {
    name,
    kind: "node",
    args: ["serve", "--port", String(port), "--no-example", "--data", cwd],
    cwd,
    env: { SECRET_KEY: secretKey, REMOTE_APIS: JSON.stringify(known), DATABASE_URL: place.postgres.url },
    ready: /"msg":"ready"/,
  };
}

function workerCall(place: ChaosPlace, name: string, url: string, token: string): Call {
  const flags = ["--url", url, "--queues", "default,products", "--slots", String(workerSlots), "--wait", "3"];
  return {
    name,
    kind: "worker",
    args: ["worker", ...flags, "--name", name, "--", "sh", "run.sh"],
    cwd: place.folderOf(name),
    env: { ORRERY_TOKEN: token },
    ready: /worker is connected/,
  };
}
