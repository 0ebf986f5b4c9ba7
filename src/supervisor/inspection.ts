/**
 * What the inspector sees of a supervisor: the plans in memory as they were last committed, and, while somebody watches, what the
 * actors of each turn did. As everything else it leaves after the commit; turns that were undone are not told.
 */
import type { AnyActorRef } from "xstate";
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { Step } from "../observe/inspection.ts";
import type { PlanView } from "./projection.ts";
import type { Resident } from "./resident.ts";
import type { Turn } from "./turn.ts";

/** Of one turn: the actors of a plan of 10,000 products would fill memory before the commit. */
export const stepsMax = 1000;

export interface WatchedTurn {
  readonly datasetId: DatasetId;
  readonly revision: number;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  readonly steps: readonly Step[];
  /** Steps past the bound, which are not told. */
  readonly stepsLeftOut: number;
}

/** A plan whose actors are alive here. */
export interface ResidentPlan {
  readonly datasetId: DatasetId;
  readonly view: PlanView;
  readonly mailboxDepth: number;
  readonly usedMs: number;
}

export interface SupervisorInspection {
  /** In order of use, the last one first. */
  residents(): ResidentPlan[];
  /** Null: its actors are not in memory. */
  resident(datasetId: DatasetId): ResidentPlan | null;
  /** Calls `hear` for each turn that was begun and committed from now on; call the answer to stop. */
  watch(hear: (turn: WatchedTurn) => void): () => void;
}

/** What a turn's actors did, while somebody watches. */
export interface TurnSteps {
  readonly steps: Step[];
  leftOut: number;
}

/** How a plan's actors are called: the dataset by its id, a product by both. */
export function namePlanActor(ref: AnyActorRef): string {
  return ref._parent === undefined ? ref.id : productActorId(ref._parent.id, ref.id);
}

export const productActorId = (datasetId: DatasetId, productId: string): string => `${datasetId}/${productId}`;

export class ResidentInspection implements SupervisorInspection {
  readonly #residents: ReadonlyMap<DatasetId, Resident>;
  readonly #defect: (error: unknown) => void;
  readonly #hearers = new Set<(turn: WatchedTurn) => void>();

  constructor(residents: ReadonlyMap<DatasetId, Resident>, defect: (error: unknown) => void) {
    this.#residents = residents;
    this.#defect = defect;
  }

  get isWatched(): boolean {
    return this.#hearers.size > 0;
  }

  residents(): ResidentPlan[] {
    const loaded = [...this.#residents.values()].filter((resident) => resident.view.revision > 0);
    return loaded.map(shown).sort((a, b) => b.usedMs - a.usedMs);
  }

  resident(datasetId: DatasetId): ResidentPlan | null {
    const resident = this.#residents.get(datasetId);
    return resident === undefined || resident.view.revision === 0 ? null : shown(resident);
  }

  watch(hear: (turn: WatchedTurn) => void): () => void {
    this.#hearers.add(hear);
    if (this.#hearers.size === 1) for (const resident of this.#residents.values()) resident.watch(true);
    return () => {
      if (!this.#hearers.delete(hear) || this.#hearers.size > 0) return;
      for (const resident of this.#residents.values()) resident.watch(false);
    };
  }

  tell({ datasetId, revision, stamp, cause }: Turn, { steps, leftOut }: TurnSteps): void {
    const turn = { datasetId, revision, at: stamp.at, service: stamp.by, cause, steps, stepsLeftOut: leftOut };
    for (const hear of this.#hearers) {
      try {
        hear(turn);
      } catch (error) {
        this.#defect(error);
      }
    }
  }
}

const shown = ({ datasetId, view, depth, usedMs }: Resident): ResidentPlan => ({
  datasetId,
  view,
  mailboxDepth: depth,
  usedMs,
});
