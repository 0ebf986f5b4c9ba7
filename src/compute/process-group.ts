/** A process in a group of its own, of which nothing is left alive: TERM, then KILL, when it is stopped, and KILL after its exit. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import type { Writable } from "node:stream";
import { timerMs } from "./function.ts";

/** For the pipes to end after the exit: a process that left the group may hold them open for ever. */
const drainMs = 1_000;
/** A flood is read no faster than this many bytes in every pause: some 400 MB/s, so that it cannot take the event loop. */
const floodBytes = 4 * 1024 * 1024;
const floodPauseMs = 10;

export interface GroupAsk {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Take what it prints, as it comes. */
  onStdout(chunk: Uint8Array): void;
  onStderr(chunk: Uint8Array): void;
}

export interface Exit {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

export interface Group {
  /** Null when it could not be started. */
  readonly pid: number | null;
  /** When it was about to start, `performance.now()`. */
  readonly beganMs: number;
  readonly stdin: Writable;
  readonly hasExited: boolean;
  /** Rejects when it could not be started, as does `ended`. */
  readonly exited: Promise<Exit>;
  /** Its outputs have been read to their end too, or for a second. */
  readonly ended: Promise<Exit>;
  /** TERM, and KILL if it has not ended then. */
  stop(killAfterMs: number): void;
  kill(): void;
}

/** Throws, or what it returns rejects, when the process cannot be started. */
export function startGroup(ask: GroupAsk): Group {
  const [file, ...args] = ask.argv;
  if (file === undefined) throw new Error("its list is empty");
  const beganMs = performance.now();
  const child = spawn(file, args, { cwd: ask.cwd, env: { ...ask.env }, detached: true, stdio: "pipe" });
  const exited = Promise.withResolvers<Exit>();
  const ended = Promise.withResolvers<Exit>();
  for (const { promise } of [exited, ended]) promise.catch(() => undefined); // who waits for one may not wait for the other
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, work: () => void) => timers.add(setTimeout(work, timerMs(ms)));
  let hasExited = false;

  const settle = () => {
    if (!hasExited) return;
    for (const timer of timers) clearTimeout(timer);
    for (const stream of child.stdio) stream?.destroy();
    ended.resolve(exited.promise);
  };
  read(child.stdout, ask.onStdout);
  read(child.stderr, ask.onStderr);
  child.stdin.on("error", () => undefined); // EPIPE: it may end without reading
  child.on("error", (error) => {
    hasExited = true;
    exited.reject(error);
    settle();
  });
  child.once("exit", (exitCode, exitSignal) => {
    hasExited = true;
    exited.resolve({ exitCode, exitSignal });
    killGroup(child, "SIGKILL");
    later(drainMs, settle);
  });
  child.once("close", settle);

  return {
    pid: child.pid ?? null,
    beganMs,
    stdin: child.stdin,
    get hasExited() {
      return hasExited;
    },
    exited: exited.promise,
    ended: ended.promise,
    stop(killAfterMs) {
      if (hasExited) return;
      killGroup(child, "SIGTERM");
      later(killAfterMs, () => killGroup(child, "SIGKILL"));
    },
    kill() {
      if (!hasExited) killGroup(child, "SIGKILL");
    },
  };
}

function read(stream: ChildProcessWithoutNullStreams["stdout"], onChunk: (chunk: Uint8Array) => void): void {
  let sinceBytes = 0;
  stream.on("data", (chunk: Uint8Array) => {
    onChunk(chunk);
    sinceBytes += chunk.length;
    if (sinceBytes < floodBytes) return;
    sinceBytes = 0;
    stream.pause();
    setTimeout(() => stream.resume(), floodPauseMs);
  });
  stream.on("error", () => undefined);
}

/** The group's id is its first process's; a negative pid names the group. */
function killGroup(child: ChildProcessWithoutNullStreams, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: none is left.
  }
}

export function exitText({ exitCode, exitSignal }: Exit): string {
  return exitCode === null ? `ended by ${exitSignal ?? "an unknown signal"}` : `exit code ${exitCode}`;
}
