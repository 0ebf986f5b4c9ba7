/** What is asked of a flow beside its source: messages that are sent to it, inputs that callers wait for, dead letters that are done again. */
import type { Letter } from "./letters.ts";
import type { Message } from "./message.ts";
import type { MessageFault, Pipeline, RunOrder } from "./pipeline.ts";
import { createProcessRun, type ProcessedInput } from "./process-run.ts";
import type { SinkFeeder } from "./sink-feeder.ts";
import { untimed } from "./task-times.ts";
import { type FlowWatch, watchAll } from "./watch.ts";

export interface Requests {
  /**
   * Runs messages before those of the source. Resolves once each is in its sinks or, as the answer says in its place, a dead letter; rejects when
   * the flow stops or `signal` aborts first.
   */
  accept(messages: readonly Message[], signal: AbortSignal): Promise<readonly (MessageFault | null)[]>;
  /** Room for messages that callers wait for, beside the tasks that run at once; returns what gives it back, or null when there is none. */
  reserve(count: number, queuedMax: number): (() => void) | null;
  /**
   * Runs one message that a caller waits for, before those of the source. Rejects when the flow stops first. No letter is written of it, and of a
   * dry one nothing is counted or remembered either.
   */
  process(message: Message, how: "delivered" | "withheld" | "dry"): Promise<ProcessedInput>;
  /** Does again what is a dead letter. Rejects with the reason when it fails again: no further letter is written. */
  redrive(letter: Letter, signal: AbortSignal): Promise<void>;
  /** Messages that were accepted and are not done with, and those that callers wait for. */
  readonly accepted: number;
  readonly processing: number;
}

export interface RequestsParts {
  readonly pipeline: Pipeline;
  readonly feeders: ReadonlyMap<string, SinkFeeder>;
  readonly bury: NonNullable<RunOrder["bury"]>;
  readonly watch: FlowWatch;
  readonly concurrency: number;
  readonly stopping: AbortSignal;
}

/** Beyond what `taskPriority` of a hook says of a message of a queue. */
const requestPriority = 1_000_000;

export function createRequests({ pipeline, feeders, bury, watch, concurrency, stopping }: RequestsParts): Requests {
  let accepted = 0;
  let processing = 0;

  return {
    get accepted() {
      return accepted;
    },
    get processing() {
      return processing;
    },
    async accept(messages, given) {
      const signal = AbortSignal.any([given, stopping]);
      const faults = new Map<string, MessageFault>();
      accepted += messages.length;
      try {
        await pipeline.run(messages, {
          signal,
          done: () => {},
          priority: requestPriority,
          bury: async (message, fault) => {
            await bury(message, fault);
            faults.set(message.id, fault);
          },
        });
      } finally {
        accepted -= messages.length;
      }
      return messages.map(({ id }) => faults.get(id) ?? null);
    },
    reserve(count, queuedMax) {
      if (processing + count > concurrency + queuedMax) return null;
      processing += count;
      return () => {
        processing -= count;
      };
    },
    async process(message, how) {
      const run = createProcessRun();
      const fail = async (_: Message, fault: MessageFault) => run.fail(fault);
      await pipeline.run([message], {
        ...{ signal: stopping, priority: requestPriority, done: () => {}, bury: fail },
        ...(how === "dry"
          ? { watch: run, times: untimed }
          : { watch: watchAll([{ ...watch, buried: watch.failed }, run]) }),
        ...(how !== "delivered" && { deliver: async (_, key, payloads) => run.withhold(key, payloads) }),
      });
      return run.outcome;
    },
    async redrive({ message, delivery }, given) {
      const signal = AbortSignal.any([given, stopping]);
      if (message !== null) {
        const fail = async (_: Message, { error }: MessageFault) => Promise.reject(error);
        return await pipeline.run([message], { signal, done: () => {}, bury: fail });
      }
      const feeder = feeders.get(delivery.sink);
      if (feeder === undefined)
        throw new Error(
          `There is no sink "${delivery.sink}" any more: this flow has ${[...feeders.keys()].join(", ")}`,
        );
      let refusal: string | null = null;
      await feeder.deliver(delivery, async (_, reason) => {
        refusal = reason;
      });
      if (refusal !== null) throw new Error(refusal);
    },
  };
}
