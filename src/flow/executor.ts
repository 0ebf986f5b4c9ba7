/** What runs a flow's tasks. */
import type { Position } from "./message.ts";

export interface FlowTask<Work = unknown> {
  /** Stable over redeliveries of the messages that it came of. */
  readonly key: string;
  /** The messages that are done with once this task is: all of one partition, at least one. */
  readonly origins: readonly [Position, ...Position[]];
  /** A JSON value. */
  readonly input: Work;
  /** A program and variables of its own, of a subprocess executor; by default the flow's. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface TaskResult<Output = unknown> {
  /** A JSON value. */
  readonly output: Output;
  /** A process's exit code and id; null where there is no process. */
  readonly exitCode: number | null;
  readonly pid: number | null;
  readonly durationMs: number;
}

export interface Executor {
  /** One attempt. Rejects when it failed, and soon once `signal` aborts (the timeout is the caller's); nothing of the task lives on then. */
  run(task: FlowTask, signal: AbortSignal): Promise<TaskResult>;
  close(): Promise<void>;
}
