/** The live actors of one plan, and the graph between them: the state that the next command runs on, committed or not. */
import { type Actor, createActor } from "xstate";
import { type DatasetEvent, datasetMachine } from "../../actors/dataset.ts";
import { type ProductEmitted, type ProductEvent, productMachine, type Stamp } from "../../actors/product.ts";
import { Graph } from "../model/graph.ts";
import type { ProductId } from "../model/ids.ts";
import type { DatasetRow, DependencyRow, Expectation, PlanRows, ProductDefinition, ProductRow } from "../model/plan.ts";
import { watchSystem } from "../observe/inspection.ts";
import { namePlanActor, stepsMax } from "./inspection.ts";
import type { Turn } from "./turn.ts";

export class WorkingPlan {
  readonly graph = new Graph();
  readonly #dataset: Actor<typeof datasetMachine>;
  readonly #products = new Map<ProductId, Actor<typeof productMachine>>();
  /** What each product said last; its actor's context is the same object. */
  readonly #rows = new Map<ProductId, ProductRow>();
  readonly #expectations = new Map<ProductId, Expectation>();
  #datasetRow: DatasetRow;
  #turn: Turn | null = null;
  #unwatch: (() => void) | null = null;

  constructor(dataset: DatasetRow) {
    this.#datasetRow = dataset;
    const snapshot = datasetMachine.resolveState({ value: dataset.paused ? "paused" : "active", context: dataset });
    this.#dataset = createActor(datasetMachine, { id: dataset.datasetId, input: dataset, snapshot });
    this.#dataset.on("dataset.changed", ({ row }) => {
      this.#turn?.changes.push({ productId: null, from: flag(this.#datasetRow), to: flag(row) });
      if (this.#turn) this.#turn.dataset = row;
      this.#datasetRow = row;
    });
    this.#dataset.start();
  }

  /** Brings the actors of a stored plan to life; yields after each one, so that a big plan can be paced. */
  static *restore(rows: PlanRows): Generator<void, WorkingPlan> {
    const plan = new WorkingPlan(rows.dataset);
    for (const edge of rows.dependencies) plan.graph.add(edge);
    for (const { productId, deadlineAt, check } of rows.expectations ?? []) {
      plan.#expectations.set(productId, { deadlineAt, check });
    }
    for (const row of rows.products) {
      plan.#rows.set(row.productId, row);
      plan.#spawn(row);
      yield;
    }
    return plan;
  }

  get dataset(): DatasetRow {
    return this.#datasetRow;
  }

  get size(): number {
    return this.#products.size;
  }

  row(id: ProductId): ProductRow | undefined {
    return this.#rows.get(id);
  }

  /** In the plan and not disabled: what the graph is made of. */
  isLive(id: ProductId): boolean {
    const row = this.#rows.get(id);
    return row !== undefined && row.state !== "disabled";
  }

  /** Held by nothing: waiting, eager, and every parent that counts has succeeded (CONTRACT.md §7, trigger). */
  isReady(id: ProductId): boolean {
    const row = this.#rows.get(id);
    if (row === undefined || row.state !== "waiting" || !row.eager) return false;
    for (const parent of this.graph.parents(id)) {
      const state = this.#rows.get(parent)?.state;
      if (state !== "success" && state !== "disabled") return false;
    }
    return true;
  }

  rows(): ProductRow[] {
    return [...this.#rows.values()];
  }

  /** From here on, what the actors say belongs to `turn`. */
  record(turn: Turn | null): void {
    this.#turn = turn;
  }

  /** From here on, turns keep what the actors do, or do not. */
  watch(isWatched: boolean): void {
    this.#unwatch?.();
    this.#unwatch = null;
    if (!isWatched) return;
    this.#unwatch = watchSystem(this.#dataset, namePlanActor, (step) => {
      if (this.#turn === null) return;
      this.#turn.steps ??= { steps: [], leftOut: 0 };
      if (this.#turn.steps.steps.length < stepsMax) this.#turn.steps.steps.push(step);
      else this.#turn.steps.leftOut += 1;
    });
  }

  sendDataset(event: DatasetEvent): void {
    this.#dataset.send(event);
  }

  send(id: ProductId, event: ProductEvent): void {
    this.#products.get(id)?.send(event);
  }

  /** A new product starts to wait; a known one takes the new definition. */
  define(definition: ProductDefinition, stamp: Stamp): void {
    const id = definition.productId;
    if (this.#products.has(id)) this.send(id, { type: "defined", definition, stamp });
    else {
      const row = newProduct(definition, stamp);
      this.#spawn(row);
      this.#hear({ type: "product.changed", row });
    }
    const row = this.#rows.get(id);
    if (this.#turn === null || row === undefined) return;
    this.#turn.moved.delete(id);
    this.#turn.defined.set(id, row);
  }

  /** What is expected of a product; undefined: nothing. */
  expectation(id: ProductId): Expectation | undefined {
    return this.#expectations.get(id);
  }

  expect(id: ProductId, expected: Expectation | null): void {
    if (expected !== null) this.#expectations.set(id, expected);
    else if (!this.#expectations.delete(id)) return;
    if (this.#turn === null) return;
    this.#turn.expectations ??= new Map();
    this.#turn.expectations.set(id, expected);
  }

  connect(row: DependencyRow): void {
    this.graph.add(row);
    this.#turn?.dependencies.push(row);
  }

  #spawn(row: ProductRow): void {
    const snapshot = productMachine.resolveState({ value: row.state, context: row });
    const actor = createActor(productMachine, { id: row.productId, parent: this.#dataset, input: row, snapshot });
    actor.on("*", (said) => this.#hear(said));
    actor.start();
    this.#products.set(row.productId, actor);
  }

  #hear(said: ProductEmitted): void {
    const turn = this.#turn;
    if (turn === null) throw new Error(`A product said ${said.type} outside of a turn`);
    switch (said.type) {
      case "product.changed": {
        const { row } = said;
        turn.changes.push({
          productId: row.productId,
          from: this.#rows.get(row.productId)?.state ?? null,
          to: row.state,
        });
        this.#rows.set(row.productId, row);
        (turn.defined.has(row.productId) ? turn.defined : turn.moved).set(row.productId, row);
        return;
      }
      case "job.enqueue": {
        const { productId, compute: jobType } = said.row;
        const { at, by } = turn.stamp;
        turn.jobs.set(said.job.jobId, { ...said.job, productId, jobType, by, at, state: "queued" });
        return;
      }
      case "job.cancel":
        turn.jobMoves.push({
          jobId: said.jobId,
          productId: said.productId,
          fence: null,
          to: "cancelled",
          runInMs: 0,
          at: turn.stamp.at,
          begins: false,
          onlyIfExpired: false,
          report: null,
          reason: "product_changed",
        });
        return;
      default:
        said satisfies never;
    }
  }
}

const flag = (row: DatasetRow): "active" | "paused" => (row.paused ? "paused" : "active");

const newProduct = (definition: ProductDefinition, stamp: Stamp): ProductRow => ({
  ...definition,
  state: "waiting",
  runId: null,
  link: null,
  passback: null,
  jobId: null,
  modifiedBy: stamp.by,
  modifiedAt: stamp.at,
});
