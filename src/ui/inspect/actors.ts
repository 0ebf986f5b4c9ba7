/** The actors that live on this node now, one after another, filtered; a page of them is all that is ever made. */
import type { Flows } from "../../flow/flows.ts";
import type { GroundInspection } from "../../ground/inspection.ts";
import type { Instant } from "../../model/clock.ts";
import type { SupervisorInspection } from "../../supervisor/inspection.ts";
import type { MachineName } from "./machine.ts";
import { sourceHref } from "./source-actor.ts";

export interface ListedActor {
  readonly machine: MachineName;
  readonly href: string;
  readonly id: string;
  readonly name: string;
  readonly state: string;
  /** What it belongs to, or what is around it. */
  readonly note: string;
  readonly changedAt: Instant | null;
}

export interface ActorFilter {
  /** In ids and names, any letter case. */
  readonly text: string;
  readonly machine: MachineName | null;
  readonly state: string | null;
}

export interface ActorPage {
  readonly actors: readonly ListedActor[];
  readonly hasMore: boolean;
  /** Of all, whatever the filter. */
  readonly counts: {
    readonly dataset: number;
    readonly product: number;
    readonly pass: number;
    readonly listener: number;
    readonly source: number;
  };
}

interface Inspected {
  readonly supervisor: { readonly inspection: SupervisorInspection };
  readonly ground: { readonly inspection: GroundInspection };
  readonly flows: Pick<Flows, "all">;
}

/** `skip` of those that pass the filter, then `limit`. Walks what is in memory, which is bounded, and asks no store. */
export function listActors(inspected: Inspected, filter: ActorFilter, skip: number, limit: number): ActorPage {
  const text = filter.text.toLowerCase();
  const actors: ListedActor[] = [];
  let found = 0;
  for (const actor of everyActor(inspected, filter.machine)) {
    if (filter.state !== null && actor.state !== filter.state) continue;
    if (text !== "" && !actor.id.toLowerCase().includes(text) && !actor.name.toLowerCase().includes(text)) continue;
    found += 1;
    if (found <= skip) continue;
    if (found > skip + limit) break;
    actors.push(actor);
  }
  return { actors, hasMore: found > skip + limit, counts: countsOf(inspected) };
}

function countsOf({ supervisor, ground, flows }: Inspected): ActorPage["counts"] {
  const plans = supervisor.inspection.residents();
  const passes = ground.inspection.residents();
  return {
    dataset: plans.length,
    product: plans.reduce((sum, { view }) => sum + view.products.size, 0),
    pass: passes.length,
    listener: passes.filter(({ listener }) => listener !== null).length,
    source: flows.all.reduce((sum, { state }) => sum + state.partitions.length, 0),
  };
}

function* everyActor({ supervisor, ground, flows }: Inspected, machine: MachineName | null): Generator<ListedActor> {
  const wants = (name: MachineName): boolean => machine === null || machine === name;
  for (const { pass, state, listener } of ground.inspection.residents()) {
    const { passId, ship, port, modifiedAt } = pass;
    if (wants("pass"))
      yield {
        machine: "pass",
        href: `/inspect/pass/${passId}`,
        id: passId,
        name: ship,
        state,
        note: `port ${port}`,
        changedAt: modifiedAt,
      };
    if (wants("listener") && listener !== null) {
      const href = `/inspect/listener/${passId}`;
      yield {
        machine: "listener",
        href,
        id: passId,
        name: `udp port ${port}`,
        state: listener.state,
        note: `of a pass of ${ship}`,
        changedAt: null,
      };
    }
  }
  if (wants("source")) yield* sourceActors(flows);
  if (!wants("dataset") && !wants("product")) return;
  for (const { datasetId, view, mailboxDepth } of supervisor.inspection.residents()) {
    const { dataset, products, revision } = view;
    const note = `revision ${revision}, ${products.size} products${mailboxDepth > 0 ? `, ${mailboxDepth} commands wait` : ""}`;
    const href = `/inspect/dataset/${datasetId}`;
    const state = dataset.paused ? "paused" : "active";
    if (wants("dataset"))
      yield { machine: "dataset", href, id: datasetId, name: "dataset", state, note, changedAt: dataset.modifiedAt };
    if (!wants("product")) continue;
    for (const row of products.values()) {
      const own = `/inspect/product/${datasetId}/${row.productId}`;
      yield {
        machine: "product",
        href: own,
        id: row.productId,
        name: row.name,
        state: row.state,
        note: `computed by ${row.compute}`,
        changedAt: row.modifiedAt,
      };
    }
  }
}

/** Partitions that flows read here. */
function* sourceActors(flows: Pick<Flows, "all">): Generator<ListedActor> {
  for (const { definition, state } of flows.all) {
    const { id: flow, source } = definition.file;
    for (const { name, state: doing, held } of state.partitions)
      yield {
        machine: "source",
        href: sourceHref(flow, name),
        id: name,
        name: flow,
        state: doing,
        note: `a partition of ${source.kind}, ${held} messages held`,
        changedAt: null,
      };
  }
}
