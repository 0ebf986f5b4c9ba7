/** One process for one task: its input on stdin, its output what it prints, and nothing of it left when that is known. */
import { performance } from "node:perf_hooks";
import { messageOf, reasonOf } from "../../compute/function.ts";
import { runVariable } from "../../compute/marked-processes.ts";
import { Output } from "../../compute/output.ts";
import { killAfterAbortMs } from "../../compute/process.ts";
import { exitText, type Group, startGroup } from "../../compute/process-group.ts";
import type { Sweeper } from "../../compute/sweep.ts";
import { newUuid } from "../../model/ids.ts";
import type { TaskResult } from "../executor.ts";
import type { Command } from "./command.ts";
import { SubprocessError, stderrTail, textOfTail, tooMuch, withLastLine } from "./subprocess-error.ts";

export interface OnceAsk {
  readonly command: Command;
  readonly stdin: string;
  /** More on stdout fails the attempt. */
  readonly outputBytesMax: number;
  /** Throws when it is none. */
  outputOf(stdout: Uint8Array): unknown;
  readonly sweeper: Sweeper;
  /** Has the process in it while it runs, for others to stop it. */
  readonly live: Set<Group>;
}

/** Rejects unless it exits with 0 and prints what it should: with a `SubprocessError`, once there was a process. */
export async function runOnce(ask: OnceAsk, signal: AbortSignal): Promise<TaskResult> {
  const { command, outputBytesMax } = ask;
  const run = newUuid();
  const stderr = stderrTail();
  const stdout = new Output(0, outputBytesMax);
  let sizeBytes = 0;
  /** Why we stopped it: the first counts. */
  const stops: string[] = [];

  const group = startGroup({
    ...command,
    env: { ...command.env, [runVariable]: run },
    onStdout(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes <= outputBytesMax) return stdout.push(chunk);
      stops.push(tooMuch(outputBytesMax));
      group.kill();
    },
    onStderr: (chunk) => stderr.push(chunk),
  });
  const { pid, beganMs } = group;
  ask.live.add(group);
  const onAbort = () => {
    if (group.hasExited) return;
    stops.push(reasonOf(signal));
    group.stop(killAfterAbortMs);
  };
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    group.stdin.end(ask.stdin);
    await group.exited;
    // At once: what left the group may hold the pipes open, and their end would be waited for.
    const [{ exitCode, exitSignal }] = await Promise.all([group.ended, ask.sweeper.sweep(run, group)]);
    const durationMs = performance.now() - beganMs;
    const fail = (reason: string, cause?: unknown) =>
      new SubprocessError(reason, { exitCode, pid, stderr: textOfTail(stderr) }, { cause });
    const [stopped] = stops;
    if (stopped !== undefined) throw fail(stopped, signal.reason);
    if (exitCode !== 0) throw fail(withLastLine(exitText({ exitCode, exitSignal }), textOfTail(stderr)));
    try {
      return { output: ask.outputOf(stdout.lastBytes()), exitCode, pid, durationMs };
    } catch (error) {
      throw fail(messageOf(error), error);
    }
  } finally {
    ask.live.delete(group);
    signal.removeEventListener("abort", onAbort);
  }
}
