/** Errors of plans and their data products, beside those of errors.ts. */
import { OrreryError } from "./errors.ts";

export class DuplicateProductError extends OrreryError {
  override readonly code = "duplicate_product";
  override readonly status = 400;
  constructor(productId: string) {
    super(`Cannot publish the plan as it lists data product ${productId} twice: list each one once`, {
      data_product_id: productId,
    });
  }
}

export class DuplicateDependencyError extends OrreryError {
  override readonly code = "duplicate_dependency";
  override readonly status = 400;
  constructor(parentId: string, childId: string) {
    super(`Cannot publish the plan as it lists the dependency of ${childId} on ${parentId} twice: list each one once`, {
      parent_id: parentId,
      child_id: childId,
    });
  }
}

export class UnknownComputeError extends OrreryError {
  override readonly code = "unknown_compute";
  override readonly status = 400;
  constructor(compute: string, known: readonly string[]) {
    super(`Cannot use compute "${compute}" as it is not configured: name one of ${known.join(", ")}`, {
      compute,
      known,
    });
  }
}

export class StateNotReportableError extends OrreryError {
  override readonly code = "state_not_reportable";
  override readonly status = 400;
  constructor(productId: string, state: string) {
    super(`Cannot set data product ${productId} to ${state}: an update reports running, success or failed`, {
      data_product_id: productId,
      state,
    });
  }
}

export class PauseStateError extends OrreryError {
  override readonly code = "pause_state";
  override readonly status = 400;
  constructor(datasetId: string, paused: boolean) {
    super(`Cannot ${paused ? "pause" : "unpause"} dataset ${datasetId} as its paused state is already ${paused}`, {
      dataset_id: datasetId,
      paused,
    });
  }
}

export class ProductDisabledError extends OrreryError {
  override readonly code = "product_disabled";
  override readonly status = 403;
  constructor(productId: string) {
    super(`Cannot change data product ${productId} as it is disabled: enable it first`, { data_product_id: productId });
  }
}

export class ProductNotDisabledError extends OrreryError {
  override readonly code = "product_not_disabled";
  override readonly status = 403;
  constructor(productId: string, state: string) {
    super(`Cannot enable data product ${productId} as it is not disabled: its current state is ${state}`, {
      data_product_id: productId,
      state,
    });
  }
}

export class RevisionMovedError extends OrreryError {
  override readonly code = "revision_moved";
  override readonly status = 412;
  constructor(datasetId: string) {
    super(`Dataset ${datasetId} has changed since the revision in If-Match: read it again, then decide`, {
      dataset_id: datasetId,
    });
  }
}

export class CyclicalPlanError extends OrreryError {
  override readonly code = "cyclical";
  override readonly status = 422;
  constructor(cycle: readonly string[]) {
    super(`The plan would be cyclical: ${cycle.join(" -> ")}. Remove one of these dependencies`, { cycle });
  }
}

export class CommitUnknownError extends OrreryError {
  override readonly code = "commit_unknown";
  override readonly status = 503;
  override readonly retryAfterS = 2;
  constructor(datasetId: string) {
    super(
      `Whether the change to dataset ${datasetId} was stored is not known yet: read it again before you repeat it`,
      {
        dataset_id: datasetId,
      },
    );
  }
}
