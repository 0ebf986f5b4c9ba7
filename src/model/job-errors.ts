/** Errors of enqueueing and of the jobs' routes, beside those of errors.ts. Guardrails' codes are those of their stored decisions. */
import { OrreryError } from "./errors.ts";

/** A body is JSON, but a field of it breaks its rules. `field` is a path such as `jobs.3.payload`. */
/** A payload is larger than its queue takes. */
export class PayloadTooLargeError extends OrreryError {
  override readonly code = "PAYLOAD_TOO_LARGE";
  override readonly status = 413;
  constructor(field: string, maxBytes: number, queue: string) {
    super(`Cannot enqueue: ${field} is larger than ${maxBytes} bytes, the most that queue "${queue}" takes`, {
      field,
      max_bytes: maxBytes,
      queue,
    });
  }
}

/** More jobs came than the queue's policy lets in. */
export class EnqueueRateError extends OrreryError {
  override readonly code = "ENQUEUE_RATE_EXCEEDED";
  override readonly status = 429;
  override readonly retryAfterS: number;
  constructor(queue: string, perS: number, retryAfterS: number) {
    super(`Cannot enqueue as queue "${queue}" takes ${perS} jobs a second: try again in ${retryAfterS} s`, { queue });
    this.retryAfterS = retryAfterS;
  }
}

/** The queue is as long as its policy lets it be. */
export class QueueDepthError extends OrreryError {
  override readonly code = "QUEUE_DEPTH_EXCEEDED";
  override readonly status = 429;
  override readonly retryAfterS = 5;
  constructor(queue: string, depthMax: number) {
    super(`Cannot enqueue as queue "${queue}" holds its most, ${depthMax} jobs: try again when some are done`, {
      queue,
      depth_max: depthMax,
    });
  }
}

export class UnknownJobTypeError extends OrreryError {
  override readonly code = "UNKNOWN_JOB_TYPE";
  override readonly status = 422;
  constructor(jobType: string, known: readonly string[], field: string) {
    const list = known.length === 0 ? "none is configured" : `name one of ${known.slice(0, 100).join(", ")}`;
    super(`Cannot enqueue a job of type "${jobType.slice(0, 100)}" as nothing runs it: ${list}`, {
      field,
      job_type: jobType.slice(0, 100),
      known: known.slice(0, 100),
    });
  }
}

/** Whether a request to enqueue was stored is not known. A retry under the same Idempotency-Key is safe. */
export class EnqueueUnknownError extends OrreryError {
  override readonly code = "commit_unknown";
  override readonly status = 503;
  override readonly retryAfterS = 2;
  constructor() {
    super("Whether the jobs were stored is not known: send the request again under an Idempotency-Key");
  }
}
