/** Orrery as a process of its own, as an operator starts it: under the runtime that runs the tests. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const underDeno = "Deno" in globalThis;

export interface OrreryProcess {
  readonly child: ChildProcess;
  /** Sends a signal by the pid: `child.kill` under Deno notes the signal as the way it ended. */
  signal(name: NodeJS.Signals): void;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the first line of stdout that matches; rejects when the process ends or the time is over. */
  line(pattern: RegExp, withinMs?: number): Promise<string>;
  /** Resolves with the exit code; null after a signal. */
  readonly ended: Promise<number | null>;
}

/** `env` is the whole environment, PATH and HOME apart. */
export function startOrrery(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): OrreryProcess {
  const before = underDeno ? ["run", "-A", "--no-check", main] : [main];
  const child = spawn(process.execPath, [...before, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watch of watchers) watch();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    changed();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let hasEnded = false;
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      hasEnded = true;
      changed();
      resolve(code);
    });
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    signal: (name) => void process.kill(child.pid ?? 0, name),
    line: (pattern, withinMs = 30_000) =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void): void => {
          clearTimeout(timer);
          watchers.delete(watch);
          settle();
        };
        const told = (): string => `${pattern} was not printed. stdout:\n${stdout}\nstderr:\n${stderr}`;
        const timer = setTimeout(() => finish(() => reject(new Error(`In time, ${told()}`))), withinMs);
        const watch = (): void => {
          const found = stdout.split("\n").find((line) => pattern.test(line));
          if (found !== undefined) finish(() => resolve(found));
          else if (hasEnded) finish(() => reject(new Error(`Before the end, ${told()}`)));
        };
        watchers.add(watch);
        watch();
      }),
  };
}

/** Runs a command to its end. */
export async function runOrrery(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const process = startOrrery(args, options);
  const code = await process.ended;
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}
