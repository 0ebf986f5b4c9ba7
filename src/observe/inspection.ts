/**
 * What live actors do, as XState itself tells it: one step for each event that an actor took, with what it was after. XState builds
 * nothing of it for a system that nobody has subscribed to, so that actors cost the same as without an inspector.
 */
import type { AnyActorRef, AnyEventObject, AnyMachineSnapshot, InspectionEvent } from "xstate";

/** One event that one actor took. */
export interface Step {
  /** The id of the actor's machine. */
  readonly machine: string;
  readonly actorId: string;
  readonly parentId: string | null;
  /** Which actor sent the event; null: it came from outside. */
  readonly sourceId: string | null;
  readonly event: AnyEventObject;
  /** Grows in the order in which events were sent; an actor's step is heard of after those of whom it had told of the event. */
  readonly order: number;
  /** The state before the event; null: it was not there. */
  readonly before: string | null;
  readonly state: string;
  /** As the machine has it: to be redacted before anybody sees it. */
  readonly context: unknown;
  readonly isDone: boolean;
  /** Names of the guards that let it through, and of the actions that it ran. */
  readonly guards: readonly string[];
  readonly actions: readonly string[];
}

/** A machine's id, and how its actors are called outside of their system. */
export type NameActor = (ref: AnyActorRef) => string;

interface Sent {
  readonly source: AnyActorRef | undefined;
  readonly order: number;
}

interface Taken {
  readonly before: string;
  readonly guards: string[];
  readonly actions: string[];
}

/** Calls `hear` for each event that an actor of the root's system takes from now on; call the answer to stop. */
export function watchSystem(root: AnyActorRef, nameOf: NameActor, hear: (step: Step) => void): () => void {
  /** By who gets it: an actor may pass on the very object that it was sent. */
  const sent = new WeakMap<object, WeakMap<object, Sent>>();
  let order = 0;
  const taken = new WeakMap<object, Taken>();

  function next(inspected: InspectionEvent): void {
    // A system's actors are all made by createActor.
    const ref = inspected.actorRef as AnyActorRef;
    if (inspected.type === "@xstate.event") {
      order += 1;
      const to = sent.get(ref) ?? new WeakMap<object, Sent>();
      to.set(inspected.event, { source: inspected.sourceRef as AnyActorRef | undefined, order });
      sent.set(ref, to);
    } else if (inspected.type === "@xstate.microstep") {
      const now = taken.get(ref) ?? { before: stateOf(ref.getSnapshot()), guards: [], actions: [] };
      for (const { guard, actions } of inspected._transitions) {
        if (guard !== undefined) now.guards.push(nameOfPart(guard));
        now.actions.push(...actions.map(nameOfPart));
      }
      taken.set(ref, now);
    } else if (inspected.type === "@xstate.snapshot") {
      const { event } = inspected;
      const snapshot = inspected.snapshot as AnyMachineSnapshot; // all our actors are machines
      const state = stateOf(snapshot);
      const { before, guards, actions } = taken.get(ref) ?? { before: state, guards: [], actions: [] };
      taken.delete(ref);
      const { source, order: sentAs } = sent.get(ref)?.get(event) ?? { source: undefined, order: ++order };
      const parent: AnyActorRef | undefined = ref._parent;
      hear({
        machine: machineOf(ref),
        actorId: nameOf(ref),
        parentId: parent === undefined ? null : nameOf(parent),
        sourceId: source === undefined ? null : nameOf(source),
        event,
        order: sentAs,
        before: event.type === "xstate.init" ? null : before,
        state,
        context: snapshot.context,
        isDone: snapshot.status !== "active",
        guards,
        actions,
      });
    }
  }
  const { unsubscribe } = root.system.inspect({ next });
  return unsubscribe;
}

export function machineOf(ref: AnyActorRef): string {
  // Logic is typed as anything that can run; ours are machines, which have an id.
  return (ref as unknown as { readonly logic: { readonly id: string } }).logic.id;
}

export function stateOf(snapshot: AnyMachineSnapshot): string {
  return String(snapshot.value); // our machines are flat
}

/** A guard or an action by its name, with its parameters: `reports(running)`. One written in place is named after what made it. */
export function nameOfPart(part: unknown): string {
  if (typeof part === "string") return part;
  if ((typeof part !== "object" && typeof part !== "function") || part === null || !("type" in part)) return "inline";
  const name = String(part.type).replace(/^xstate\./, "");
  const params = "params" in part && typeof part.params === "object" && part.params !== null ? part.params : {};
  const values = Object.values(params).map(String);
  return values.length === 0 ? name : `${name}(${values.join(", ")})`;
}
