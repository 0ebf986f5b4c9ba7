/** What became of one message: its tasks with their attempts, its deliveries, the fault that ended it. */
import { instantOf } from "../model/clock.ts";
import type { TraceOutcome } from "../store/flow-traces.ts";
import type { FlowTask } from "./executor.ts";
import type { Message } from "./message.ts";
import type { MessageFault } from "./pipeline.ts";
import { cut, roundedMs, type TracedAttempt, tracedAttempt } from "./shown-attempt.ts";
import type { DeliveryEnd } from "./sink-feeder.ts";
import { payloadJson } from "./sinks/payload-json.ts";
import type { TaskEnd } from "./task-run.ts";
import type { TaskAttempt } from "./watch.ts";

export interface TracedTask {
  readonly task: FlowTask;
  readonly label: string | null;
  readonly attempts: TaskAttempt[];
  end: TaskEnd["kind"] | null;
}

export interface TracedDelivery {
  readonly sink: string;
  readonly key: string;
  readonly end: DeliveryEnd;
  readonly durationMs: number;
}

/** On its way, or just done. */
export interface Trace {
  readonly message: Pick<Message, "partition" | "id" | "key" | "timestampMs">;
  readonly takenMs: number;
  readonly beganMs: number;
  tookMs: number | null;
  readonly tasks: Map<string, TracedTask>;
  readonly deliveries: TracedDelivery[];
  fault: MessageFault | null;
  /** With its fault, it is a dead letter; else a caller was told. */
  hasLetter: boolean;
  /** An attempt of one of its tasks ran far longer than is usual. */
  hasOutlier: boolean;
}

/** Of one message; the others are only counted. */
const listedMax = 100;

/** As JSON: what the API shows and the store keeps. */
export interface ShownTrace {
  readonly partition: string;
  readonly id: string;
  readonly key: string | null;
  /** When it was taken. */
  readonly at: string;
  readonly sent_at: string;
  /** Null: it is on its way. */
  readonly took_ms: number | null;
  readonly outcome: TraceOutcome | "open";
  readonly fault: {
    readonly stage: string;
    readonly error: string;
    readonly stack: string;
    readonly attempts: number;
  } | null;
  readonly tasks: readonly {
    readonly key: string;
    /** What the flow's module calls it. */
    readonly label: string | null;
    readonly end: string | null;
    readonly command: readonly string[] | null;
    readonly input: string;
    readonly output: string | null;
    readonly attempts: readonly TracedAttempt[];
  }[];
  readonly task_count: number;
  readonly deliveries: readonly {
    readonly sink: string;
    readonly key: string;
    readonly outcome: string;
    readonly took_ms: number;
  }[];
  readonly delivery_count: number;
}

export function outcomeOf({ tookMs, fault, hasLetter }: Trace): ShownTrace["outcome"] {
  if (tookMs === null) return "open";
  if (fault === null) return "done";
  return hasLetter ? "dead" : "failed";
}

export function shownTrace(trace: Trace): ShownTrace {
  const { message, takenMs, tookMs, tasks, deliveries, fault } = trace;
  return {
    partition: message.partition,
    id: message.id,
    key: message.key,
    at: instantOf(takenMs),
    sent_at: instantOf(message.timestampMs),
    took_ms: tookMs === null ? null : roundedMs(tookMs),
    outcome: outcomeOf(trace),
    fault:
      fault === null
        ? null
        : {
            stage: fault.stage,
            error: cut(fault.error.message),
            stack: cut(fault.error.stack ?? ""),
            attempts: fault.attempts,
          },
    tasks: [...tasks.values()].slice(0, listedMax).map(shownTask),
    task_count: tasks.size,
    deliveries: deliveries
      .slice(0, listedMax)
      .map(({ sink, key, end, durationMs }) => ({ sink, key, outcome: end, took_ms: roundedMs(durationMs) })),
    delivery_count: deliveries.length,
  };
}

function shownTask({ task, label, attempts, end }: TracedTask): ShownTrace["tasks"][number] {
  const result = attempts.at(-1)?.result ?? null;
  return {
    key: task.key,
    label,
    end,
    command: task.command ?? null,
    input: cut(payloadJson(task.input) ?? "null"),
    output: result === null ? null : cut(payloadJson(result.output) ?? "null"),
    attempts: attempts.slice(-listedMax).map(tracedAttempt),
  };
}
