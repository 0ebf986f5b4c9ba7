/** A job as its machine specifies it: what is kept of its attempts is told to the machine, which must end where its row stands. */
import { type JobEvent, jobMachine } from "../../actors/job.ts";
import type { Instant } from "../model/clock.ts";
import type { JobSummary } from "../model/job-view.ts";
import { type PastEvent, type ReplayedEvent, replay } from "../observe/replay.ts";
import type { AttemptView } from "../store/job-history.ts";

/** Leases that ended before anything began leave no attempt: so many of them are told. */
const unbegunMax = 50;
/** Attempts that a holder or a compute gave back: they do not count. */
const returned = new Set(["deferred", "cancelled"]);

export function replayJob(job: JobSummary, attempts: readonly AttemptView[]): ReplayedEvent[] {
  const told: PastEvent<JobEvent>[] = [];
  const tell = (event: JobEvent | null, at: Instant | null, cause: string, why: string | null = null): void => {
    told.push({ event, at, cause, by: null, why, stored: null, position: told.length });
  };
  tell(null, job.createdAt, "enqueued");
  const counted = attempts.filter(({ outcome }) => outcome !== "superseded");
  let token = 0;
  let isDue = job.state === "scheduled";
  const lease = (until: number, at: Instant | null, by: string): void => {
    if (!isDue) tell({ type: "due" }, null, "its time came");
    isDue = true;
    for (let unbegun = 0; token + 1 < until; unbegun++) {
      token += 1;
      if (unbegun >= unbegunMax) continue;
      tell({ type: "leased" }, null, "leased");
      tell({ type: "lease.released", token }, null, "given back before it began");
    }
    token += 1;
    tell({ type: "leased" }, at, `leased by ${by}`);
  };
  // A machine's token counts its leases: those past the bound above are left out of it.
  const current = (): number => told.filter(({ event }) => event?.type === "leased").length;
  for (const attempt of counted) {
    const { startedAt, finishedAt, outcome, workerId, error } = attempt;
    lease(attempt.token, null, workerId);
    if (startedAt !== null) tell({ type: "attempt.started", token: current() }, startedAt, "its attempt began");
    const isLast = attempt === counted.at(-1) && job.state === "cancelled";
    const event = isLast ? ({ type: "cancelled" } as const) : eventOf(outcome, current());
    tell(event, finishedAt, outcome, error);
    isDue = startedAt === null || outcome === "cancelled";
  }
  const isHeld = job.state === "leased" || job.state === "running";
  if (isHeld) {
    lease(token + 1, null, job.workerId ?? "a node");
    if (job.state === "running")
      tell({ type: "attempt.started", token: current() }, job.startedAt, "its attempt began");
  } else if (job.state === "queued" && !isDue) tell({ type: "due" }, job.runAt, "its time came");
  if (job.state === "cancelled" && told.at(-1)?.event?.type !== "cancelled")
    tell({ type: "cancelled" }, job.finishedAt, "cancelled", job.reason);
  const last = told.length - 1;
  const begun = counted.filter(({ startedAt, outcome }) => startedAt !== null && !returned.has(outcome)).length;
  // What is never to be tried again has none left, whatever its maximum was.
  const attemptsMax = job.state === "dead" ? begun : job.attemptsMax;
  return replay(
    jobMachine,
    { id: job.jobId, input: { attemptsMax } },
    () => job.jobId,
    told.map((one, i) => (i === last ? { ...one, stored: job.state } : one)),
  );
}

function eventOf(outcome: string, token: number): JobEvent {
  switch (outcome) {
    case "succeeded":
      return { type: "attempt.succeeded", token };
    case "deferred":
      return { type: "attempt.deferred", token };
    case "cancelled": // its node stopped
      return { type: "lease.released", token };
    case "lost":
      return { type: "lease.expired", token };
    default:
      return { type: "attempt.failed", token };
  }
}
