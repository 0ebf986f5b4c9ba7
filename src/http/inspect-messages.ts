/**
 * The messages of @statelyai/inspect, by which tools of XState draw actors that live elsewhere: `@xstate.actor` makes one known,
 * `@xstate.event` and `@xstate.snapshot` follow for each event that it takes. `orrery` is ours; others leave it aside.
 */
import type { ResidentPass } from "../ground/inspection.ts";
import { listenerActorId } from "../ground/inspection.ts";
import type { Step } from "../observe/inspection.ts";
import { redacted } from "../observe/redact.ts";
import { productActorId, type ResidentPlan } from "../supervisor/inspection.ts";
import { definitionJson, isMachineName } from "../ui/inspect/machine.ts";

/** The version of @statelyai/inspect whose messages these are. */
const protocolVersion = "0.7.2";

/** An actor as it is now. */
export interface KnownActor {
  readonly actorId: string;
  readonly machine: string;
  readonly parentId: string | null;
  /** The dataset or the pass that it belongs to. */
  readonly rootId: string;
  readonly name: string;
  readonly state: string;
  readonly context: unknown;
  readonly isDone: boolean;
}

/** Where a step stands in the history of its plan; none of a pass. */
export interface StepOrigin {
  readonly revision: number | null;
  readonly cause: string | null;
  readonly service: string | null;
}

export function actorMessage(actor: KnownActor, atMs: number): string {
  return JSON.stringify({
    ...head("@xstate.actor", actor.actorId, actor.rootId, atMs),
    name: actor.name,
    parentId: actor.parentId ?? undefined,
    definition: isMachineName(actor.machine) ? definitionJson(actor.machine) : undefined,
    snapshot: snapshotOf(actor),
  });
}

/** One event and what the actor was after it: two messages. */
export function stepMessages(step: Step, rootId: string, origin: StepOrigin, atMs: number): string[] {
  const event = redacted(step.event);
  const { machine, before, guards, actions } = step;
  const said = { ...head("@xstate.event", step.actorId, rootId, atMs), event, sourceId: step.sourceId ?? undefined };
  const snapshot = { ...head("@xstate.snapshot", step.actorId, rootId, atMs), event, snapshot: snapshotOf(step) };
  return [
    JSON.stringify(said),
    JSON.stringify({ ...snapshot, orrery: { ...origin, machine, before, guards, actions } }),
  ];
}

/** The listener was too slow: so many messages are lost to it. Only to a page of ours, which asks for it. */
export const missedMessage = (count: number): string => JSON.stringify({ type: "@orrery.missed", count });

let messages = 0;

function head(type: string, sessionId: string, rootId: string, atMs: number): object {
  messages += 1;
  return {
    type,
    sessionId,
    rootId,
    id: String(messages),
    createdAt: String(Math.round(atMs)),
    _version: protocolVersion,
  };
}

const snapshotOf = ({ state, context, isDone }: Pick<KnownActor, "state" | "context" | "isDone">): object => ({
  status: isDone ? "done" : "active",
  value: state,
  context: redacted(context),
});

/** The dataset first, then its products. */
export function* actorsOfPlan({ datasetId, view }: ResidentPlan): Generator<KnownActor> {
  const { dataset } = view;
  const state = dataset.paused ? "paused" : "active";
  const own = {
    actorId: datasetId,
    machine: "dataset",
    parentId: null,
    rootId: datasetId,
    name: `dataset ${datasetId}`,
  };
  yield { ...own, state, context: dataset, isDone: false };
  for (const row of view.products.values()) {
    const actorId = productActorId(datasetId, row.productId);
    const of = { actorId, machine: "product", parentId: datasetId, rootId: datasetId, name: row.name };
    yield { ...of, state: row.state, context: row, isDone: false };
  }
}

export function* actorsOfPass({ pass, state, context, listener }: ResidentPass): Generator<KnownActor> {
  const { passId } = pass;
  const own = { actorId: passId, machine: "pass", parentId: null, rootId: passId, name: `pass of ${pass.ship}` };
  yield { ...own, state, context, isDone: false };
  if (listener === null) return;
  const of = { actorId: listenerActorId(passId), machine: "listener", parentId: passId, rootId: passId };
  yield { ...of, name: `udp port ${pass.port}`, ...listener, isDone: false };
}

/** What a step tells of an actor that was not known before. */
export const actorOfStep = (step: Step, rootId: string): KnownActor => ({ ...step, rootId, name: nameOf(step) });

function nameOf({ machine, actorId, context }: Step): string {
  const named = typeof context === "object" && context !== null && "name" in context ? context.name : null;
  return typeof named === "string" ? named : `${machine} ${actorId}`;
}
