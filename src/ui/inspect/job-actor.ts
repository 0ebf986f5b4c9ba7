/** A job: rows and SQL, which its machine specifies. Its past is what is kept of its attempts, played through that machine. */
import type { AppParts } from "../../http/parts.ts";
import { replayJob } from "../../jobs/replay.ts";
import type { JobId } from "../../model/ids.ts";
import { redacted } from "../../observe/redact.ts";
import { attemptViews } from "../../store/job-history.ts";
import { findJob } from "../../store/job-views.ts";
import { dueOfJob } from "./due.ts";
import { noSequence, rowOf, type ShownActor } from "./shown-actor.ts";

const attemptsMax = 100;

/** `step` null: now. Null: there is no such job, or it has no such step. */
export async function jobActor(
  { database: { sql } }: Pick<AppParts, "database">,
  jobId: JobId,
  step: number | null,
): Promise<ShownActor | null> {
  const job = await findJob(sql, jobId);
  if (job === null) return null;
  const attempts = await attemptViews(sql, jobId, { countMax: attemptsMax, tailLengthMax: 0 });
  const rows = replayJob(job, attempts).map((one) => rowOf(one, jobId));
  const at = step === null ? (rows.at(-1) ?? null) : (rows[step] ?? null);
  if (at === null) return null;
  const index = rows.indexOf(at);
  const isPast = index < rows.length - 1;
  const { state, runAt, leaseUntil } = job;
  const waits = state === "scheduled" || state === "queued" || state === "backing-off";
  const isHeld = state === "leased" || state === "running";
  const due = waits || isHeld ? { jobId, state: isHeld ? ("leased" as const) : state, runAt, leaseUntil } : null;
  return {
    ...{ machine: "job", path: `/inspect/job/${jobId}`, name: `Job of type ${job.jobType}`, id: jobId, root: null },
    isResident: false,
    residence: "rows of the store: its machine is their specification",
    state: isPast ? at.state : state,
    context: redacted(job),
    log: rows.toReversed(),
    at,
    travel: {
      ...{ parameter: "step", isPast, newest: rows.length - 1 },
      previous: index > 0 ? index - 1 : null,
      next: isPast ? index + 1 : null,
    },
    due: isPast || due === null ? [] : dueOfJob(due, "this job"),
    sequence: noSequence,
    ...{ children: [], childrenLeftOut: 0 },
    links:
      job.datasetId === null || job.productId === null
        ? []
        : [["Its product", `/inspect/product/${job.datasetId}/${job.productId}`]],
    caveat:
      "Kept of a job are its attempts and how it ended. Leases that ended before anything began are told without a time.",
  };
}
