/**
 * A process that is kept between tasks: one line of JSON in, `{key, input}`, one line back, `{output}` or `{error}`, one task at a time.
 * idle ⇄ busy → ending → gone. Whatever else it does ends it: an answer that nobody asked for would be taken for the next task's.
 */
import { performance } from "node:perf_hooks";
import { reasonOf } from "../../compute/function.ts";
import { runVariable } from "../../compute/marked-processes.ts";
import { Output } from "../../compute/output.ts";
import { killAfterAbortMs } from "../../compute/process.ts";
import { type Exit, exitText, startGroup } from "../../compute/process-group.ts";
import type { Sweeper } from "../../compute/sweep.ts";
import { newUuid } from "../../model/ids.ts";
import type { KeptProcess, TaskResult } from "../executor.ts";
import type { Command } from "./command.ts";
import { SubprocessError, stderrTail, textOfTail, tooMuch, withLastLine } from "./subprocess-error.ts";
import { type Answer, answerOf } from "./warm-answer.ts";

export interface WarmTask {
  readonly key: string;
  /** `{key, input}` as JSON, with its line end. */
  readonly line: string;
}

export interface WarmProcess {
  /** False once it has exited or is about to. */
  readonly isUsable: boolean;
  readonly tasks: number;
  readonly shown: KeptProcess;
  /** Nothing of it is left. */
  readonly gone: Promise<void>;
  /** One at a time. Rejects when the task failed: then the process is as usable as before, or gone. */
  run(task: WarmTask, signal: AbortSignal): Promise<TaskResult>;
  /** Its stdin ends: it may tidy up for a moment. */
  retire(): void;
  /** TERM, then KILL. */
  stop(reason: string): void;
}

interface Pending {
  readonly key: string;
  /** The pipe has taken all of its line. */
  isWritten: boolean;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export interface WarmAsk {
  readonly command: Command;
  /** Of one answer: more fails the attempt. */
  readonly outputBytesMax: number;
  readonly sweeper: Sweeper;
}

const newline = 0x0a;

/** Throws, or its first task rejects, when the process cannot be started. */
export function startWarm({ command, outputBytesMax, sweeper }: WarmAsk): WarmProcess {
  const run = newUuid();
  let stderr = stderrTail();
  let stdout = new Output(0, outputBytesMax);
  let sizeBytes = 0;
  let pending: Pending | null = null;
  let tasks = 0;
  let busySinceMs: number | null = null;
  /** Why we end it. */
  let ending: { readonly reason: string; readonly cause: unknown } | null = null;
  let retiring: NodeJS.Timeout | undefined;
  let over: { readonly error: unknown } | null = null;

  const group = startGroup({
    ...command,
    env: { ...command.env, [runVariable]: run },
    onStdout,
    onStderr: (chunk) => stderr.push(chunk),
  });

  function stop(reason: string, cause?: unknown): void {
    ending ??= { reason, cause };
    group.stop(killAfterAbortMs);
  }

  function onStdout(chunk: Uint8Array): void {
    if (ending !== null) return;
    const flaw = take(chunk);
    if (flaw !== null) stop(flaw);
  }

  /** What is wrong with it. The answer counts all the same, once it is known. */
  function take(chunk: Uint8Array): string | null {
    if (pending === null) return "it printed what nobody asked for";
    const end = chunk.indexOf(newline);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    sizeBytes += part.length;
    if (sizeBytes > outputBytesMax) return tooMuch(outputBytesMax);
    stdout.push(part);
    if (end < 0) return null;
    const answer = answerOf(stdout.lastBytes(), pending.key);
    if (answer === null) return "it printed what is no answer";
    const { isWritten, resolve } = pending;
    pending = null;
    resolve(answer);
    // Else what it says next would be of this task, and be taken for the next one's.
    return isWritten && end + 1 === chunk.length ? null : "it did not answer line by line";
  }

  function failure(exit: Exit): SubprocessError {
    const text = textOfTail(stderr);
    const reason = ending?.reason ?? withLastLine(`it ended before it answered: ${exitText(exit)}`, text);
    const { exitCode } = exit;
    return new SubprocessError(reason, { exitCode, pid: group.pid, stderr: text }, { cause: ending?.cause });
  }

  async function end(): Promise<void> {
    try {
      await group.exited;
      const [exit] = await Promise.all([group.ended, sweeper.sweep(run, group)]);
      over = { error: failure(exit) };
    } catch (error) {
      over = { error }; // it could not be started
    }
    clearTimeout(retiring);
    pending?.reject(over.error);
  }

  const isUsable = () => ending === null && !group.hasExited;

  return {
    get isUsable() {
      return isUsable();
    },
    get shown(): KeptProcess {
      const state = !isUsable() ? "ending" : busySinceMs === null ? "idle" : "busy";
      return { pid: group.pid, state, tasks, busySinceMs };
    },
    get tasks() {
      return tasks;
    },
    gone: end(),
    async run({ key, line }, signal) {
      if (over !== null) throw over.error;
      const beganMs = performance.now();
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const own: Pending = { key, isWritten: false, resolve, reject };
      pending = own;
      tasks += 1;
      busySinceMs = Date.now();
      stdout = new Output(0, outputBytesMax);
      sizeBytes = 0;
      stderr = stderrTail();
      const onAbort = () => stop(reasonOf(signal), signal.reason);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      try {
        group.stdin.write(line, () => {
          own.isWritten = true;
        });
        const answer = await promise;
        const durationMs = performance.now() - beganMs;
        if ("output" in answer) return { output: answer.output, exitCode: null, pid: group.pid, durationMs };
        throw new SubprocessError(answer.error, { exitCode: null, pid: group.pid, stderr: textOfTail(stderr) });
      } finally {
        busySinceMs = null;
        signal.removeEventListener("abort", onAbort);
      }
    },
    retire() {
      if (ending !== null || group.hasExited) return;
      ending = { reason: "it is retired", cause: undefined };
      group.stdin.end();
      retiring = setTimeout(() => group.stop(killAfterAbortMs), killAfterAbortMs);
    },
    stop,
  };
}
