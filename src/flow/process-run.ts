/** One input that a caller waits for: run as a message is, and what became of its tasks and deliveries written down for the answer. */
import type { FlowTask } from "./executor.ts";
import type { Payloads } from "./hooks.ts";
import type { MessageFault } from "./pipeline.ts";
import type { TaskEnd } from "./task-run.ts";
import type { FlowWatch, TaskAttempt } from "./watch.ts";

export interface ProcessedTask {
  readonly task: FlowTask;
  readonly attempts: readonly TaskAttempt[];
  readonly end: TaskEnd["kind"];
}

export interface ProcessedInput {
  /** Null: all of it was done. */
  readonly fault: MessageFault | null;
  /** In the order in which they ended. */
  readonly tasks: readonly ProcessedTask[];
  readonly deliveries: { readonly attempted: number; readonly delivered: number; readonly dead: number };
  /** What would have gone to sinks, where it did not. */
  readonly withheld: readonly { readonly sink: string; readonly key: string; readonly payload: unknown }[];
}

/** Written down while the input runs. */
export interface ProcessRun extends FlowWatch {
  fail(fault: MessageFault): void;
  withhold(key: string, payloads: Payloads): void;
  readonly outcome: ProcessedInput;
}

export function createProcessRun(): ProcessRun {
  const attempts = new Map<string, TaskAttempt[]>();
  const tasks: ProcessedTask[] = [];
  const withheld: { sink: string; key: string; payload: unknown }[] = [];
  let fault: MessageFault | null = null;
  let delivered = 0;
  let dead = 0;
  return {
    begun() {},
    attempted({ key }, attempt) {
      attempts.set(key, [...(attempts.get(key) ?? []), attempt]);
    },
    taskEnded(task, end) {
      tasks.push({ task, attempts: attempts.get(task.key) ?? [], end });
    },
    delivered(_, __, end) {
      if (end === "dead") dead += 1;
      else delivered += 1;
    },
    buried() {},
    failed() {},
    abandoned() {},
    done() {},
    fail(given) {
      fault ??= given;
    },
    withhold(key, payloads) {
      for (const [sink, list] of Object.entries(payloads))
        withheld.push(...list.map((payload, i) => ({ sink, key: `${key}.${i}`, payload })));
    },
    get outcome() {
      return { fault, tasks, withheld, deliveries: { attempted: delivered + dead, delivered, dead } };
    },
  };
}
