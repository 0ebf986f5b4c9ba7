/** Sends events of the past to a real actor of the same machine that runs live, and notes what it does with each one. */
import { type AnyEventObject, type AnyMachineSnapshot, type AnyStateMachine, createActor } from "xstate";
import type { Instant } from "../model/clock.ts";
import { type NameActor, type Step, watchSystem } from "./inspection.ts";

/** What is known of an event of the past. `E`: the machine's events. */
export interface PastEvent<E extends AnyEventObject> {
  /** Null: the actor came into being. */
  readonly event: E | null;
  /** Null: it is not kept when. */
  readonly at: Instant | null;
  /** Who or what caused it, for people. */
  readonly cause: string;
  readonly by: string | null;
  /** Why, where the cause does not tell; null: it does. */
  readonly why: string | null;
  /** The state after it, as it was stored; null: not stored. */
  readonly stored: string | null;
  /** Where it can be gone back to: a revision, or the number of the event. */
  readonly position: number;
}

/** What the actor and its children did with it. */
export interface ReplayedEvent extends Omit<PastEvent<AnyEventObject>, "event"> {
  /** In the order in which their events were sent. */
  readonly steps: readonly Step[];
  readonly state: string;
  readonly before: string | null;
  readonly event: string;
  /** The types of what it said to the outside. */
  readonly emitted: readonly string[];
  /** False: the machine, as it is today, does not end where the store says. */
  readonly follows: boolean;
}

export interface Beginning {
  readonly id: string;
  readonly input: unknown;
  /** Where it stands before the first event; absent: where the machine begins. */
  readonly snapshot?: AnyMachineSnapshot;
}

export function replay<E extends AnyEventObject>(
  machine: AnyStateMachine,
  { id, input, snapshot }: Beginning,
  nameOf: NameActor,
  events: readonly PastEvent<E>[],
): ReplayedEvent[] {
  const actor = createActor(machine, { id, input, ...(snapshot && { snapshot }) });
  let steps: Step[] = [];
  let emitted: string[] = [];
  const stop = watchSystem(actor, nameOf, (step) => steps.push(step));
  actor.on("*", (said: AnyEventObject) => emitted.push(said.type));
  actor.start();
  const isNew = events[0]?.event === null;
  // What a restored actor says as it starts is no event of its past.
  if (!isNew) steps = [];
  const replayed = events.map(({ event, ...past }): ReplayedEvent => {
    const before = event === null ? null : String(actor.getSnapshot().value);
    if (event !== null) actor.send(event);
    const state = String(actor.getSnapshot().value);
    steps.sort((a, b) => a.order - b.order);
    const done = { ...past, steps, emitted, state, before, event: event?.type ?? "created" };
    [steps, emitted] = [[], []];
    return { ...done, follows: past.stored === null || past.stored === state };
  });
  stop();
  actor.stop();
  return replayed;
}
