/** Commands: everything that may change a plan. Each one becomes a turn of its dataset. */
import type { DatasetId, JobId, ProductId, Uuid } from "./ids.ts";
import type { DeathReason } from "./job.ts";
import type { JsonText } from "./json.ts";
import type { DependencyDefinition, ProductState, PublishedProduct } from "./plan.ts";

export interface StateReport {
  readonly productId: ProductId;
  readonly state: ProductState;
  readonly runId: Uuid | null;
  readonly link: string | null;
  readonly passback: JsonText | null;
}

export type ClientCommand =
  | {
      readonly type: "plan.publish";
      readonly datasetId: DatasetId;
      readonly extra: JsonText | null;
      readonly products: PublishedProduct[];
      readonly dependencies: DependencyDefinition[];
      /** Do nothing (and answer the plan) when the dataset exists: how a pass or a template run is instantiated once. */
      readonly onlyIfAbsent?: boolean;
    }
  | { readonly type: "dataset.pause"; readonly datasetId: DatasetId }
  | { readonly type: "dataset.unpause"; readonly datasetId: DatasetId }
  | { readonly type: "products.update"; readonly datasetId: DatasetId; readonly reports: StateReport[] }
  | { readonly type: "products.clear"; readonly datasetId: DatasetId; readonly productIds: ProductId[] }
  /** Clears whatever has failed. */
  | { readonly type: "products.retry"; readonly datasetId: DatasetId }
  /** New inputs for products that are there, whose states stay; then the listed ones are cleared. */
  | {
      readonly type: "products.renew";
      readonly datasetId: DatasetId;
      readonly extra: JsonText | null;
      readonly inputs: readonly { readonly productId: ProductId; readonly passthrough: JsonText | null }[];
      readonly clear: ProductId[];
    }
  | { readonly type: "products.disable"; readonly datasetId: DatasetId; readonly productIds: ProductId[] }
  | { readonly type: "products.enable"; readonly datasetId: DatasetId; readonly productIds: ProductId[] };

/**
 * What happened to a product's job. Each is fenced by the lease's `token`: a superseded one changes nothing. `begins`: this end
 * tells of the attempt's start as well.
 */
export type JobCommand = {
  readonly datasetId: DatasetId;
  readonly productId: ProductId;
  readonly jobId: JobId;
  readonly token: number;
} & (
  | { readonly type: "attempt.started" }
  | {
      readonly type: "attempt.succeeded";
      readonly begins?: boolean;
      readonly attempt: AttemptReport;
      readonly link: string | null;
      readonly passback: JsonText | null;
    }
  /** `retryInMs` null: it is not tried again, for `reason`, and the product fails. */
  | {
      readonly type: "attempt.failed";
      readonly begins?: boolean;
      readonly attempt: AttemptReport;
      readonly retryInMs: number | null;
      readonly reason: DeathReason;
    }
  /** The holder was not heard of in time. Only sent while the token is still current. */
  | {
      readonly type: "lease.expired";
      readonly attempt: AttemptReport;
      readonly retryInMs: number | null;
      readonly reason: DeathReason;
    }
);

/** One attempt, as it is kept for ever. */
export interface AttemptReport {
  readonly attempt: number;
  readonly workerId: string;
  readonly startedAt: string | null;
  readonly finishedAt: string;
  /** `deferred`: its compute gave it back until later; like one that a stopping node gave back it counts as none. */
  readonly outcome: "succeeded" | "failed" | "timed_out" | "cancelled" | "deferred" | "lost";
  /** An exit code, an HTTP status, an error's code. */
  readonly code: string | null;
  /** Why it failed, for people; null on success. */
  readonly error: string | null;
  /** The last part of what it printed. */
  readonly output: string;
}

export type Command = ClientCommand | JobCommand;
