/** Says in a sentence why a product is in the state that it is in, and what would help. Pure: it is given all that is known. */
import type { Instant } from "../model/clock.ts";
import type { DatasetRow, ProductRow } from "../model/plan.ts";
import type { Pause, ToldJob } from "../store/explain.ts";

/** What is known of the product, its parents and its job. */
export interface Known {
  readonly dataset: DatasetRow;
  readonly product: ProductRow;
  /** Parents that hold it: neither success nor disabled. */
  readonly blockers: readonly ProductRow[];
  /** Somebody else computes it and reports. */
  readonly isExternal: boolean;
  /** The job that it waits for; of a failed product its last one. */
  readonly job: ToldJob | null;
  readonly pause: Pause | null;
  /** The newest delay by a policy. */
  readonly delay: { readonly code: string; readonly detail: string } | null;
  /** Whether anybody can run the job: null when somebody can. */
  readonly nobody: string | null;
  /** What the history says of a failed one; null when it no longer tells. */
  readonly failure: Failure | null;
  readonly deadline: { readonly at: Instant; readonly missedAt: Instant | null } | null;
}

export interface Failure {
  readonly service: string;
  /** Such as a check that its passback broke. */
  readonly reason: string | null;
  /** Its own job failed, rather than a client said so. */
  readonly isOfJob: boolean;
}

export interface Explanation {
  readonly summary: string;
  readonly next_run_at: Instant | null;
  readonly last_error: string | null;
  readonly suggested_action: string | null;
}

/** Blockers that a sentence names. */
const namedMax = 5;

export function explained(known: Known): Explanation {
  const { summary, ...rest } = told(known);
  const { deadline } = known;
  const late =
    deadline === null
      ? ""
      : deadline.missedAt === null
        ? `; it is due by ${shown(deadline.at)}`
        : `; it missed its deadline of ${shown(deadline.at)}`;
  const isDone = known.product.state === "success" || known.product.state === "disabled";
  return {
    summary: summary + (isDone && deadline?.missedAt === null ? "" : late),
    next_run_at: null,
    last_error: null,
    suggested_action: null,
    ...rest,
  };
}

type Told = { readonly summary: string } & Partial<Explanation>;

function told(known: Known): Told {
  const { product } = known;
  const { name, state } = product;
  switch (state) {
    case "success":
      return { summary: `${name} succeeded at ${shown(product.modifiedAt)}, as ${product.modifiedBy} reported` };
    case "disabled":
      return {
        summary: `${name} was disabled by ${product.modifiedBy} at ${shown(product.modifiedAt)}: nothing waits for it, and nothing runs it`,
        suggested_action: `Enable it: PUT /api/data_product/${known.dataset.datasetId}/enable`,
      };
    case "waiting":
      return waiting(known);
    case "queued":
      return known.isExternal || known.job === null ? queuedElsewhere(known) : queuedJob(known, known.job);
    case "running":
      return running(known);
    case "failed":
      return failed(known);
    default:
      return state satisfies never;
  }
}

function waiting({ dataset, product, blockers }: Known): Told {
  const { name, eager } = product;
  const reasons: string[] = [];
  if (blockers.length > 0) reasons.push(`waits for ${listed(blockers)}`);
  if (dataset.paused) reasons.push(`${blockers.length > 0 ? "and" : "waits, as"} its dataset is paused`);
  if (!eager)
    reasons.push(`${reasons.length > 0 ? "and " : ""}is lazy: nothing runs it until a client says that it runs`);
  const update = `PUT /api/data_product/${dataset.datasetId}/update`;
  if (reasons.length === 0) {
    return {
      summary: `${name} is ready, and is queued with the next change`,
      suggested_action: `Send an empty list to ${update}`,
    };
  }
  const failedOnes = blockers.filter((row) => row.state === "failed");
  const suggested =
    failedOnes.length > 0
      ? `Retry what has failed: POST /api/plan/${dataset.datasetId}/retry-failed`
      : dataset.paused
        ? `Unpause the dataset: PUT /api/plan/${dataset.datasetId}/unpause`
        : blockers.length === 0 && !eager
          ? `Report it from where it is computed: ${update}`
          : null;
  return { summary: `${name} ${reasons.join(", ")}`, suggested_action: suggested };
}

function queuedElsewhere({ product, dataset }: Known): Told {
  return {
    summary: `${product.name} is queued since ${shown(product.modifiedAt)}: ${product.compute} is computed elsewhere, and whoever does reports it`,
    suggested_action: `Report its state: PUT /api/data_product/${dataset.datasetId}/update`,
  };
}

function queuedJob(known: Known, job: ToldJob): Told {
  const { product, pause, delay, nobody } = known;
  const { name } = product;
  const attempts = `attempt ${job.attempt} of ${job.attemptsMax}`;
  const error = job.lastError;
  switch (job.liveState) {
    case "scheduled":
      return { summary: `${name} starts at ${shown(job.runAt)}`, next_run_at: job.runAt };
    case "backing-off":
      return {
        summary: `${name} is backing off until ${shown(job.runAt)}, as ${attempts} failed${error === null ? "" : `: ${brief(error)}`}`,
        next_run_at: job.runAt,
        last_error: error,
      };
    case "leased":
      return { summary: `${name} was taken by ${job.workerId} and is about to start`, last_error: error };
    case "queued":
      break;
    default:
      return { summary: `${name} is queued: its job is just ending`, last_error: error };
  }
  const since = { next_run_at: job.runAt, last_error: error };
  if (job.heldBy !== null) {
    return { summary: `${name} is queued and held by the limit ${limitOf(job.heldBy)}`, last_error: error };
  }
  if (pause !== null) {
    const what = pause.scope === "queue" ? `the queue ${job.queue}` : `the job type ${job.jobType}`;
    const suggested =
      pause.scope === "queue" ? `Resume it: PUT /api/queue/${encodeURIComponent(job.queue)} {"paused":false}` : null;
    return { summary: `${name} is queued, and ${what} is paused`, last_error: error, suggested_action: suggested };
  }
  if (nobody !== null) {
    return {
      summary: `${name} is queued, and ${nobody}`,
      last_error: error,
      suggested_action: "Start a worker that can run it",
    };
  }
  if (delay !== null) return { summary: `${name} is queued and delayed: ${delay.detail} (${delay.code})`, ...since };
  return {
    summary: `${name} is queued in ${job.queue} since ${shown(product.modifiedAt)} and waits for a free slot`,
    ...since,
  };
}

function running({ product, job, isExternal }: Known): Told {
  const { name, modifiedAt, modifiedBy } = product;
  if (isExternal || job === null) {
    return { summary: `${name} is running since ${shown(modifiedAt)}, as ${modifiedBy} reported` };
  }
  if (job.liveState === "backing-off" || job.liveState === "scheduled" || job.liveState === "queued") {
    const why = job.lastError === null ? "" : `: ${brief(job.lastError)}`;
    return {
      summary: `${name} is between attempts: attempt ${job.attempt} of ${job.attemptsMax} failed${why}, the next one is due at ${shown(job.runAt)}`,
      next_run_at: job.runAt,
      last_error: job.lastError,
    };
  }
  return {
    summary: `${name} is running since ${shown(job.startedAt ?? modifiedAt)}: attempt ${job.attempt} of ${job.attemptsMax} on ${job.workerId}`,
    last_error: job.lastError,
  };
}

function failed({ product, dataset, job, failure }: Known): Told {
  const { name, modifiedAt } = product;
  const suggested = `Retry it and what depends on it: POST /api/plan/${dataset.datasetId}/retry-failed`;
  const error = failure?.reason ?? job?.lastError ?? job?.endError ?? null;
  const why = error === null ? "" : `: ${brief(error)}`;
  if (job === null || job.endState !== "dead") {
    const summary = `${name} failed at ${shown(modifiedAt)}, as ${failure?.service ?? product.modifiedBy} reported${why}`;
    return { summary, last_error: error, suggested_action: suggested };
  }
  const tried = job.attempt === 1 ? "1 attempt" : `${job.attempt} attempts`;
  const final = job.endReason === "not_retryable" ? ", and is not retried" : "";
  return {
    summary: `${name} failed at ${shown(modifiedAt)} after ${tried} of ${job.attemptsMax}${final}${why}`,
    last_error: error,
    suggested_action: suggested,
  };
}

function listed(blockers: readonly ProductRow[]): string {
  const named = blockers.slice(0, namedMax).map((row) => `${row.name} (${stateOf(row)})`);
  const others = blockers.length - named.length;
  if (others > 0) return `${named.join(", ")} and ${others} more`;
  return named.length < 2 ? named.join() : `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
}

const stateOf = (row: ProductRow): string =>
  row.state === "running" || row.state === "queued" ? `${row.state} since ${shown(row.modifiedAt)}` : row.state;

/** `key:default:customer-7`, `dataset:018f…` */
function limitOf(heldBy: string): string {
  const [kind, ...rest] = heldBy.split(":");
  if (kind === "key") return `of concurrency key ${rest.slice(1).join(":")} in queue ${rest[0]}`;
  return kind === "dataset" ? "on jobs of this dataset at once" : heldBy;
}

/** To the second: people read it. */
const shown = (at: Instant | null): string => (at === null ? "an unknown time" : `${at.slice(0, 19)}Z`);

/** The first line, which says what it is. */
function brief(error: string): string {
  const [line = ""] = error.trim().split("\n");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
