/** `POST /api/job`: one job, or up to 10,000 at once; and the replay of a job, which is a new one like it. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Enqueued, Intake, JobOrder } from "../jobs/intake.ts";
import {
  BodyTooLargeError,
  ConflictError,
  InvalidFieldError,
  InvalidRequestError,
  NotFoundError,
} from "../model/errors.ts";
import { defaultQueue } from "../model/job.ts";
import { PayloadTooLargeError } from "../model/job-errors.ts";
import type { JobView } from "../model/job-view.ts";
import { jsonTextOf } from "../model/json.ts";
import type { Caller } from "../model/service.ts";
import { findJob } from "../store/job-views.ts";
import type { Sql } from "../store/sql.ts";
import { json, jsonText } from "./answer.ts";
import { bodyBytesMax } from "./body.ts";
import { checked, checkedList } from "./check.ts";
import { jobJson } from "./job-json.ts";
import { Job, JobItem, JobsEnqueued, JobsParam, jobsMax, ReplayParam } from "./job-schemas.ts";
import { type Asked, guardedOperation } from "./operation.ts";
import { checkedKey, digestOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";

const tag = "job";

interface Submission {
  readonly jobs: readonly JobOrder[];
  readonly isBatch: boolean;
  /** Of the body. */
  readonly key: string | null;
}

export function addEnqueueRoutes(routes: OpenAPIHono, parts: AppParts): void {
  const { auth, intake, database } = parts;
  const { sql } = database;

  guardedOperation<Submission>(
    routes,
    auth,
    {
      method: "post",
      path: "/job",
      role: "publish",
      audit: "job.enqueue",
      summary: "Enqueue a job, or a list of up to 10,000: all of them or none",
      tag,
      body: JobsParam,
      read: readSubmission,
      badField: 422,
      onUnread: (error, caller) => onUnread(intake, error, caller),
      answer: Job.or(JobsEnqueued),
    },
    async (ask) => {
      const { jobs, isBatch } = ask.body;
      const enqueued = await intake.enqueue({
        jobs,
        service: ask.caller.service,
        idempotency: keyOf(ask, "POST /job", ask.body.key),
        fieldOf: (i) => (isBatch ? `jobs.${i}.` : ""),
      });
      const [first = ""] = enqueued.jobIds;
      ask.wrote(isBatch ? `/job, ${enqueued.jobIds.length} of them, the first ${first}` : `/job/${first}`);
      if (isBatch) return json({ count: enqueued.jobIds.length, ids: enqueued.jobIds });
      return jsonText(jobJson(await enqueuedJob(sql, enqueued, ask.caller.service)));
    },
  );

  guardedOperation<z.output<typeof ReplayParam>>(
    routes,
    auth,
    {
      method: "post",
      path: "/job/{job_id}/replay",
      role: "operate",
      audit: "job.replay",
      summary: "Enqueue a job like this one",
      tag,
      body: ReplayParam,
      badField: 422,
      answer: Job,
    },
    async (ask) => {
      const { caller, body } = ask;
      const job = await existingJob(sql, ask.param("job_id"));
      const order: JobOrder = { ...replayOf(job), queue: body.queue ?? job.queue, runAt: body.run_at ?? null };
      const enqueued = await intake.enqueue({
        jobs: [order],
        service: caller.service,
        idempotency: keyOf(ask, `POST /job/${job.jobId}/replay`, null),
        fieldOf: () => "",
      });
      return jsonText(jobJson(await enqueuedJob(sql, enqueued, caller.service)));
    },
  );
}

export async function existingJob(sql: Sql, jobId: string): Promise<JobView> {
  const job = await findJob(sql, jobId);
  if (job === null) throw new NotFoundError("job", jobId);
  return job;
}

function replayOf(job: JobView): JobOrder {
  if (job.datasetId !== null) {
    throw new ConflictError(
      `Cannot replay job ${job.jobId} as it is a data product's: clear the product, PUT /api/data_product/${job.datasetId}/clear`,
      { job_id: job.jobId, dataset_id: job.datasetId, data_product_id: job.productId ?? "" },
    );
  }
  const { jobType, payload, priority, attemptsMax, timeoutMs, concurrencyKey, requires, queue } = job;
  const same = { jobType, payload, priority, attemptsMax, timeoutMs, concurrencyKey, requires, queue };
  return { ...same, runAt: null, delayMs: null, replayOf: job.jobId };
}

/** What was enqueued, as it was then: the same answer for the same key, whatever became of the job. */
async function enqueuedJob(sql: Sql, { first, jobIds }: Enqueued, service: string): Promise<JobView> {
  const nothingYet = {
    attempt: 0,
    workerId: null,
    leaseUntil: null,
    heldBy: null,
    datasetId: null,
    productId: null,
    startedAt: null,
    finishedAt: null,
    reason: null,
    error: null,
    redrivenAs: null,
    result: null,
  };
  if (first !== null) {
    const { job, createdAt, runAt } = first;
    return {
      ...job,
      ...nothingYet,
      state: stateAt(createdAt, runAt),
      createdBy: service,
      createdAt,
      runAt,
      askedRunAt: runAt,
    };
  }
  const job = await existingJob(sql, jobIds[0] ?? "");
  return { ...job, ...nothingYet, runAt: job.askedRunAt, state: stateAt(job.createdAt, job.askedRunAt) };
}

const stateAt = (createdAt: string, runAt: string) => (runAt > createdAt ? "scheduled" : "queued");

function keyOf({ c, bodyText }: Asked<unknown>, route: string, ofBody: string | null) {
  const key = c.req.raw.headers.get("idempotency-key") ?? ofBody;
  return key === null ? null : { route, key: checkedKey(key), digest: digestOf(bodyText) };
}

function readSubmission(parsed: unknown): Submission {
  if (!Array.isArray(parsed)) {
    const job = checked(JobItem, parsed);
    const key = job.idempotency_key ?? null;
    return { jobs: [orderOf(job, "")], isBatch: false, key: key === null ? null : keyOfBody(key) };
  }
  if (parsed.length === 0 || parsed.length > jobsMax) {
    throw new InvalidFieldError("jobs", `a list of 1 to ${jobsMax} jobs is needed, this one has ${parsed.length}`);
  }
  const jobs = checkedList(JobItem, parsed, "jobs").map((job, i) => {
    if (typeof job.idempotency_key === "string") {
      const detail = "a list has one key for all of it, in the header Idempotency-Key";
      throw new InvalidFieldError(`jobs.${i}.idempotency_key`, detail);
    }
    return orderOf(job, `jobs.${i}.`);
  });
  return { jobs, isBatch: true, key: null };
}

function keyOfBody(key: string): string {
  try {
    return checkedKey(key);
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    throw new InvalidFieldError("idempotency_key", error.message.replace("Idempotency-Key: ", ""));
  }
}

function orderOf(job: z.output<typeof JobItem>, at: string): JobOrder {
  if (typeof job.run_at === "string" && typeof job.delay_s === "number") {
    throw new InvalidFieldError(`${at}delay_s`, "either run_at or delay_s is taken, not both");
  }
  return {
    queue: job.queue ?? defaultQueue,
    jobType: job.job_type,
    payload: jsonTextOf(job.payload),
    runAt: job.run_at ?? null,
    delayMs: typeof job.delay_s === "number" ? job.delay_s * 1000 : null,
    priority: job.priority ?? 0,
    attemptsMax: job.max_attempts ?? null,
    timeoutMs: typeof job.timeout_s === "number" ? Math.ceil(job.timeout_s * 1000) : null,
    concurrencyKey: job.concurrency_key ?? null,
    requires: job.requires ?? [],
    replayOf: null,
  };
}

/** A body that is larger than any may be is a payload that is too large: which queue it was for was not read. */
async function onUnread({ refusals }: Intake, error: unknown, caller: Caller): Promise<unknown> {
  if (!(error instanceof BodyTooLargeError) || !caller.roles.includes("publish")) return error;
  const refused = new PayloadTooLargeError("body", bodyBytesMax, "*");
  const { code, message: detail } = refused;
  await refusals.note({ code, queue: "*", jobType: null, service: caller.service, count: 1, detail });
  return refused;
}
