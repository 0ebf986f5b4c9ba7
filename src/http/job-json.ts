/** Jobs as JSON. Payloads and results are spliced in as they are kept: not a digit of them is lost. */
import type { JobSummary, JobView } from "../model/job-view.ts";

export function shownSummary(job: JobSummary): object {
  return {
    id: job.jobId,
    queue: job.queue,
    job_type: job.jobType,
    state: job.state,
    priority: job.priority,
    run_at: job.runAt,
    attempt: job.attempt,
    max_attempts: job.attemptsMax,
    timeout_s: job.timeoutMs === null ? null : job.timeoutMs / 1000,
    worker: job.workerId,
    lease_until: job.leaseUntil,
    held_by: job.heldBy,
    dataset_id: job.datasetId,
    product_id: job.productId,
    concurrency_key: job.concurrencyKey,
    requires: job.requires,
    replay_of: job.replayOf,
    created_by: job.createdBy,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    reason: job.reason,
    error: job.error,
    redriven_as: job.redrivenAs,
  };
}

/** The whole job, as JSON text. */
export function jobJson(job: JobView): string {
  const summary = JSON.stringify(shownSummary(job));
  return `${summary.slice(0, -1)},"payload":${job.payload ?? "null"},"result":${job.result ?? "null"}}`;
}
