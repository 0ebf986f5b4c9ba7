/** Runs one process in a group of its own to its end, with a timeout. */
import { LeaseLostError } from "../model/errors.ts";
import { defaults } from "./compute.ts";
import { timerMs } from "./function.ts";
import type { FirstProcess } from "./marked-processes.ts";
import { Output } from "./output.ts";
import { type Exit, startGroup } from "./process-group.ts";

/** Between TERM and KILL after an abort, at most: a node that stops cannot wait for long. */
export const killAfterAbortMs = 800;

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

export interface Ended extends Exit, FirstProcess {
  readonly reason: "exited" | "timed_out" | "aborted";
  /** What it printed, stdout and stderr as they came. */
  readonly output: Output;
  /** The last part of its stdout alone, large enough for a passback. */
  readonly stdoutTail: Uint8Array;
}

/** Rejects when the process cannot be started. */
export async function runProcess(ask: ProcessAsk): Promise<Ended> {
  const output = new Output();
  const stdout = new Output(0, defaults.passbackBytesMax + 4096);
  let reason: Ended["reason"] = "exited";
  let isLost = false;

  const onStderr = (chunk: Uint8Array) => {
    output.push(chunk);
    ask.onOutput(chunk);
  };
  const onStdout = (chunk: Uint8Array) => {
    stdout.push(chunk);
    onStderr(chunk);
  };
  const group = startGroup({ ...ask, onStdout, onStderr });
  const stop = (why: "timed_out" | "aborted") => {
    if (reason !== "exited" || group.hasExited) return;
    reason = why;
    // Another worker may run the job by now: two at once are worse than one without a farewell.
    isLost = why === "aborted" && ask.signal.reason instanceof LeaseLostError;
    if (isLost) group.kill();
    else group.stop(why === "aborted" ? Math.min(ask.killAfterMs, killAfterAbortMs) : ask.killAfterMs);
  };
  const onAbort = () => stop("aborted");
  const timer = setTimeout(() => stop("timed_out"), timerMs(ask.timeoutMs));
  ask.signal.addEventListener("abort", onAbort);
  if (ask.signal.aborted) onAbort();
  try {
    group.stdin.end(ask.stdin);
    const exit = await group.ended;
    if (isLost && exit.exitSignal === null) reason = "exited"; // by itself, before SIGKILL reached it
    const { pid, beganMs } = group;
    return { ...exit, pid, beganMs, reason, output, stdoutTail: stdout.lastBytes() };
  } finally {
    clearTimeout(timer);
    ask.signal.removeEventListener("abort", onAbort);
  }
}

/** `3`, or `SIGSEGV`. */
export function exitCodeOf({ exitCode, exitSignal }: Exit): string | null {
  return exitCode === null ? exitSignal : String(exitCode);
}
