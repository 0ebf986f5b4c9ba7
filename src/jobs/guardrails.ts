/** The guardrails that look at what came alone: known types, payloads of a bearable size. A refusal is stored before it is thrown. */
import { PayloadTooLargeError, UnknownJobTypeError } from "../model/job-errors.ts";
import type { Policies } from "../model/policy.ts";
import { burstOf, defaultGuardrails, limitsOf } from "../model/policy-limits.ts";
import type { EnqueueLimit, NewJob } from "../store/enqueue.ts";
import type { EnqueueOrder } from "./intake.ts";
import type { JobTypes } from "./known-types.ts";
import type { Refusals } from "./refusals.ts";

/** The jobs with what their types say; throws `UnknownJobTypeError`. */
export async function withTypes(
  { jobs, service, fieldOf }: EnqueueOrder,
  types: JobTypes,
  refusals: Refusals,
): Promise<Omit<NewJob, "jobId">[]> {
  const known: Omit<NewJob, "jobId">[] = [];
  for (const [i, job] of jobs.entries()) {
    const type = types.find(job.jobType);
    if (type === null) {
      const error = new UnknownJobTypeError(job.jobType, types.names(), `${fieldOf(i)}job_type`);
      const { queue, jobType } = job;
      await refusals.note({ code: error.code, queue, jobType, service, count: 1, detail: error.message });
      throw error;
    }
    const requires = type.requires.length === 0 ? job.requires : [...new Set([...type.requires, ...job.requires])];
    known.push({ ...job, attemptsMax: job.attemptsMax ?? type.attemptsMax, requires });
  }
  return known;
}

/** `sizes` of the payloads in bytes. Throws `PayloadTooLargeError`. */
export async function checkSizes(
  { jobs, service, fieldOf }: EnqueueOrder,
  sizes: readonly number[],
  policies: Policies,
  refusals: Refusals,
): Promise<void> {
  const known = new Map<string, number>();
  for (const [i, { queue, jobType }] of jobs.entries()) {
    const max =
      known.get(queue) ?? limitsOf(policies, "queue", queue).payloadBytesMax ?? defaultGuardrails.payloadBytesMax;
    known.set(queue, max);
    if ((sizes[i] ?? 0) <= max) continue;
    const error = new PayloadTooLargeError(`${fieldOf(i)}payload`, max, queue);
    await refusals.note({ code: error.code, queue, jobType, service, count: 1, detail: error.message });
    throw error;
  }
}

/** How fast jobs may come into a queue; null: as they like. */
export function limitOf(policies: Policies, queue: string): EnqueueLimit | null {
  const { enqueuePerS, enqueueBurst } = limitsOf(policies, "queue", queue);
  return enqueuePerS === null ? null : { perS: enqueuePerS, burst: burstOf(enqueuePerS, enqueueBurst) };
}
