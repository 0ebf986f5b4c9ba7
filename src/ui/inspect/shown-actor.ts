/** One actor as its page shows it, whatever its machine: now, or at a moment of its past. */
import type { ReplayedEvent } from "../../observe/replay.ts";
import type { Due } from "./due.ts";
import type { MachineName } from "./machine.ts";
import type { Sequence } from "./sequence.ts";

/** One row of its log. */
export interface LogRow
  extends Pick<ReplayedEvent, "position" | "at" | "by" | "cause" | "why" | "event" | "before" | "state"> {
  readonly guards: readonly string[];
  readonly actions: readonly string[];
  readonly emitted: readonly string[];
  readonly follows: boolean;
}

export interface ShownActor {
  readonly machine: MachineName;
  /** Its page, without a query. */
  readonly path: string;
  readonly name: string;
  readonly id: string;
  /** Where its actor is now, for people. */
  readonly residence: string;
  readonly isResident: boolean;
  /** The state that the page is about: now, or then. */
  readonly state: string;
  /** What it holds now, redacted; null: it is not known here. */
  readonly context: unknown;
  /** The newest first. */
  readonly log: readonly LogRow[];
  /** The row that the page stands at; null: there is none. */
  readonly at: LogRow | null;
  readonly travel: Travel;
  readonly due: readonly Due[];
  readonly sequence: Sequence;
  readonly links: readonly (readonly [name: string, href: string])[];
  /** Actors that belong to it, as they are now; a bounded part. */
  readonly children: readonly Child[];
  readonly childrenLeftOut: number;
  /** Whose events the page listens to; null: it is no live actor. */
  readonly root: string | null;
  /** What is to be known of its past; null: nothing. */
  readonly caveat: string | null;
}

export interface Child {
  readonly name: string;
  readonly href: string;
  readonly state: string;
}

/** Steps from the row that the page stands at. Null: there is none. */
export interface Travel {
  readonly parameter: "revision" | "step";
  readonly isPast: boolean;
  readonly previous: number | null;
  readonly next: number | null;
  readonly newest: number | null;
}

export const noSequence: Sequence = { lanes: [], messages: [], leftOut: null };

/** What a replay did: the actor's own step of it, the one that moved it if one did. */
export function rowOf(replayed: ReplayedEvent, actorId: string): LogRow {
  const own = replayed.steps.filter((step) => step.actorId === actorId);
  const step = own.find(({ before, state }) => before !== null && before !== state) ?? own[0];
  if (step === undefined || step.event.type === "xstate.init") return { ...replayed, guards: [], actions: [] };
  return { ...replayed, event: step.event.type, guards: step.guards, actions: step.actions };
}
