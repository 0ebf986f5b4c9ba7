/** What a flow's module may say, in the order that a message meets it. A hook that throws is an attempt that failed. */
import type { FlowTask, TaskResult } from "./executor.ts";
import type { Execute } from "./executors/function.ts";
import type { Message } from "./message.ts";

/** A message whose value has been decoded and fits the flow's input schema. */
export interface Decoded<Input = unknown> extends Omit<Message, "value"> {
  readonly value: Input;
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

type Later<Value> = Value | Promise<Value>;

export interface FlowHooks<Input = unknown> {
  /** By default one task a message, its input the message's value. */
  arrange?(messages: readonly Decoded<Input>[]): Later<readonly Arranged<Input>[]>;
  /** Tasks with a higher number are begun first; 0 by default. */
  taskPriority?(task: FlowTask): number;
  /** By default the output goes to every sink. */
  onTaskComplete?(task: FlowTask, result: TaskResult): Later<Payloads>;
  /** Fan-in: all tasks of a message have ended; `results` are those of the tasks that succeeded. */
  onMessageComplete?(message: Decoded<Input>, results: readonly TaskResult[]): Later<Payloads>;
  /** `attempt` counts from 1. By default `retry` until the flow's attempts are used up, then `dlq`. */
  onError?(task: FlowTask, error: Error, attempt: number): Later<OnError>;
}

/** What a flow's module is: its hooks, and the function that runs its tasks where no other executor does. */
export interface FlowModule<Input = unknown> extends FlowHooks<Input> {
  /** A JSON Schema that each message must fit, where the flow's file has none. */
  readonly input?: object;
  /** By default a task's output is its input. */
  readonly execute?: Execute;
}

/** Types a flow's module: `export default defineFlow<Reading>({ … })`. */
export const defineFlow = <Input = unknown>(module: FlowModule<Input>): FlowModule<Input> => module;
