/** Nodes as processes on one store, to be killed and started again. Clients ask for one that serves, and wait while none does. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "../../src/model/service.ts";
import { type OrreryProcess, startOrrery } from "../support/process.ts";
import { secretKey, services } from "../support/runtime.ts";

export interface FleetPlace {
  /** Each node keeps what is its own in a folder of it; the first one's holds the embedded store. */
  readonly dataDir: string;
  readonly databaseUrl: string | null;
}

interface Slot {
  process: OrreryProcess | null;
  /** Null while it does not serve. */
  url: string | null;
}

/** Services that may publish and update, with the key `admin-key`. */
export const clientNames = ["client-0", "client-1", "client-2", "client-3", "client-4", "client-5"];

const startMsMax = 60_000;

export class Fleet {
  readonly size: number;
  readonly #place: FleetPlace;
  readonly #slots: readonly Slot[];
  #waiting: (() => void)[] = [];

  constructor(size: number, place: FleetPlace) {
    this.size = size;
    this.#place = place;
    this.#slots = Array.from({ length: size }, () => ({ process: null, url: null }));
  }

  /** Resolves when the node serves. A database URL given here is this node's instead of the fleet's. */
  async start(at: number, databaseUrl = this.#place.databaseUrl): Promise<void> {
    const process = this.#spawn(at, databaseUrl);
    const ready = await process.line(/"msg":"ready"/, startMsMax);
    this.#slot(at).url = String(JSON.parse(ready).url);
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  /** Starts a node and kills it `afterMs` later, wherever its start has got to. */
  async startInVain(at: number, afterMs: number): Promise<void> {
    this.#spawn(at, this.#place.databaseUrl);
    await this.kill(at, afterMs);
  }

  /** SIGKILL: nothing is flushed, nothing is said to anyone. `afterMs` only chooses the moment, nobody waits for anything. */
  async kill(at: number, afterMs = 0): Promise<void> {
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
    const slot = this.#slot(at);
    slot.url = null;
    const { process } = slot;
    slot.process = null;
    if (process === null) return;
    process.signal("SIGKILL");
    await process.ended;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#slots.map((_, at) => this.kill(at)));
  }

  /** The addresses of those that serve. */
  get urls(): string[] {
    return this.#slots.flatMap(({ url }) => (url === null ? [] : [url]));
  }

  /** Whether a process of this fleet ended without being killed: nothing that happens may make it. */
  get fallen(): string | null {
    const fallen = this.#slots.find(({ process }) => process !== null && process.child.exitCode !== null);
    return fallen?.process ? `A node ended by itself:\n${fallen.process.stdout()}\n${fallen.process.stderr()}` : null;
  }

  /** The address of some node that serves, as soon as there is one. */
  async someUrl(random: () => number): Promise<string> {
    for (;;) {
      const { urls } = this;
      const url = urls[Math.floor(random() * urls.length)];
      if (url !== undefined) return url;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #slot(at: number): Slot {
    const slot = this.#slots[at];
    if (slot === undefined) throw new Error(`There is no node ${at}`);
    return slot;
  }

  #spawn(at: number, databaseUrl: string | null): OrreryProcess {
    const { dataDir } = this.#place;
    const own = join(dataDir, `node-${at}`);
    mkdirSync(own, { recursive: true });
    const remoteApis = clientNames.map(
      (service): Service => ({ service, hash: adminHash, roles: ["publish", "update"] }),
    );
    const process = startOrrery(["serve", "--port", "0", "--no-example", "--data", own], {
      cwd: own,
      env: {
        SECRET_KEY: secretKey,
        REMOTE_APIS: JSON.stringify(remoteApis),
        ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
      },
    });
    this.#slot(at).process = process;
    return process;
  }
}

const adminHash = services.find(({ service }) => service === "admin")?.hash ?? "";
