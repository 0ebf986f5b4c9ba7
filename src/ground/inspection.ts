/** What the inspector sees of a node's passes: those that it holds, and, while somebody watches, what their actors do. */
import type { AnyActorRef } from "xstate";
import type { ListenerContext } from "../../actors/listener.ts";
import type { PassContext } from "../../actors/pass.ts";
import type { PassId, PassRow, PassState } from "../model/pass.ts";
import { type Step, stateOf, watchSystem } from "../observe/inspection.ts";
import type { PassRunner } from "./pass-runner.ts";

export interface ResidentPass {
  readonly pass: PassRow;
  readonly state: PassState;
  readonly context: PassContext;
  /** Null: it has none now. */
  readonly listener: { readonly state: string; readonly context: ListenerContext } | null;
}

export interface WatchedPassStep {
  readonly passId: PassId;
  /** Milliseconds since 1970, by the database's clock. */
  readonly atMs: number;
  readonly step: Step;
}

export interface GroundInspection {
  residents(): ResidentPass[];
  /** Null: this node does not hold it. */
  resident(passId: PassId): ResidentPass | null;
  /** Calls `hear` for each step of the actors from now on; call the answer to stop. */
  watch(hear: (step: WatchedPassStep) => void): () => void;
}

export const listenerActorId = (passId: PassId): string => `${passId}/listener`;

/** How a pass's actors are called. */
export const namePassActor =
  (passId: PassId) =>
  (ref: AnyActorRef): string =>
    ref._parent === undefined ? passId : listenerActorId(passId);

export class RunnerInspection implements GroundInspection {
  readonly #runners: () => readonly PassRunner[];
  readonly #nowMs: () => number;
  readonly #hearers = new Set<(step: WatchedPassStep) => void>();
  #stops = new WeakMap<PassRunner, () => void>();

  constructor(runners: () => readonly PassRunner[], nowMs: () => number) {
    this.#runners = runners;
    this.#nowMs = nowMs;
  }

  residents(): ResidentPass[] {
    return this.#runners().map(shown);
  }

  resident(passId: PassId): ResidentPass | null {
    const runner = this.#runners().find(({ pass }) => pass.passId === passId);
    return runner === undefined ? null : shown(runner);
  }

  watch(hear: (step: WatchedPassStep) => void): () => void {
    this.#hearers.add(hear);
    if (this.#hearers.size === 1) for (const runner of this.#runners()) this.#follow(runner);
    return () => {
      if (!this.#hearers.delete(hear) || this.#hearers.size > 0) return;
      for (const runner of this.#runners()) this.#stops.get(runner)?.();
      this.#stops = new WeakMap();
    };
  }

  /** A pass was taken, and has not done anything yet. */
  began(runner: PassRunner): void {
    if (this.#hearers.size > 0) this.#follow(runner);
  }

  #follow(runner: PassRunner): void {
    const { passId } = runner.pass;
    const stop = watchSystem(runner.actor, namePassActor(passId), (step) => {
      for (const hear of this.#hearers) hear({ passId, atMs: this.#nowMs(), step });
    });
    this.#stops.set(runner, stop);
  }
}

function shown({ pass, actor }: PassRunner): ResidentPass {
  const { value, context, children } = actor.getSnapshot();
  const listener = children.listener?.getSnapshot();
  return {
    pass,
    state: value,
    context,
    listener:
      listener === undefined ? null : { state: stateOf(listener), context: listener.context as ListenerContext },
  };
}
