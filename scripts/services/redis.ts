/** A throw-away Redis with the durability that Orrery asks for: append-only file, no eviction. */
import { mkdirSync } from "node:fs";
import { startDaemon } from "./process.ts";
import type { Service } from "./start.ts";

export async function startRedis(folder: string, port: number): Promise<Service> {
  mkdirSync(folder, { recursive: true });
  const settings = {
    bind: "127.0.0.1",
    port,
    dir: folder,
    save: "",
    appendonly: "yes",
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const daemon = await startDaemon("redis-server", args, port, `${folder}/server.log`);
  return { url: `redis://127.0.0.1:${port}/0`, stop: daemon.stop };
}
