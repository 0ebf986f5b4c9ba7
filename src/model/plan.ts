/** The words of a plan: a dataset, its data products, the dependencies between them. Rows as they are stored and shown. */
import type { Instant } from "./clock.ts";
import type { DatasetId, JobId, ProductId, Uuid } from "./ids.ts";
import type { JsonText } from "./json.ts";

export const productStates = ["disabled", "failed", "queued", "running", "success", "waiting"] as const;
export type ProductState = (typeof productStates)[number];
/** What a client may set by an update. */
export type ReportedState = Extract<ProductState, "running" | "success" | "failed">;

export interface DatasetRow {
  readonly datasetId: DatasetId;
  readonly paused: boolean;
  readonly extra: JsonText | null;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

/** What a plan submission says of a product. */
export interface ProductDefinition {
  readonly productId: ProductId;
  readonly compute: string;
  readonly name: string;
  readonly version: string;
  readonly eager: boolean;
  readonly passthrough: JsonText | null;
  readonly extra: JsonText | null;
}

/** What a plan expects of a product. */
export interface Expectation {
  /** By then it must be success; null: whenever. */
  readonly deadlineAt: Instant | null;
  /** JSON Schema of its passback, as far as json-schema.ts knows it; null: any. */
  readonly check: JsonText | null;
}

/** A product as a plan lists it. Absent and null are alike: nothing is expected. */
export interface PublishedProduct extends ProductDefinition {
  readonly check?: JsonText | null;
  readonly deadlineAt?: Instant | null;
  /** Seconds after the publication; `deadlineAt` wins. */
  readonly deadlineS?: number | null;
}

export interface ProductRow extends ProductDefinition {
  readonly state: ProductState;
  readonly runId: Uuid | null;
  readonly link: string | null;
  readonly passback: JsonText | null;
  /** The job whose outcome this product awaits; null unless dispatched by us. */
  readonly jobId: JobId | null;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

export interface DependencyDefinition {
  readonly parentId: ProductId;
  readonly childId: ProductId;
  readonly extra: JsonText | null;
}

export interface DependencyRow extends DependencyDefinition {
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

/** One whole plan as the store holds it. `revision` counts the turns it has seen, from 1. */
export interface PlanRows {
  readonly revision: number;
  readonly dataset: DatasetRow;
  readonly products: ProductRow[];
  readonly dependencies: DependencyRow[];
  readonly expectations?: readonly (Expectation & { readonly productId: ProductId })[];
}

/** The key of an edge within its dataset. */
export const dependencyKey = (edge: { parentId: ProductId; childId: ProductId }): string =>
  `${edge.parentId}>${edge.childId}`;
