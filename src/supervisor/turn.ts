/** A turn: what one command changed, as its actors said while it ran. Nothing of it leaves before its commit. */
import type { Stamp } from "../../actors/product.ts";
import type { DatasetId, JobId, ProductId, TurnId } from "../model/ids.ts";
import type { DatasetRow, DependencyRow, Expectation, ProductRow } from "../model/plan.ts";
import type { AnswerInsert, Change, JobInsert, JobMove } from "../store/plan-store.ts";
import type { TurnSteps } from "./inspection.ts";

export interface Turn {
  readonly turnId: TurnId;
  readonly datasetId: DatasetId;
  readonly stamp: Stamp;
  readonly cause: string;
  /** The dataset's revision once it is committed; for a refusal the one it relied on. */
  readonly revision: number;
  dataset: DatasetRow | null;
  /** The names of all products, a line each, after a plan was published. */
  names: string | null;
  /** Products that are new or were redefined. */
  readonly defined: Map<ProductId, ProductRow>;
  /** Products that only moved. */
  readonly moved: Map<ProductId, ProductRow>;
  readonly dependencies: DependencyRow[];
  /** What is expected from now on of products; null: nothing any more. Not there until somebody expects something. */
  expectations: Map<ProductId, Expectation | null> | null;
  readonly changes: Change[];
  readonly jobs: Map<JobId, JobInsert>;
  readonly jobMoves: JobMove[];
  answer: AnswerInsert | null;
  /** Why the command was refused; such a turn only checks that the state it relied on is current. */
  refusal: Error | null;
  /** What the actors did, for the inspector; null unless somebody watches. */
  steps: TurnSteps | null;
}

export function newTurn(head: Pick<Turn, "turnId" | "datasetId" | "stamp" | "cause" | "revision">): Turn {
  return {
    ...head,
    dataset: null,
    names: null,
    defined: new Map(),
    moved: new Map(),
    dependencies: [],
    expectations: null,
    changes: [],
    jobs: new Map(),
    jobMoves: [],
    answer: null,
    refusal: null,
    steps: null,
  };
}

/** Whether anything carries the turn's stamp. */
export const stampsAnything = (turn: Turn): boolean =>
  turn.dataset !== null || turn.defined.size > 0 || turn.moved.size > 0 || turn.dependencies.length > 0;
