/** A throw-away Postgres cluster. Postgres refuses to run as root, so root hands it to the system's user postgres. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { call } from "./process.ts";
import type { KillableService } from "./start.ts";

export interface PostgresService extends KillableService {
  /** Kills every backend, and starts again from the log: as after a crash of the server. Resolves when it answers. */
  restartAtOnce(): Promise<void>;
}

/** Whether this machine has Postgres' programs. */
export function hasPostgres(): boolean {
  const folder = programsFolder();
  const folders = folder === "" ? (process.env.PATH ?? "").split(delimiter) : [folder];
  return folders.some((one) => existsSync(join(one, "initdb")));
}

export async function startPostgres(folder: string, port: number, durable: boolean): Promise<PostgresService> {
  const programs = programsFolder();
  const data = `${folder}/data`;
  mkdirSync(folder, { recursive: true });
  const asOwner = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  if (asOwner.length > 0) await call("chown", ["postgres", folder]);
  const run = (name: string, ...args: string[]) => {
    const [program = "", ...rest] = [...asOwner, `${programs}${name}`, ...args];
    return call(program, rest);
  };
  await run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
  // A test run outlives no power cut: without fsync it saves minutes. Crash tests kill our process, not the server.
  const settings = [
    `fsync=${durable ? "on" : "off"}`,
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${folder}`,
    "max_connections=200",
  ];
  const options = [`-p ${port}`, ...settings.map((setting) => `-c ${setting}`)].join(" ");
  const control = (...args: string[]) =>
    run("pg_ctl", "-D", data, "-l", `${folder}/server.log`, "-o", options, "-w", "-t", "60", ...args);
  await control("start");
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    restartAtOnce: async () => {
      await control("-m", "immediate", "restart");
    },
    kill: async () => {
      process.kill(Number.parseInt(readFileSync(`${data}/postmaster.pid`, "utf8"), 10), "SIGKILL");
    },
    startAgain: () => startOver(() => control("start")),
    stop: async () => {
      await run("pg_ctl", "-D", data, "-m", "immediate", "stop");
    },
  };
}

/** Backends outlive a killed postmaster for a moment, and it is refused for as long as one has its memory. */
async function startOver(start: () => Promise<unknown>): Promise<void> {
  for (let triesLeft = 30; ; triesLeft--) {
    try {
      await start();
      return;
    } catch (error) {
      if (triesLeft === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Debian keeps the server's programs off the path, a folder a version; elsewhere the path has them. */
function programsFolder(): string {
  const root = "/usr/lib/postgresql";
  try {
    const versions = readdirSync(root).map(Number).filter(Number.isFinite);
    if (versions.length > 0) return `${root}/${Math.max(...versions)}/bin/`;
  } catch {
    // Not Debian.
  }
  return "";
}
