/** A Ray of its own for one test file: a head node on loopback, as `ray start` makes one, gone at the end. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { until } from "./signal.ts";

/** The program `ray`: TEST_RAY's, or the one on PATH; null if there is none. */
export function findRay(): string | null {
  for (const program of [process.env.TEST_RAY, "ray"]) {
    if (program && spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0) return program;
  }
  return null;
}

export interface TestRay {
  /** Of its dashboard. */
  readonly address: string;
  stop(): Promise<void>;
}

export async function startRay(program: string): Promise<TestRay> {
  // A short path: Ray puts sockets under it, whose names have 107 bytes at most.
  const folder = await mkdtemp(join("/tmp", "ray-"));
  const [gcs, dashboard, agent, agentGrpc] = await freePorts(4);
  const head = spawn(
    program,
    [
      ...["start", "--head", "--block", "--disable-usage-stats", "--num-cpus=2", "--object-store-memory=80000000"],
      ...["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", `--temp-dir=${folder}`],
      ...[`--port=${gcs}`, `--dashboard-port=${dashboard}`],
      ...[`--dashboard-agent-listen-port=${agent}`, `--dashboard-agent-grpc-port=${agentGrpc}`],
    ],
    { stdio: ["ignore", "ignore", "pipe"], cwd: folder },
  );
  let said = "";
  head.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => head.once("exit", () => resolve()));
  const stop = async () => {
    // It ends what it has started, and only that.
    head.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const address = `http://127.0.0.1:${dashboard}`;
  try {
    await until(
      "Ray answers",
      async () => {
        if (head.exitCode !== null) throw new Error(`Ray ended with ${head.exitCode}: ${said}`);
        return (await fetch(`${address}/api/version`).catch(() => null))?.ok ?? false;
      },
      90_000,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, stop };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port); // they listen on TCP
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
