/** Why a job is where it is, in words: what it waits for, when it runs next, what went wrong last, what somebody could do. */
import type { Instant } from "../model/clock.ts";
import type { Decision, JobView } from "../model/job-view.ts";
import type { PolicyLimits } from "../model/policy-limits.ts";

export interface Explanation {
  readonly summary: string;
  readonly nextRunAt: Instant | null;
  readonly lastError: string | null;
  /** What holds it: a code of a decision, and what it names. */
  readonly blockedBy: (Readonly<Record<string, string | number | null>> & { readonly code: string }) | null;
  readonly suggestedAction: string | null;
}

/** What is known of a job's surroundings. */
export interface Surroundings {
  readonly lastError: string | null;
  /** Of its queue and its type. */
  readonly limits: { readonly queue: PolicyLimits; readonly jobType: PolicyLimits };
  readonly runningInQueue: number;
  /** What a policy last decided about the job itself, or about its lane just now. */
  readonly lastDelay: Decision | null;
  /** The live ones of the only kind that runs its type, that take its queue and have its labels; null: not looked at. */
  readonly able: { readonly kind: "node" | "remote"; readonly count: number } | null;
}

export function explainJob(job: JobView, known: Surroundings): Explanation {
  const { lastError } = known;
  const nothing = { nextRunAt: null, lastError, blockedBy: null, suggestedAction: null };
  const tried = `attempt ${job.attempt} of ${job.attemptsMax}`;
  switch (job.state) {
    case "scheduled":
      return { ...nothing, summary: `It is due at ${job.runAt}`, nextRunAt: job.runAt };
    case "backing-off": {
      const summary = `After ${tried} failed it waits until ${job.runAt} for the next one`;
      const action = "Nothing: it is tried again by itself. If its error cannot go away, cancel it";
      return { ...nothing, summary, nextRunAt: job.runAt, suggestedAction: action };
    }
    case "queued":
      return { ...nothing, ...explainQueued(job, known) };
    case "leased":
      return { ...nothing, summary: `Worker ${job.workerId} has leased it until ${job.leaseUntil} and begins soon` };
    case "running":
      return { ...nothing, summary: `Worker ${job.workerId} runs ${tried} since ${job.startedAt}` };
    case "succeeded":
      return { ...nothing, lastError: null, summary: `It succeeded at ${job.finishedAt}, at ${tried}` };
    case "cancelled":
      return { ...nothing, summary: `It was cancelled at ${job.finishedAt} (${job.reason ?? "cancelled"})` };
    case "dead":
      return { ...nothing, lastError: job.error ?? lastError, ...explainDead(job) };
    default:
      throw new TypeError(job.state satisfies never);
  }
}

function explainDead(job: JobView): Pick<Explanation, "summary" | "suggestedAction"> {
  const why = deathWords[job.reason ?? ""] ?? `its reason is ${job.reason}`;
  const summary = `It is dead since ${job.finishedAt}: ${why}`;
  if (job.redrivenAs !== null) {
    const as = job.redrivenAs === job.jobId ? "its product was cleared" : `job ${job.redrivenAs} took its place`;
    return { summary: `${summary}; ${as}`, suggestedAction: null };
  }
  const redrive = `POST /api/dlq/redrive {"ids":["${job.jobId}"]}`;
  return { summary, suggestedAction: `Repair what made it fail, then redrive it: ${redrive}` };
}

const deathWords: Readonly<Record<string, string>> = {
  attempts_exhausted: "all its attempts failed",
  not_retryable: "its error is one that trying again does not help",
  lease_lost: "its workers were lost before it began",
};

function explainQueued(
  job: JobView,
  { limits, runningInQueue, lastDelay, able }: Surroundings,
): Pick<Explanation, "summary" | "blockedBy" | "suggestedAction"> {
  const held = heldBy(job);
  if (held !== null) return held;
  const { queue, jobType } = job;
  if (limits.queue.paused) {
    return {
      summary: `Its queue "${queue}" is paused`,
      blockedBy: { code: "QUEUE_PAUSED", queue },
      suggestedAction: `Unpause the queue: PUT /api/queue/${queue} {"paused":false}`,
    };
  }
  if (limits.jobType.paused) {
    return {
      summary: `Its job type "${jobType}" is paused`,
      blockedBy: { code: "TYPE_PAUSED", job_type: jobType },
      suggestedAction: `Unpause the type: PUT /api/policy/job_type/${jobType} {"paused":false}`,
    };
  }
  const { concurrencyMax } = limits.queue;
  if (concurrencyMax !== null && runningInQueue >= concurrencyMax) {
    return {
      summary: `Its queue "${queue}" runs ${concurrencyMax} at once at most, and they all run`,
      blockedBy: { code: "QUEUE_CONCURRENCY", queue, concurrency: concurrencyMax },
      suggestedAction: adviceOf("QUEUE_CONCURRENCY", queue, jobType),
    };
  }
  if (able?.count === 0) return explainNobody(job, able.kind);
  if (lastDelay !== null) {
    const { code, detail, at } = lastDelay;
    return {
      summary: `It waits for a limit: ${detail}`,
      blockedBy: { code, queue, job_type: jobType, since: at },
      suggestedAction: adviceOf(code, queue, jobType),
    };
  }
  const summary = `It is due since ${job.runAt} and waits for its turn in queue "${queue}"`;
  return { summary, blockedBy: null, suggestedAction: null };
}

function explainNobody(
  { queue, jobType, requires }: JobView,
  kind: "node" | "remote",
): Pick<Explanation, "summary" | "blockedBy" | "suggestedAction"> {
  const blockedBy = { code: "NO_WORKER", queue };
  const labels = requires.join(", ");
  if (kind === "node") {
    return {
      summary: `No live node runs ${jobType} and has the labels ${labels}`,
      blockedBy,
      suggestedAction: `Start one with jobs: { labels: [${labels}] } in its orrery.yaml`,
    };
  }
  const flags = requires.length === 0 ? "" : ` --labels ${requires.join()}`;
  return {
    summary: `No live worker takes ${jobType} from queue "${queue}"${labels && ` and has the labels ${labels}`}`,
    blockedBy,
    suggestedAction: `Start one: orrery worker --queues ${queue}${flags} -- COMMAND`,
  };
}

/** `key:…` or `dataset:<id>`; another limit is named as it is. */
function heldBy({ heldBy: limit, queue, concurrencyKey, datasetId }: JobView) {
  if (limit === null) return null;
  if (limit.startsWith("key:")) {
    return {
      summary: `Another job with the concurrency key "${concurrencyKey}" runs`,
      blockedBy: { code: "KEY_CONCURRENCY", queue, concurrency_key: concurrencyKey },
      suggestedAction: `Wait for it, or let more of a key run: PUT /api/queue/${queue} {"key_concurrency":2}`,
    };
  }
  if (limit.startsWith("dataset:")) {
    return {
      summary: `Its dataset ${datasetId} has as many jobs running as its policy lets it`,
      blockedBy: { code: "DATASET_CONCURRENCY", dataset_id: datasetId },
      suggestedAction: `Wait, or let more run: PUT /api/policy/dataset/${datasetId} {"concurrency":8}`,
    };
  }
  return { summary: `The limit ${limit} holds it`, blockedBy: { code: limit, queue }, suggestedAction: null };
}

function adviceOf(code: string, queue: string, jobType: string): string | null {
  switch (code) {
    case "QUEUE_CONCURRENCY":
    case "QUEUE_RATE":
    case "RETRY_BUDGET":
      return `Wait, or raise the limit: PUT /api/queue/${queue}`;
    case "TYPE_CONCURRENCY":
    case "TYPE_RATE":
      return `Wait, or raise the limit: PUT /api/policy/job_type/${jobType}`;
    default:
      return null;
  }
}
