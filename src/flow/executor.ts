/** What runs a flow's tasks. */
import type { Position } from "./message.ts";

export interface FlowTask {
  /** Stable over redeliveries of the messages that it came of. */
  readonly key: string;
  /** The messages that are done with once this task is: all of one partition, at least one. */
  readonly origins: readonly Position[];
  /** A JSON value. */
  readonly input: unknown;
}

export interface TaskResult {
  /** A JSON value. */
  readonly output: unknown;
  /** A process's exit code; null where there is no process. */
  readonly exit: number | null;
  readonly durationMs: number;
}

export interface Executor {
  /** Rejects when the attempt failed, and soon once `signal` aborts; nothing of the task lives on then. */
  run(task: FlowTask, signal: AbortSignal): Promise<TaskResult>;
  close(): Promise<void>;
}
