/** The story of a job: what was asked, what guardrails and policies said, each attempt, how it ended, what took its place. */
import type { Instant } from "../model/clock.ts";
import type { Decision, JobView } from "../model/job-view.ts";
import { decisionsOfJob } from "../store/decisions.ts";
import { type AttemptView, attemptViews, replaysOf } from "../store/job-history.ts";
import type { Sql } from "../store/sql.ts";

/** Of each kind. */
const entriesMax = 1000;
const tailBytesMax = 4096;

export interface Entry {
  readonly at: Instant;
  readonly kind: "enqueued" | "decision" | "leased" | "attempt" | "ended" | "redriven" | "replayed";
  readonly title: string;
  readonly [field: string]: unknown;
}

/** What comes first when two things happened at one time. */
const order: readonly Entry["kind"][] = ["enqueued", "decision", "leased", "attempt", "ended", "redriven", "replayed"];

export async function timelineOf(sql: Sql, job: JobView): Promise<Entry[]> {
  const { jobId } = job;
  const [attempts, decisions, replays] = await Promise.all([
    attemptViews(sql, jobId, { countMax: entriesMax, tailLengthMax: tailBytesMax }),
    decisionsOfJob(sql, jobId, entriesMax),
    replaysOf(sql, jobId, entriesMax),
  ]);
  const entries: Entry[] = [enqueued(job), ...decisions.map(decided), ...attempts.map(attempted)];
  if (job.workerId !== null) entries.push(leased(job));
  if (job.finishedAt !== null) entries.push(ended(job, job.finishedAt));
  for (const { jobId: as, at } of replays) {
    const isRedrive = as === job.redrivenAs;
    const kind = isRedrive ? "redriven" : "replayed";
    entries.push({ at, kind, title: `${isRedrive ? "Redriven" : "Replayed"} as job ${as}`, job_id: as });
  }
  if (job.redrivenAs !== null && job.finishedAt !== null && !replays.some((one) => one.jobId === job.redrivenAs)) {
    // A product's: when it was is in the history of its plan.
    const as = job.redrivenAs === job.jobId ? null : job.redrivenAs;
    const title = as === null ? "Its product was cleared" : `Its product was cleared: job ${as} took its place`;
    entries.push({ at: job.finishedAt, kind: "redriven", title, job_id: as });
  }
  return entries.sort((a, b) => {
    if (a.at !== b.at) return a.at < b.at ? -1 : 1;
    return order.indexOf(a.kind) - order.indexOf(b.kind);
  });
}

function enqueued(job: JobView): Entry {
  const of = job.replayOf === null ? "" : ` as a repetition of job ${job.replayOf}`;
  return {
    at: job.createdAt,
    kind: "enqueued",
    title: `Enqueued by ${job.createdBy} in queue ${job.queue}${of}`,
    service: job.createdBy,
    queue: job.queue,
    job_type: job.jobType,
    run_at: job.askedRunAt,
    priority: job.priority,
    replay_of: job.replayOf,
  };
}

const decided = ({ at, decisionId, kind, code, detail, service, count }: Decision): Entry => ({
  at,
  kind: "decision",
  title: `${code}: ${detail}`,
  decision_id: decisionId,
  decision_kind: kind,
  code,
  detail,
  service,
  count,
});

/** When it was leased is kept with no attempt: shown is when it began, or when it was due. */
const leased = (job: JobView): Entry => ({
  at: job.startedAt ?? job.runAt,
  kind: "leased",
  title: job.startedAt === null ? `Leased by ${job.workerId}` : `Attempt ${job.attempt} runs on ${job.workerId}`,
  worker: job.workerId,
  attempt: job.attempt,
  started_at: job.startedAt,
  lease_until: job.leaseUntil,
});

function attempted(attempt: AttemptView): Entry {
  const { startedAt, finishedAt, outcome, workerId, error, code } = attempt;
  const how = outcome.replace("_", " ");
  const latencyMs = startedAt === null ? null : Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
  return {
    at: startedAt ?? finishedAt,
    kind: "attempt",
    title: `Attempt ${attempt.attempt} on ${workerId}: ${how}${error === null ? "" : `, ${error.slice(0, 200)}`}`,
    attempt: attempt.attempt,
    token: attempt.token,
    worker: workerId,
    started_at: startedAt,
    finished_at: finishedAt,
    outcome,
    code,
    error,
    latency_ms: latencyMs,
    output_tail: tailOf(attempt.outputTail),
  };
}

const ended = (job: JobView, at: Instant): Entry => ({
  at,
  kind: "ended",
  title: `Ended: ${job.state}${job.reason === null ? "" : ` (${job.reason})`}`,
  state: job.state,
  reason: job.reason,
  error: job.error,
});

/** The last 4 KiB, from the beginning of a character on. */
function tailOf(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= tailBytesMax) return text;
  let start = bytes.length - tailBytesMax;
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start).toString();
}
