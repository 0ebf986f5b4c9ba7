/** A node under load: started as an operator would, with a service of its own, on a fresh database or an embedded store. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hash } from "bcryptjs";
import postgres from "postgres";

export interface MeasuredNode {
  readonly url: string;
  readonly pid: number;
  /** A token with every role. */
  readonly token: string;
  /** Null: embedded. */
  readonly databaseUrl: string | null;
  /** The postmaster; null: embedded. */
  readonly postgresPid: number | null;
  stop(): Promise<void>;
}

const service = "bench";
const key = "bench-key";
/** `server`: a Postgres server where databases may be created; null: the embedded store. */
export async function startNode(server: string | null): Promise<MeasuredNode> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-bench-"));
  const database = server === null ? null : await createDatabase(server);
  const port = await freePort();
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "",
    ORRERY_DATA: folder,
    SECRET_KEY: randomBytes(32).toString("hex"),
    REMOTE_APIS: JSON.stringify([
      { service, hash: await hash(key, 4), roles: ["publish", "update", "pause", "disable"] },
    ]),
  };
  if (database) env.DATABASE_URL = database.url;
  const main = resolve(import.meta.dirname, "../../src/main.ts");
  // Logs are on, as they are in use: a line for each request, to a file that nobody reads.
  const child = spawn(process.execPath, [main, "serve", "--no-example", "--port", String(port)], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, child);
  const answer = await fetch(`${url}/api/authenticate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ service, key }),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return {
    url,
    pid: child.pid ?? 0,
    token,
    databaseUrl: database?.url ?? null,
    postgresPid: database?.postmasterPid ?? null,
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await ended;
      await database?.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function createDatabase(server: string) {
  const name = `orrery_bench_${randomBytes(6).toString("hex")}`;
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name}`);
  const [row] = await sql<{ lines: string }[]>`select pg_read_file('postmaster.pid', 0, 20) as lines`;
  await sql.end();
  const postmasterPid = Number.parseInt(row?.lines ?? "0", 10);
  return {
    url: Object.assign(new URL(server), { pathname: `/${name}` }).href,
    postmasterPid,
    async drop() {
      const again = postgres(server, { max: 1, onnotice: () => {} });
      await again.unsafe(`drop database ${name} with (force)`);
      await again.end();
    },
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (performance.now() < endMs && child.exitCode === null) {
    const isReady = await fetch(`${url}/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isReady) return;
    await sleep(20);
  }
  throw new Error("The node did not become ready within 60 s");
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
