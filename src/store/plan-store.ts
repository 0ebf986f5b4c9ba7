/** What the supervisor asks of a store of plans. Postgres and the embedded store serve it by SQL, the simulation by a fake with faults. */
import type { Instant } from "../model/clock.ts";
import type { AttemptReport } from "../model/command.ts";
import type { DatasetId, JobId, ProductId, TurnId } from "../model/ids.ts";
import type { EndReason } from "../model/job.ts";
import type { DatasetRow, DependencyRow, PlanRows, ProductRow, ProductState } from "../model/plan.ts";
import type { ExpectationChange } from "./expectations.ts";

export interface PlanStore {
  /** Whole plans, each read by one statement, so never torn. A missing dataset is absent from the map. */
  load(datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, PlanRows>>;
  /** Revisions as of a moment after the call, on the primary. A missing dataset is absent from the map. */
  revisions(datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, number>>;
  /** One transaction for all steps; each one is applied whole or not at all. Throws `SqlError` when none may count as applied. */
  commit(steps: readonly Step[]): Promise<CommitOutcome>;
  /** Locks the dataset (which waits for a ghost of ours), then tells which of the turns is stored at its revision. */
  findTurn(datasetId: DatasetId, revision: number, turnId: TurnId): Promise<boolean>;
  /** The stored answer under an idempotency key; null if there is none younger than 24 hours. */
  findAnswer(key: IdempotencyKey): Promise<{ digest: string; answer: string } | null>;
}

/** All turns of one dataset in a batch, folded: `base` → `next`. `next === base` only checks the revision (a refusal relies on it). */
export interface Step {
  readonly datasetId: DatasetId;
  /** 0: the dataset does not exist yet. */
  readonly base: number;
  readonly next: number;
  /** Of the newest row touched; null when nothing was stamped. */
  readonly modifiedAt: Instant | null;
  readonly dataset: DatasetRow | null;
  /** The names of all products, a line each; null when they stay as they are. */
  readonly names: string | null;
  /** New or redefined products: whole rows. Disjoint from `moved`. */
  readonly defined: readonly ProductRow[];
  /** Products of which only state, run fields, job and stamps changed. */
  readonly moved: readonly ProductRow[];
  readonly dependencies: readonly DependencyRow[];
  /** Absent: nothing changed. */
  readonly expectations?: readonly ExpectationChange[];
  readonly events: readonly EventRow[];
  readonly jobs: readonly JobInsert[];
  readonly jobMoves: readonly JobMove[];
  readonly answers: readonly AnswerInsert[];
}

export interface EventRow {
  readonly revision: number;
  readonly part: number;
  readonly turnId: TurnId;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  readonly changes: readonly Change[];
}

/** One change in an event row: a product, from → to; null product: the dataset itself. */
export interface Change {
  readonly productId: ProductId | null;
  readonly from: ProductState | "active" | "paused" | null;
  readonly to: ProductState | "active" | "paused";
  /** Why, where the cause of the turn does not tell. */
  readonly why?: string;
}

export interface JobInsert {
  readonly jobId: JobId;
  readonly productId: ProductId;
  readonly queue: string;
  /** The product's compute. */
  readonly jobType: string;
  /** Labels that a worker must have. */
  readonly requires: readonly string[];
  /** 0 if absent. */
  readonly priority?: number;
  readonly attemptsMax: number;
  readonly by: string;
  readonly at: Instant;
  /** A job that its own batch took back is stored as cancelled. */
  readonly state: "queued" | "cancelled";
  /** Absent: it waits for whoever claims it. */
  readonly lease?: FirstLease;
}

/** Who holds a queued job from the moment it is stored, unless the policies have changed: then it is stored without a lease. */
export interface FirstLease {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly policyVersion: number;
}

/** What a turn does to a job that was stored before. */
export interface JobMove {
  readonly jobId: JobId;
  /** The lease that must still be current, or the whole step is lost; null: whatever holds it is superseded (a cancellation). */
  readonly fence: number | null;
  /** `leased` keeps the lease (an attempt began); `queued` gives it up until `runInMs` from now, by the database's clock. */
  readonly to: "leased" | "queued" | "succeeded" | "dead" | "cancelled";
  readonly runInMs: number;
  readonly at: Instant;
  /** True when this move begins an attempt: the count grows, its start is noted. */
  readonly begins: boolean;
  /** True for a lease that ran out: should its holder have renewed it meanwhile, the step is lost. */
  readonly onlyIfExpired: boolean;
  readonly report: AttemptReport | null;
  /** Why it is dead or cancelled; null otherwise. */
  readonly reason: EndReason | null;
  readonly productId: ProductId;
}

export interface IdempotencyKey {
  readonly scope: DatasetId;
  readonly service: string;
  readonly route: string;
  readonly key: string;
}

export interface AnswerInsert extends IdempotencyKey {
  readonly digest: string;
  readonly answer: string;
  readonly at: Instant;
}

export interface CommitOutcome {
  /** Datasets whose step was applied. Another one lost its compare-and-set or its fence. */
  readonly won: ReadonlySet<DatasetId>;
  /** Jobs whose lease is no longer the one that a move was fenced by; their datasets are not among the won. */
  readonly superseded: ReadonlySet<JobId>;
  /** The new jobs of the won steps that ask for a lease have it, under token 1; false: none of them has. */
  readonly leases: boolean;
}
