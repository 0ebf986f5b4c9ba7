/** One attempt at a free-standing job: publishing a template's plan, once, under an id that was derived from what asked for it. */
import * as v from "valibot";
import type { AttemptReport } from "../model/command.ts";
import { beginFreeJob, endFreeJob } from "../store/free-jobs.ts";
import { planOf } from "../templates/plan-of.ts";
import type { HeldJob } from "./held-job.ts";
import { retryAfterFailure } from "./retry-policy.ts";
import type { RunParts } from "./run-parts.ts";

const Payload = v.object({ templateId: v.string(), datasetId: v.string(), params: v.record(v.string(), v.unknown()) });

export async function runFreeJob(parts: RunParts, held: HeldJob, onRunEnd: () => void): Promise<void> {
  const { job } = held;
  const { sql, clock, metrics } = parts;
  if (!(await beginFreeJob(sql, job))) return;
  const startedAt = clock.now();
  const error = await instantiate(parts, job.payload).then(
    () => null,
    (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
  );
  onRunEnd();
  const outcome = error === null ? "succeeded" : "failed";
  metrics.jobs.attempts.labels(job.compute, outcome).inc();
  const tried = { ...job, attempt: job.attempt + 1 };
  const report: AttemptReport = {
    attempt: tried.attempt,
    workerId: parts.nodeId,
    startedAt,
    finishedAt: clock.now(),
    outcome,
    error,
    output: "",
  };
  const retryInMs = error === null ? null : retryAfterFailure(tried, Math.random(), parts.retryBaseMs);
  if (error !== null)
    parts.log.warn({ jobId: job.jobId, payload: job.payload, error, retryInMs }, "a plan was not published");
  const to = error === null ? "succeeded" : retryInMs === null ? "dead" : "queued";
  await endFreeJob(sql, { ...job, to, runInMs: retryInMs ?? 0, onlyIfExpired: false, report });
  if (retryInMs !== null) parts.wakeIn(retryInMs);
}

async function instantiate({ templates, supervisor }: RunParts, payload: string | null): Promise<void> {
  const { templateId, datasetId, params } = v.parse(Payload, JSON.parse(payload ?? "null"));
  const template = templates.get(templateId);
  if (template === undefined) throw new Error(`there is no template "${templateId}" on this node`);
  await supervisor.submit(planOf(template, { datasetId, params }), {
    service: "orrery",
    cause: "template.instantiate",
  });
}
