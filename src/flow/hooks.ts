/** What a flow's module may say, in the order that a message meets it. A hook that throws is an attempt that failed. */
import type { FlowCache } from "./cache.ts";
import type { FlowTask, TaskResult } from "./executor.ts";
import type { Message } from "./message.ts";

/** A message whose value has been decoded and fits the flow's input schema. */
export interface Decoded<Input = unknown> extends Omit<Message, "value"> {
  readonly value: Input;
}

/** What a flow's functions may use beside what they are given. */
export interface FlowContext {
  readonly flow: string;
  /** Of this process. */
  readonly node: string;
  /** JSON values by key, for all nodes where there is a Redis. */
  readonly cache: FlowCache;
  /** Numbers of one's own, in Prometheus by their name: `orrery_flow_hook_total`, `_value` and `_seconds`. */
  count(name: string, by?: number): void;
  gauge(name: string, value: number): void;
  observe(name: string, seconds: number): void;
}

/** What `arrange` asks for. */
export interface Arranged<Input = unknown> extends Pick<FlowTask, "command" | "env"> {
  /** Messages of the batch that this task is for, at least one; a message that no task names is done with at once. */
  readonly messages: readonly Decoded<Input>[];
  /** A JSON value. */
  readonly input: unknown;
  /** Known already: the executor is not asked. A JSON value. */
  readonly result?: unknown;
}

/** JSON values by the name of the sink. */
export type Payloads = Readonly<Record<string, readonly unknown[]>>;

/** What becomes of a task that failed. Tasks given instead take over its messages. */
export type OnError =
  | "retry"
  | "skip"
  | "dlq"
  | { readonly tasks: readonly Pick<FlowTask, "input" | "command" | "env">[] };

/** A delivery that its sink did not take; `payload` is as a hook gave it. */
export interface FailedDelivery {
  readonly sink: string;
  readonly key: string;
  readonly payload: unknown;
}

/** Runs on each node, and never twice at once on one. */
export interface Periodic {
  readonly everyS: number;
  run(context: FlowContext): unknown;
}

type Later<Value> = Value | Promise<Value>;

export interface FlowHooks<Input = unknown, Output = unknown, Work = Input> {
  /** Before sinks and source are looked at. If it throws, the node does not start. */
  onStart?(context: FlowContext): unknown;
  /** The source is read from now on. */
  onReady?(context: FlowContext): unknown;
  /** A partition is this node's, or passes on. What is thrown is logged. */
  onAssign?(partition: string, context: FlowContext): unknown;
  onRevoke?(partition: string, context: FlowContext): unknown;
  /** By default one task a message, its input the message's value. */
  arrange?(messages: readonly Decoded<Input>[], context: FlowContext): Later<readonly Arranged<Input>[]>;
  /** Tasks with a higher number are begun first; 0 by default. */
  taskPriority?(task: FlowTask<Work>): number;
  /** What people call a task, in traces. */
  label?(task: FlowTask<Work>): string;
  /** By default the output goes to every sink. */
  onTaskComplete?(task: FlowTask<Work>, result: TaskResult<Output>, context: FlowContext): Later<Payloads>;
  /** Fan-in: all tasks of a message have ended; `results` are those of the tasks that succeeded. */
  onMessageComplete?(
    message: Decoded<Input>,
    results: readonly TaskResult<Output>[],
    context: FlowContext,
  ): Later<Payloads>;
  /**
   * All messages that were arranged together have ended; they are done with once what this gives is in the sinks. A redelivery may cut
   * messages otherwise: then these payloads have other keys.
   */
  onWindowComplete?(
    messages: readonly Decoded<Input>[],
    results: readonly TaskResult<Output>[],
    context: FlowContext,
  ): Later<Payloads>;
  /** `attempt` counts from 1. By default `retry` until the flow's attempts are used up, then `dlq`. */
  onError?(task: FlowTask<Work>, error: Error, attempt: number, context: FlowContext): Later<OnError>;
  /** A sink has refused a delivery, or it failed as often as it may. By default `dlq`. */
  onDeliveryError?(delivery: FailedDelivery, reason: string, context: FlowContext): Later<"dlq" | "skip">;
  /** By name. */
  readonly periodic?: Readonly<Record<string, Periodic>>;
}

/** What a flow's module is: its hooks, and the function that runs its tasks where no other executor does. */
export interface FlowModule<Input = unknown, Output = unknown, Work = Input> extends FlowHooks<Input, Output, Work> {
  /** A JSON Schema that each message must fit, where the flow's file has none. */
  readonly input?: object;
  /** By default a task's output is its input. */
  execute?(task: FlowTask<Work>, signal: AbortSignal, context: FlowContext): Later<Output>;
}

/**
 * Types a flow's module: `export default defineFlow<Reading, Result>({ … })`, by a message that fits the schema, what a task's output is and, where
 * `arrange` says otherwise, what its input is.
 */
export const defineFlow = <Input = unknown, Output = unknown, Work = Input>(
  module: FlowModule<Input, Output, Work>,
): FlowModule<Input, Output, Work> => module;
