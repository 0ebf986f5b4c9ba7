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

/** A process that is kept between tasks. */
export interface KeptProcess {
  /** Null: it could not be started. */
  readonly pid: number | null;
  /** `ending`: it takes no further task, and something of it may be left. */
  readonly state: "idle" | "busy" | "ending";
  /** Begun since it was started. */
  readonly tasks: number;
  /** Milliseconds since 1970. */
  readonly busySinceMs: number | null;
}

export interface Executor {
  /** One attempt. Rejects when it failed, and soon once `signal` aborts (the timeout is the caller's); nothing of the task lives on then. */
  run(task: FlowTask, signal: AbortSignal): Promise<TaskResult>;
  /** Absent: none are kept. */
  readonly processes?: readonly KeptProcess[];
  close(): Promise<void>;
}
