/**
 * A store of plans in memory with the real one's semantics: a step applies whole or not at all, by compare-and-set on the
 * revision and by the leases of its jobs. It passes the same contract suite as Postgres and the embedded store.
 */
import type { AttemptReport } from "../../src/model/command.ts";
import type { DatasetId, JobId, ProductId } from "../../src/model/ids.ts";
import {
  type DatasetRow,
  type DependencyRow,
  dependencyKey,
  type PlanRows,
  type ProductRow,
} from "../../src/model/plan.ts";
import type {
  AnswerInsert,
  CommitOutcome,
  EventRow,
  JobInsert,
  JobMove,
  PlanStore,
  Step,
} from "../../src/store/plan-store.ts";

export interface FakeJob {
  readonly jobId: JobId;
  readonly datasetId: DatasetId;
  readonly productId: ProductId;
  state: "queued" | "leased" | "succeeded" | "dead" | "cancelled";
  token: number;
  attempt: number;
  readonly attemptsMax: number;
  leaseUntilMs: number;
  runAtMs: number;
}

interface StoredPlan {
  revision: number;
  dataset: DatasetRow;
  readonly products: Map<ProductId, ProductRow>;
  readonly dependencies: Map<string, DependencyRow>;
  readonly events: EventRow[];
}

export class FakeDatabase implements PlanStore {
  readonly plans = new Map<DatasetId, StoredPlan>();
  readonly jobs = new Map<JobId, FakeJob>();
  readonly attempts: { jobId: JobId; token: number; report: AttemptReport }[] = [];
  /** Called with each step that won, after it was applied. */
  onApplied: (step: Step) => void = () => {};
  /** Breaks the compare-and-set, to show that the simulation notices. */
  ignoresRevisions = false;
  /** Breaks the fence: any lease of a job will do. */
  ignoresTokens = false;
  readonly #answers: AnswerInsert[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async load(datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, PlanRows>> {
    const found = new Map<DatasetId, PlanRows>();
    for (const id of datasetIds) {
      const plan = this.plans.get(id);
      if (plan === undefined) continue;
      const { revision, dataset } = plan;
      const products = [...plan.products.values()];
      found.set(id, { revision, dataset, products, dependencies: [...plan.dependencies.values()] });
    }
    return found;
  }

  async revisions(datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, number>> {
    const found = new Map<DatasetId, number>();
    for (const id of datasetIds) {
      const plan = this.plans.get(id);
      if (plan) found.set(id, plan.revision);
    }
    return found;
  }

  async findTurn(datasetId: DatasetId, revision: number, turnId: string): Promise<boolean> {
    const events = this.plans.get(datasetId)?.events ?? [];
    return events.some((event) => event.revision === revision && event.turnId === turnId);
  }

  async findAnswer(key: Parameters<PlanStore["findAnswer"]>[0]): ReturnType<PlanStore["findAnswer"]> {
    return (
      this.#answers.findLast(
        (one) =>
          one.scope === key.scope && one.service === key.service && one.route === key.route && one.key === key.key,
      ) ?? null
    );
  }

  async commit(steps: readonly Step[]): Promise<CommitOutcome> {
    const won = new Set<DatasetId>();
    const superseded = new Set<JobId>();
    for (const step of steps) {
      const isCurrent = this.ignoresRevisions || (this.plans.get(step.datasetId)?.revision ?? 0) === step.base;
      const lost = step.jobMoves.filter((move) => !this.#isHeld(move));
      for (const move of lost) superseded.add(move.jobId);
      if (!isCurrent || lost.length > 0) continue;
      won.add(step.datasetId);
      if (step.next === step.base) continue;
      this.#apply(step);
      this.onApplied(step);
    }
    const stored = steps.flatMap((step) => (won.has(step.datasetId) ? step.jobs : []));
    return { won, superseded, leases: stored.some((job) => firstLeaseMs(job) !== null) };
  }

  /** What `leaseJobs` does: one due job, a new token. Null if none is due. */
  lease(leaseMs: number): FakeJob | null {
    for (const job of this.jobs.values()) {
      if (job.state !== "queued" || job.runAtMs > this.#nowMs()) continue;
      job.state = "leased";
      job.token += 1;
      job.leaseUntilMs = this.#nowMs() + leaseMs;
      return { ...job };
    }
    return null;
  }

  #isHeld(move: JobMove): boolean {
    if (move.fence === null) return true;
    const job = this.jobs.get(move.jobId);
    if (job === undefined || job.state !== "leased") return false;
    if (job.token !== move.fence && !this.ignoresTokens) return false;
    return !move.onlyIfExpired || job.leaseUntilMs < this.#nowMs();
  }

  #apply(step: Step): void {
    const plan = this.plans.get(step.datasetId) ?? newPlan(step);
    this.plans.set(step.datasetId, plan);
    plan.revision = step.next;
    if (step.dataset) plan.dataset = step.dataset;
    for (const row of [...step.defined, ...step.moved]) plan.products.set(row.productId, row);
    for (const row of step.dependencies) plan.dependencies.set(dependencyKey(row), row);
    plan.events.push(...step.events);
    this.#answers.push(...step.answers);
    for (const job of step.jobs) {
      const { jobId, productId, attemptsMax } = job;
      const leaseMs = firstLeaseMs(job);
      const lease =
        leaseMs === null
          ? { state: job.state, token: 0, leaseUntilMs: 0 }
          : { state: "leased" as const, token: 1, leaseUntilMs: this.#nowMs() + leaseMs };
      this.jobs.set(jobId, {
        jobId,
        datasetId: step.datasetId,
        productId,
        attemptsMax,
        ...lease,
        attempt: 0,
        runAtMs: 0,
      });
    }
    for (const move of step.jobMoves) this.#move(move);
  }

  #move(move: JobMove): void {
    const job = this.jobs.get(move.jobId);
    if (job === undefined) throw new Error(`The step moves job ${move.jobId}, which was never inserted`);
    if (["succeeded", "dead", "cancelled"].includes(job.state) && move.to !== "cancelled") {
      throw new Error(`The step moves job ${move.jobId} from ${job.state} to ${move.to}`);
    }
    job.state = move.to;
    if (move.begins) job.attempt += 1;
    if (move.to === "queued") job.runAtMs = this.#nowMs() + move.runInMs;
    if (move.report && move.fence !== null)
      this.attempts.push({ jobId: job.jobId, token: move.fence, report: move.report });
  }
}

/** Of a job that is leased as it is stored; null: it is queued. No policy ever changes here. */
const firstLeaseMs = ({ state, lease }: JobInsert): number | null =>
  state === "queued" && lease?.policyVersion === 1 ? lease.leaseMs : null;

function newPlan(step: Step): StoredPlan {
  if (step.dataset === null) throw new Error(`The step creates dataset ${step.datasetId} without its row`);
  return { revision: 0, dataset: step.dataset, products: new Map(), dependencies: new Map(), events: [] };
}
