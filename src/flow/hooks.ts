/** What a flow's module may say, in the order that a message meets it. A hook that throws is an attempt that failed. */
import type { FlowTask, TaskResult } from "./executor.ts";
import type { Message } from "./message.ts";
import type { Delivery } from "./sink.ts";

/** A message whose value has been decoded and fits the flow's input schema. */
export interface Decoded<Input> extends Omit<Message, "value"> {
  readonly value: Input;
}

/** What `arrange` asks for. */
export interface Arranged<Input> {
  /** Messages of the batch that this task is for; one that no task names is done with at once. */
  readonly messages: readonly Decoded<Input>[];
  readonly input: unknown;
}

/** Payloads by the name of the sink. */
export type Payloads = Readonly<Record<string, readonly unknown[]>>;

/** What becomes of a task that failed. Tasks given instead take over its messages. */
export type OnError = "retry" | "skip" | "dlq" | { readonly tasks: readonly Pick<FlowTask, "input">[] };

export interface FlowHooks<Input = unknown> {
  /** By default one task a message, its input the message's value. */
  arrange?(messages: readonly Decoded<Input>[]): readonly Arranged<Input>[] | Promise<readonly Arranged<Input>[]>;
  /** By default the output goes to every sink. */
  onTaskComplete?(task: FlowTask, result: TaskResult): Payloads | Promise<Payloads>;
  /** Fan-in: all tasks of a message have ended; `results` are those of the tasks that succeeded. */
  onMessageComplete?(message: Decoded<Input>, results: readonly TaskResult[]): Payloads | Promise<Payloads>;
  /** `attempt` counts from 1. By default `retry` until the flow's attempts are used up, then `dlq`. */
  onError?(task: FlowTask, error: Error, attempt: number): OnError | Promise<OnError>;
  /** A delivery that its sink refused, or that used up its attempts. By default `dlq`. */
  onDeliveryError?(sink: string, delivery: Delivery, reason: string): "dlq" | "skip" | Promise<"dlq" | "skip">;
}

/** Gives a flow's hooks their types: `export default defineFlow<Reading>({ … })`. */
export const defineFlow = <Input = unknown>(hooks: FlowHooks<Input>): FlowHooks<Input> => hooks;
