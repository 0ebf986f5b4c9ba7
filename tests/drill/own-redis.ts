/** A Redis of a drill's own, which can be killed and comes back with all that it acknowledged: `appendonly yes`, `appendfsync always`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { freePort } from "../../scripts/services/start.ts";
import { until } from "../support/signal.ts";

export const hasRedis = (): boolean => spawnSync("redis-server", ["--version"]).status === 0;

export class OwnRedis {
  readonly url: string;
  readonly #port: number;
  readonly #args: readonly string[];
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.url = `redis://127.0.0.1:${port}/0`;
    const settings = {
      ...{ bind: "127.0.0.1", port, dir: folder, save: "" },
      ...{ appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" },
    };
    this.#args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }

  static async start(folder: string): Promise<OwnRedis> {
    mkdirSync(folder, { recursive: true });
    const redis = new OwnRedis(await freePort(), folder);
    await redis.restart();
    return redis;
  }

  /** Resolves when it has read its log again and answers. */
  async restart(): Promise<void> {
    this.#child = spawn("redis-server", [...this.#args], { stdio: "ignore" });
    await until("Redis answers", () => this.#answers(), 60_000);
  }

  /** SIGKILL: what it has not written is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child?.pid === undefined) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    process.kill(child.pid, "SIGKILL");
    await ended;
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1", () => socket.write("PING\r\n"));
      const end = (isThere: boolean) => {
        socket.destroy();
        resolve(isThere);
      };
      socket.once("data", (answer) => end(answer.toString().startsWith("+PONG")));
      socket.once("error", () => end(false));
    });
  }
}
