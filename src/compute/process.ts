/** Runs one process in a group of its own, and leaves nothing of the group alive: TERM, then KILL, at the timeout, on abort and after its exit. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { LeaseLostError } from "../model/errors.ts";
import { defaults } from "./compute.ts";
import { timerMs } from "./function.ts";
import { Output } from "./output.ts";

/** The same after an abort, at most: a node that stops cannot wait for long. */
const killAfterAbortMs = 800;
/** For the pipes to end after the exit: a process that left the group may hold them open for ever. */
const drainMs = 1_000;
/** A flood is read no faster than this many bytes in every pause: some 400 MB/s, so that it cannot take the event loop. */
const floodBytes = 4 * 1024 * 1024;
const floodPauseMs = 10;

export interface ProcessAsk {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Takes what it prints, as it comes. */
  onOutput(chunk: Uint8Array): void;
  readonly timeoutMs: number;
  /** Between TERM and KILL, at the timeout. */
  readonly killAfterMs: number;
  readonly signal: AbortSignal;
}

export interface Ended {
  readonly reason: "exited" | "timed_out" | "aborted";
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  /** What it printed, stdout and stderr as they came. */
  readonly output: Output;
  /** The last part of its stdout alone, large enough for a passback. */
  readonly stdoutTail: Uint8Array;
}

/** Rejects when the process cannot be started. */
export function runProcess(ask: ProcessAsk): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const [file, ...args] = ask.argv;
  if (file === undefined) throw new Error("its list is empty");
  const child = spawn(file, args, { cwd: ask.cwd, env: { ...ask.env }, detached: true, stdio: "pipe" });
  const output = new Output();
  const stdout = new Output(0, defaults.passbackBytesMax + 4096);
  let reason: Ended["reason"] = "exited";
  let exit: { code: number | null; signal: string | null } | null = null;
  let isLost = false;
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, work: () => void) => timers.add(setTimeout(work, timerMs(ms)));

  const stop = (why: "timed_out" | "aborted") => {
    if (reason !== "exited" || exit !== null) return;
    reason = why;
    // Another worker may run the job by now: two at once are worse than one without a farewell.
    isLost = why === "aborted" && ask.signal.reason instanceof LeaseLostError;
    killGroup(child, isLost ? "SIGKILL" : "SIGTERM");
    later(why === "aborted" ? Math.min(ask.killAfterMs, killAfterAbortMs) : ask.killAfterMs, () =>
      killGroup(child, "SIGKILL"),
    );
  };
  const onAbort = () => stop("aborted");
  const end = () => {
    for (const timer of timers) clearTimeout(timer);
    ask.signal.removeEventListener("abort", onAbort);
  };
  const settle = () => {
    if (exit === null) return;
    end();
    child.stdout.destroy();
    child.stderr.destroy();
    resolve({ reason, exitCode: exit.code, exitSignal: exit.signal, output, stdoutTail: stdout.lastBytes() });
  };

  keep(child.stdout, [output, stdout], ask.onOutput);
  keep(child.stderr, [output], ask.onOutput);
  child.once("error", (error) => {
    end();
    reject(error);
  });
  child.once("exit", (code, signal) => {
    exit = { code, signal };
    if (isLost && signal === null) reason = "exited"; // by itself, before SIGKILL reached it
    killGroup(child, "SIGKILL");
    later(drainMs, settle);
  });
  child.once("close", settle);
  child.stdin.on("error", () => undefined); // EPIPE: it may end without reading
  child.stdin.end(ask.stdin);
  later(ask.timeoutMs, () => stop("timed_out"));
  ask.signal.addEventListener("abort", onAbort);
  if (ask.signal.aborted) onAbort();
  return promise;
}

function keep(
  stream: ChildProcessWithoutNullStreams["stdout"],
  outputs: readonly Output[],
  onOutput: ProcessAsk["onOutput"],
): void {
  let sinceBytes = 0;
  stream.on("data", (chunk: Uint8Array) => {
    for (const output of outputs) output.push(chunk);
    onOutput(chunk);
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

export function exitText({ exitCode, exitSignal }: Ended): string {
  return exitCode === null ? `ended by ${exitSignal ?? "an unknown signal"}` : `exit code ${exitCode}`;
}

/** `3`, or `SIGSEGV`. */
export function exitCodeOf({ exitCode, exitSignal }: Ended): string | null {
  return exitCode === null ? exitSignal : String(exitCode);
}
