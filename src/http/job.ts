/** Jobs: enqueue, list, read, tell the story of, explain, cancel. Logs and outputs are in job-log.ts. */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { explainJob } from "../jobs/explain-job.ts";
import { ConflictError } from "../model/errors.ts";
import { jobStates } from "../model/job.ts";
import type { JobView } from "../model/job-view.ts";
import { limitsOf } from "../model/policy-limits.ts";
import { decisionsOfJob, lastDelay } from "../store/decisions.ts";
import { countWorkers } from "../store/explain.ts";
import { cancelFreeJob } from "../store/job-cancel.ts";
import { attemptViews } from "../store/job-history.ts";
import { listJobs } from "../store/job-views.ts";
import { queueRates } from "../store/overview.ts";
import { json, jsonText } from "./answer.ts";
import { addEnqueueRoutes, existingJob } from "./job-enqueue.ts";
import { jobJson, shownSummary } from "./job-json.ts";
import { addLogRoutes } from "./job-log.ts";
import { Explanation, Job, JobList, JobMetrics, JobQuery, Timeline } from "./job-schemas.ts";
import { timelineOf } from "./job-timeline.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { instantIn, queryOf, textIn, uuidOf, wholeOf, wordOf } from "./query.ts";

const tag = "job";
const windowS = 60;

export function jobRoutes(parts: AppParts): OpenAPIHono {
  const { database, auth, due } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();
  addEnqueueRoutes(routes, parts);

  openOperation(
    routes,
    { method: "get", path: "/job", summary: "List jobs, the newest first", tag, query: JobQuery, answer: JobList },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const rows = await listJobs(sql, {
        queue: textIn(query, "queue"),
        jobType: textIn(query, "job_type"),
        state: wordOf(query, "state", jobStates),
        datasetId: uuidOf(query, "dataset_id"),
        createdAfter: instantIn(query, "created_after"),
        createdBefore: instantIn(query, "created_before"),
        before: uuidOf(query, "cursor"),
        limit: limit + 1,
      });
      const { shown, nextCursor } = pageOf(rows, limit, (job) => job.jobId);
      return json({ rows: shown.map(shownSummary), next_cursor: nextCursor });
    },
  );

  // Before {job_id}: the literal wins.
  openOperation(
    routes,
    {
      method: "get",
      path: "/job/metrics",
      summary: "What happened in the last minute, over all nodes",
      tag,
      query: JobQuery.pick({ queue: true }),
      answer: JobMetrics,
    },
    async ({ c }) => json(await metricsOf(parts, textIn(queryOf(c.req.raw.url), "queue"))),
  );

  openOperation(
    routes,
    { method: "get", path: "/job/{job_id}", summary: "Read a job", tag, answer: Job },
    async ({ param }) => jsonText(jobJson(await existingJob(sql, param("job_id")))),
  );

  openOperation(
    routes,
    { method: "get", path: "/job/{job_id}/timeline", summary: "Tell a job's story", tag, answer: Timeline },
    async ({ param }) => {
      const job = await existingJob(sql, param("job_id"));
      return json({ id: job.jobId, entries: await timelineOf(sql, job) });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/job/{job_id}/explain", summary: "Say why a job is where it is", tag, answer: Explanation },
    async ({ param }) => json(await explanationOf(parts, await existingJob(sql, param("job_id")))),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "put",
      path: "/job/{job_id}/cancel",
      role: "operate",
      audit: "job.cancel",
      summary: "Cancel a job",
      tag,
      answer: Job,
    },
    async ({ param, caller }) => {
      const jobId = param("job_id");
      const isCancelled = await cancelFreeJob(sql, jobId, caller.service);
      if (isCancelled) due.cancelled(jobId);
      const job = await existingJob(sql, jobId);
      if (!isCancelled) throw notCancelled(job);
      return jsonText(jobJson(job));
    },
  );

  addLogRoutes(routes, parts);
  return routes;
}

function notCancelled(job: JobView): ConflictError {
  const { jobId, state, datasetId, productId, finishedAt } = job;
  if (finishedAt !== null) {
    return new ConflictError(`Cannot cancel job ${jobId} as it has ended: its current state is ${state}`, {
      job_id: jobId,
      state,
    });
  }
  return new ConflictError(
    `Cannot cancel job ${jobId} as it is a data product's: clear the product, PUT /api/data_product/${datasetId}/clear, or disable it, DELETE /api/data_product/${datasetId}`,
    { job_id: jobId, dataset_id: datasetId ?? "", data_product_id: productId ?? "" },
  );
}

async function metricsOf({ database, intake }: AppParts, queue: string | null): Promise<object> {
  const [rates, depths] = await Promise.all([queueRates(database.sql, queue, windowS), intake.depths.read()]);
  const counted = { depth: 0, scheduled: 0, running: 0, held: 0 };
  for (const one of depths.values()) {
    if (queue !== null && one.queue !== queue) continue;
    counted.depth += one.ready + one.held;
    counted.scheduled += one.scheduled;
    counted.running += one.running;
    counted.held += one.held;
  }
  const { leased, succeeded, failed, retried, dead, waitedMs, ranMs } = rates;
  const attempts = succeeded + failed;
  const share = (part: number, of: number): number | null => (of === 0 ? null : part / of);
  return {
    queue,
    window_s: windowS,
    ...counted,
    jobs_per_s: (succeeded + dead) / windowS,
    success_rate: share(succeeded, attempts),
    retry_rate: share(retried, attempts),
    mean_latency_ms: share(ranMs, attempts),
    mean_wait_ms: share(waitedMs, leased),
  };
}

/** A lane that stays blocked is noted every ten seconds: such a decision explains the jobs that wait in it for so long. */
const delayMs = 25_000;

export async function explanationOf(
  { database, intake, computes }: Pick<AppParts, "database" | "intake" | "computes">,
  job: JobView,
): Promise<z.output<typeof Explanation>> {
  const { sql } = database;
  const { queue, jobType, jobId } = job;
  const kind = computes.runsHere(jobType) ? "node" : "remote";
  // Every node takes every queue, and runs whatever needs no label.
  const isForSome = kind === "remote" || job.requires.length > 0;
  const [attempts, own, ofLane, policies, able, depths] = await Promise.all([
    attemptViews(sql, jobId, { countMax: 1, tailLengthMax: 0 }),
    decisionsOfJob(sql, jobId, 1),
    job.state === "queued" ? lastDelay(sql, { queue, jobType, withinMs: delayMs }) : null,
    intake.policies.current(),
    isForSome && job.state === "queued" ? countWorkers(sql, { kind, queue, requires: job.requires }) : null,
    intake.depths.read(),
  ]);
  const ownDelay = own.find((decision) => decision.kind === "policy") ?? null;
  const explanation = explainJob(job, {
    lastError: attempts.at(-1)?.error ?? null,
    limits: {
      queue: limitsOf(policies, "queue", queue),
      jobType: limitsOf(policies, "job_type", jobType),
    },
    runningInQueue: depths.get(queue)?.running ?? 0,
    lastDelay: ownDelay ?? ofLane,
    able: able && { kind, count: able.able },
  });
  return {
    id: jobId,
    state: job.state,
    summary: explanation.summary,
    next_run_at: explanation.nextRunAt,
    last_error: explanation.lastError,
    blocked_by: explanation.blockedBy,
    suggested_action: explanation.suggestedAction,
  };
}
