/** Runs the programs that the test services are made of. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Runs to the end; the error carries what the program printed. Returns its standard output. */
export async function call(program: string, args: string[]): Promise<string> {
  const { stdout } = await execute(program, args, { timeout: 300_000, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export interface Daemon {
  /** Asks it to end, and kills it when it has not after ten seconds. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
}

/** Starts a server in the foreground and waits until its port answers; its output goes to `logFile`. */
export async function startDaemon(program: string, args: string[], port: number, logFile: string): Promise<Daemon> {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a");
  const child = spawn(program, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const kill = async () => {
    if (hasEnded()) return;
    child.kill("SIGKILL");
    await ended;
  };
  const stop = async () => {
    if (hasEnded()) return;
    child.kill("SIGTERM");
    const killing = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(killing);
  };
  if (await answers(port, child)) return { stop, kill };
  await stop();
  throw new Error(`Cannot start ${program} on port ${port}: it said\n${readFileSync(logFile, "utf8").slice(-2000)}`);
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  const deadlineMs = performance.now() + 60_000;
  while (performance.now() < deadlineMs && child.exitCode === null && child.pid !== undefined) {
    if (await connects(port)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.on("connect", () => socket.end());
  });
}
