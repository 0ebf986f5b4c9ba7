/** Who hears what happens to messages on their way. Called on the way itself: it is quick, and never throws. */
import type { FlowTask, TaskResult } from "./executor.ts";
import type { Message, Position } from "./message.ts";
import type { MessageFault } from "./pipeline.ts";
import type { DeliveryEnd } from "./sink-feeder.ts";
import type { TaskEnd } from "./task-run.ts";

/** One try of a task: what came of it, or why it failed. */
export type TaskAttempt = {
  /** Counts from 1. */
  readonly attempt: number;
  /** Waiting for its turn included. */
  readonly durationMs: number;
  /** In the executor; null: it was not asked. */
  readonly ranMs: number | null;
  /** Of an attempt that was far out, what is usual: see task-times.ts. Null of all others. */
  readonly usualMs: number | null;
} & ({ readonly result: TaskResult; readonly error: null } | { readonly result: null; readonly error: Error });

export interface FlowWatch {
  begun(messages: readonly Message[]): void;
  attempted(task: FlowTask, attempt: TaskAttempt): void;
  taskEnded(task: FlowTask, end: TaskEnd["kind"]): void;
  delivered(
    origin: Position,
    delivery: { readonly sink: string; readonly key: string },
    end: DeliveryEnd,
    durationMs: number,
  ): void;
  buried(message: Message, fault: MessageFault): void;
  /** Instead of `buried`, where a caller is told: no letter is written. */
  failed(message: Message, fault: MessageFault): void;
  done(message: Message): void;
  /** Their run stopped before they were done with: they come again. */
  abandoned(messages: readonly Message[]): void;
}

/** One that tells others. */
export const watchAll = (watches: readonly FlowWatch[]): FlowWatch => ({
  begun: (...args) => {
    for (const watch of watches) watch.begun(...args);
  },
  attempted: (...args) => {
    for (const watch of watches) watch.attempted(...args);
  },
  taskEnded: (...args) => {
    for (const watch of watches) watch.taskEnded(...args);
  },
  delivered: (...args) => {
    for (const watch of watches) watch.delivered(...args);
  },
  buried: (...args) => {
    for (const watch of watches) watch.buried(...args);
  },
  failed: (...args) => {
    for (const watch of watches) watch.failed(...args);
  },
  done: (...args) => {
    for (const watch of watches) watch.done(...args);
  },
  abandoned: (...args) => {
    for (const watch of watches) watch.abandoned(...args);
  },
});
