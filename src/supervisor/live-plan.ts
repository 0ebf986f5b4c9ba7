/** A plan in memory: its live actors and the projection of what was committed, from one load for all who ask at once. */
import type { DatasetId } from "../model/ids.ts";
import type { PlanRows } from "../model/plan.ts";
import type { Batcher } from "./batcher.ts";
import { pace } from "./pace.ts";
import { Projection, unstoredPlan } from "./projection.ts";
import { WorkingPlan } from "./working-plan.ts";

export interface LivePlanEnv {
  readonly loads: Batcher<DatasetId, PlanRows>;
  /** Whether somebody watches what actors do. */
  isWatched(): boolean;
  /** Lets the event loop serve others. */
  breathe(): Promise<void>;
}

export class LivePlan {
  /** Grows when the actors are dropped; whatever awaited meanwhile finds that it is out of date. */
  generation = 0;
  /** The state that the next command runs on, committed or not; null until loaded. */
  working: WorkingPlan | null = null;
  /** The plan as last committed. */
  committed: Projection;
  readonly #datasetId: DatasetId;
  readonly #env: LivePlanEnv;
  #loading: Promise<void> | null = null;

  constructor(datasetId: DatasetId, env: LivePlanEnv) {
    this.#datasetId = datasetId;
    this.#env = env;
    this.committed = new Projection(unstoredPlan(datasetId));
  }

  /** Resolves when the actors are alive and the projection is there; a drop in the middle leaves it unloaded. */
  load(): Promise<void> {
    if (this.working !== null) return Promise.resolve();
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Forgets the actors; the next command or read loads them again. */
  drop(): void {
    this.generation += 1;
    this.working = null;
  }

  async #load(): Promise<void> {
    const { generation } = this;
    const isWanted = () => this.generation === generation;
    const rows = (await this.#env.loads.get(this.#datasetId)) ?? unstoredPlan(this.#datasetId);
    const working = await pace(WorkingPlan.restore(rows), this.#env.breathe, isWanted);
    if (!isWanted() || working === undefined) return;
    this.committed = new Projection(rows);
    if (this.#env.isWatched()) working.watch(true);
    this.working = working;
  }
}
