/** What `arrange` asked for as tasks in their places: each with its key and the messages that it is for. */
import type { FlowTask, TaskResult } from "./executor.ts";
import type { Arranged, Decoded } from "./hooks.ts";
import { idempotencyKey, type Message, type Position } from "./message.ts";

/** A message on its way. */
export interface Underway {
  readonly given: Message;
  readonly message: Decoded;
  /** Tasks that it has part in and that have not ended. */
  open: number;
  /** Tasks that were counted as its own, for their keys. */
  owned: number;
  isBuried: boolean;
  readonly results: TaskResult[];
}

/** A task in its place: its key, and the messages that it is for. */
export interface Placed {
  readonly task: FlowTask;
  readonly known: TaskResult | null;
  readonly of: readonly Underway[];
}

/** What a flow without `arrange` does. */
export const asTask = (message: Decoded): Arranged => ({ messages: [message], input: message.value });

/** Throws when `arrange` answered what cannot be run. */
export function place(arranged: readonly Arranged[], underway: readonly Underway[]): Placed[] {
  const answer: unknown = arranged;
  if (!Array.isArray(answer)) throw new Error("arrange must return a list of tasks");
  const byMessage = new Map(underway.map((one) => [one.message, one]));
  for (const one of underway) one.owned = 0;
  return arranged.map(({ messages, input, result, command, env }) => {
    const of = (messages ?? []).map((message) => byMessage.get(message));
    const known = of.filter((one) => one !== undefined);
    const [owner] = known;
    if (owner === undefined || known.length !== of.length)
      throw new Error("a task of arrange must name messages that it was given, at least one");
    const key = idempotencyKey(owner.given, String(owner.owned++));
    const origins: FlowTask["origins"] = [positionOf(owner), ...known.slice(1).map(positionOf)];
    return {
      task: { key, origins, input, ...(command && { command }), ...(env && { env }) },
      known: result === undefined ? null : { output: result, exitCode: null, pid: null, durationMs: 0 },
      of: known,
    };
  });
}

const positionOf = ({ given: { partition, id } }: Underway): Position => ({ partition, id });
