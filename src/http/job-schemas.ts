/** The schemas of jobs: what is asked for, as it is checked, and what is answered. */
import { z } from "@hono/zod-openapi";
import { jobStates, ownQueue } from "../model/job.ts";
import { anyJson, text, uuid } from "./check.ts";
import { dateTime } from "./date.ts";
import { date, id } from "./schemas.ts";

/** Of one request. */
export const jobsMax = 10_000;
const yearsS = 10 * 366 * 86_400;

/** A queue's name goes into paths. */
export const queueName = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w.:-]{0,99}$/,
    "a queue's name has letters, digits, _ . : - only, at most 100, and begins with one of the first two",
  )
  .openapi({ example: "default" });
/** Orrery's own queue takes nobody else's jobs. */
const openQueue = queueName.refine(
  (name) => name !== ownQueue,
  `the queue "${ownQueue}" is kept for Orrery's own jobs`,
);

export const JobItem = z.object({
  queue: openQueue.nullish().openapi({ default: "default" }),
  job_type: text.min(1).max(200).openapi({ description: "A compute's name, or an entry of job_types" }),
  payload: anyJson,
  run_at: dateTime.nullish().openapi({ description: "Now if neither this nor delay_s is given" }),
  delay_s: z.number().min(0).max(yearsS).nullish(),
  priority: z.int().min(-100).max(100).nullish().openapi({ description: "The higher, the earlier", default: 0 }),
  max_attempts: z.int().min(1).max(100).nullish().openapi({ description: "As the job type says if absent" }),
  timeout_s: z
    .number()
    .min(0.001)
    .max(31 * 86_400)
    .nullish()
    .openapi({ description: "Of each attempt" }),
  concurrency_key: text
    .min(1)
    .max(200)
    .nullish()
    .openapi({ description: "Jobs of one queue and key run one at a time, unless the queue's policy lets more" }),
  requires: z.array(text.min(1).max(100)).max(32).nullish().openapi({ description: "Labels that a worker must have" }),
  idempotency_key: text.max(255).nullish().openapi({ description: "As the header Idempotency-Key; of a single job" }),
});

export const JobParam = JobItem.openapi("JobParam");
export const JobsParam = z.union([JobParam, z.array(JobParam).min(1).max(jobsMax)]);

const State = z.enum(jobStates).openapi("JobState");

const summary = {
  id,
  queue: z.string(),
  job_type: z.string(),
  state: State,
  priority: z.int(),
  run_at: date,
  attempt: z.int().openapi({ description: "Attempts begun" }),
  max_attempts: z.int(),
  timeout_s: z.number().nullable(),
  worker: z.string().nullable(),
  lease_until: date.nullable(),
  held_by: z.string().nullable().openapi({ description: "The limit that it waits for" }),
  dataset_id: id.nullable(),
  product_id: id.nullable(),
  concurrency_key: z.string().nullable(),
  requires: z.array(z.string()),
  replay_of: id.nullable(),
  created_by: z.string(),
  created_at: date,
  started_at: date.nullable(),
  finished_at: date.nullable(),
  reason: z.string().nullable(),
  error: z.string().nullable(),
  redriven_as: id.nullable(),
};

export const JobSummary = z.object(summary).openapi("JobSummary");
export const Job = z.object({ ...summary, payload: anyJson, result: anyJson }).openapi("Job");

export const JobsEnqueued = z.object({ count: z.int(), ids: z.array(id) }).openapi("JobsEnqueued");
export const JobList = z.object({ rows: z.array(JobSummary), next_cursor: z.string().nullable() }).openapi("JobList");

const limit = z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 });
/** Of every list: rows a page, and where the next one begins. */
export const paging = {
  limit,
  cursor: z.string().optional().openapi({ description: "The next_cursor of the page before" }),
};

export const JobQuery = z.object({
  queue: z.string().optional(),
  job_type: z.string().optional(),
  state: State.optional(),
  dataset_id: id.optional(),
  created_after: date.optional(),
  created_before: date.optional(),
  ...paging,
});

export const ReplayParam = z
  .object({ queue: openQueue.nullish(), run_at: dateTime.nullish() })
  .openapi("ReplayParam", { description: "Absent: the queue of the job that is repeated, and now" });

export const JobMetrics = z
  .object({
    queue: z.string().nullable(),
    window_s: z.int(),
    depth: z.int().openapi({ description: "Due jobs that wait, held ones included" }),
    scheduled: z.int(),
    running: z.int(),
    held: z.int(),
    jobs_per_s: z.number().openapi({ description: "Jobs that ended, a second" }),
    success_rate: z.number().nullable().openapi({ description: "Of the attempts that ended; null: none did" }),
    retry_rate: z.number().nullable(),
    mean_latency_ms: z.number().nullable().openapi({ description: "Of attempts" }),
    mean_wait_ms: z.number().nullable().openapi({ description: "From due to leased" }),
  })
  .openapi("JobMetrics");

export const Timeline = z
  .object({
    id,
    entries: z.array(
      z.looseObject({
        at: date,
        kind: z.enum(["enqueued", "decision", "leased", "attempt", "ended", "redriven", "replayed"]),
        title: z.string(),
      }),
    ),
  })
  .openapi("JobTimeline");

export const Explanation = z
  .object({
    id,
    state: State,
    summary: z.string(),
    next_run_at: date.nullable(),
    last_error: z.string().nullable(),
    blocked_by: z.looseObject({ code: z.string() }).nullable(),
    suggested_action: z.string().nullable(),
  })
  .openapi("JobExplanation");

export const RedriveParam = z
  .object({
    ids: z.array(uuid).min(1).max(jobsMax).nullish(),
    filter: z
      .object({ queue: text.nullish(), job_type: text.nullish(), reason: text.nullish() })
      .nullish()
      .openapi({ description: "An empty one: all" }),
    dry_run: z.boolean().nullish(),
    limit: z.int().min(1).max(jobsMax).nullish().openapi({ default: 1000 }),
  })
  .openapi("RedriveParam");

export const Redriven = z
  .object({
    dry_run: z.boolean(),
    matched: z.int(),
    redriven: z.array(z.object({ id, as: id.nullable() })),
    skipped: z.array(z.object({ id, why: z.string() })),
  })
  .openapi("Redriven");

export const DeadList = z
  .object({ rows: z.array(JobSummary), next_cursor: z.string().nullable(), total: z.int() })
  .openapi("DeadLetters");

export const DeadReasons = z
  .array(z.object({ reason: z.string().nullable(), job_type: z.string(), queue: z.string(), count: z.int() }))
  .openapi("DeadLetterReasons");
