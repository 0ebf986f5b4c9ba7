/** The nodes of a drill, as processes on one store, and what is asked of them over HTTP. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApidJson } from "../../src/ground/ledger-json.ts";
import { parsePacketYaml } from "../../src/ground/packet-definition.ts";
import type { SentJson } from "../../src/ground/simulator.ts";
import { hasEnded, type PassState } from "../../src/model/pass.ts";
import { openTelemetry } from "../../src/telemetry/open.ts";
import type { Telemetry } from "../../src/telemetry/telemetry.ts";
import { type DatabasePlace, makeDatabasePlace } from "../support/database.ts";
import { freeUdpPort } from "../support/ground.ts";
import { type OrreryProcess, startOrrery } from "../support/process.ts";
import { type Answer, type Ask, requester, secretKey, services } from "../support/runtime.ts";
import { until } from "../support/signal.ts";
import { hasRedis, OwnRedis } from "./own-redis.ts";

interface Node {
  readonly process: OrreryProcess;
  readonly url: string;
  readonly nodeId: string;
}

export interface DrilledPass {
  readonly id: string;
  readonly ship: string;
  readonly port: number;
}

const definition = new URL("../../examples/mission/packets.yaml", import.meta.url);

/** On Postgres with a Redis of its own where the environment names a Postgres, else the embedded store and files. */
export class DrillNodes {
  readonly redis: OwnRedis | null;
  readonly #place: DatabasePlace;
  readonly #folder: string;
  readonly #nodes = new Map<string, Node>();
  #token = "";
  #ships = 0;

  private constructor(place: DatabasePlace, folder: string, redis: OwnRedis | null) {
    this.#place = place;
    this.#folder = folder;
    this.redis = redis;
  }

  static async open(): Promise<DrillNodes> {
    const place = await makeDatabasePlace();
    const folder = await mkdtemp(join(tmpdir(), "orrery-drill-"));
    const redis = place.databaseUrl !== null && hasRedis() ? await OwnRedis.start(join(folder, "redis")) : null;
    return new DrillNodes(place, folder, redis);
  }

  /** Under a name: started again it has the folder that it had. Resolves when it serves. */
  async start(name: string): Promise<void> {
    const { databaseUrl } = this.#place;
    const dataDir = join(this.#folder, databaseUrl === null ? "only" : name);
    await mkdir(dataDir, { recursive: true });
    const process = startOrrery(["serve", "--port", "0", "--data", dataDir, "--no-example"], {
      cwd: dataDir,
      env: {
        SECRET_KEY: secretKey,
        REMOTE_APIS: JSON.stringify(services),
        ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
        ...(this.redis !== null && { REDIS_URL: this.redis.url }),
      },
    });
    const { url, nodeId } = JSON.parse(await process.line(/"msg":"ready"/, 60_000));
    this.#nodes.set(name, { process, url, nodeId });
  }

  isUp(name: string): boolean {
    return this.#nodes.has(name);
  }

  async kill(name: string): Promise<void> {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`There is no node ${name}`);
    this.#nodes.delete(name);
    node.process.signal("SIGKILL");
    await node.process.ended;
  }

  /** Of a node that serves; while none does, and while one is being killed, it waits. */
  async request(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    for (;;) {
      for (const { url } of this.#nodes.values()) {
        const answer = await requester(url)(method, path, ask).catch(() => null);
        if (answer !== null && answer.status !== 503) return answer;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Over a ship of its own with the example's definition; resolves when its port is open. */
  async receiving(seconds: number): Promise<DrilledPass> {
    if (this.#token === "") {
      const body = { service: "publisher", key: "publisher-key" };
      this.#token = (await this.request("POST", "/api/authenticate", { body })).json.access_token;
    }
    this.#ships += 1;
    const ship = `drill-${this.#ships}`;
    const packets = parsePacketYaml(await readFile(definition, "utf8"));
    const token = this.#token;
    await this.request("PUT", `/api/ship/${ship}`, { token, body: { format: "ccsds", packets } });
    const port = await freeUdpPort();
    const aos = new Date(Date.now() + 700).toISOString();
    const body = { ship, port, aos, duration_s: seconds, drain_margin_s: 2 };
    const { json: planned, text } = await this.request("POST", "/api/pass", { token, body });
    if (planned?.state !== "planned") throw new Error(`The pass was not planned: ${text}`);
    const pass = { id: planned.id, ship, port };
    await until("receiving", async () => (await this.holderOf(pass)) !== null, 60_000);
    return pass;
  }

  /** The name of the node that has the pass's port open. One that was killed is believed until its lease ends: it is not named. */
  async holderOf({ id }: DrilledPass): Promise<string | null> {
    const { listeners } = (await this.request("GET", "/api/stream")).json;
    const holder = listeners.find((one: { pass_id: string }) => one.pass_id === id)?.node;
    return [...this.#nodes].find(([, { nodeId }]) => nodeId === holder)?.[0] ?? null;
  }

  /** Whether the last packet that went out of each APID is in its ledger. */
  async hasHeard({ id }: DrilledPass, sent: SentJson): Promise<boolean> {
    const { ledger } = (await this.request("GET", `/api/pass/${id}`)).json;
    const lastOf = new Map(ledger?.apids.map((one: ApidJson) => [one.apid, one.last_count]));
    return sent.apids.every(({ apid, last_count }) => lastOf.get(apid) === last_count);
  }

  async cancel({ id }: DrilledPass): Promise<void> {
    await this.request("PUT", `/api/pass/${id}/cancel`, { token: this.#token });
  }

  /** What it was when it had ended, with what its node wrote. */
  async ended({ id }: DrilledPass, state: PassState): Promise<{ json: Answer["json"]; archive: Uint8Array }> {
    let json: Answer["json"] = null;
    const isOver = async (): Promise<boolean> => {
      json = (await this.request("GET", `/api/pass/${id}`)).json;
      return hasEnded(json.state) && (json.archive !== null || json.state !== state);
    };
    await until(`the pass is ${state}`, isOver, 60_000);
    if (json.state !== state) throw new Error(`The pass is ${json.state}: ${json.reason}`);
    return { json, archive: await readFile(json.archive.path) };
  }

  /** The store as anyone may read it, while the nodes go on. */
  telemetry(): Promise<Telemetry> {
    const place = { redisUrl: this.redis?.url ?? null, dataDir: join(this.#folder, "only") };
    return openTelemetry(place, { warn: () => {} });
  }

  logs(): string {
    return [...this.#nodes].map(([name, { process }]) => `${name}:\n${process.stdout()}${process.stderr()}`).join("\n");
  }

  async close(): Promise<void> {
    for (const name of [...this.#nodes.keys()]) await this.kill(name);
    await this.redis?.kill();
    await this.#place.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
