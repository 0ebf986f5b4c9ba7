/** One leased job from its start to its report: runs it, keeps its lease, sends its log lines, and tells the server how it ended. */
import type { Compute, Outcome, Task } from "../compute/compute.ts";
import { defaults, stopBy } from "../compute/compute.ts";
import { createBackoff, within } from "../jobs/backoff.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { Log } from "../observe/log.ts";
import type { Lease, LeaseApi } from "./lease-api.ts";
import { RequestRefusedError, ServerAwayError, WorkerRefusedError, WorkerStoppedError } from "./lease-errors.ts";
import { beatMsMax, keepLease } from "./lease-keeper.ts";
import { createLogSender } from "./log-sender.ts";

/** `lost`: the server refused it under this token. `unreported`: nobody took the outcome; the job is tried again when its lease ends. */
export type Ending = "succeeded" | "failed" | "stopped" | "lost" | "unreported";

export interface HeldParts {
  readonly api: LeaseApi;
  readonly log: Log;
  /** Aborts, with a `WorkerStoppedError`, when what runs may not go on. */
  readonly stopped: AbortSignal;
  readonly nowMs: () => number;
  /** The server answered something. */
  onContact(): void;
}

/** For a server that went away: as long as the job could be ours again by a heartbeat, and then a little. */
const reportMsMin = 60_000;
/** Heartbeats are answered and the outcome is not: a defect somewhere, that may not take a slot for ever. */
const reportMsMax = 15 * 60_000;
/** A process that is told to stop has little time. */
const reportStoppedMs = 2_000;
const requestMsMax = 30_000;

/** Gives back at once what this worker cannot run. Never rejects. */
export function giveBack(lease: Lease, why: { error: string; code: string }, parts: HeldParts): Promise<Ending> {
  return report(lease, { outcome: "failed", ...why, output: "" }, parts, () => true);
}

/** Never rejects, as computes do not. `sentMs`: when the poll was sent that brought the lease. */
export async function holdLease(lease: Lease, sentMs: number, compute: Compute, parts: HeldParts): Promise<Ending> {
  const { api, nowMs, stopped } = parts;
  const log = logOf(lease, parts);
  const cancel = new AbortController();
  let lost: LeaseLostError | null = null;
  const lose = (error: LeaseLostError): void => {
    lost ??= error;
    cancel.abort(error);
  };
  const onStopped = (): void => cancel.abort(stopped.reason);
  stopped.addEventListener("abort", onStopped, { once: true });
  if (stopped.aborted) onStopped();

  // An answer that was long on its way (an idle poll, a frozen process) may bring a lease that is over: ask before anything runs.
  let leasedMs = sentMs;
  if (nowMs() - sentMs > lease.leaseMs / 3 && !stopped.aborted) {
    leasedMs = nowMs();
    try {
      await within(beatMsMax(lease), stopped, (signal) => api.heartbeat(lease, signal));
    } catch (error) {
      stopped.removeEventListener("abort", onStopped);
      log.warn({ reason: textOf(error) }, "not begun: the lease could not be confirmed");
      return error instanceof LeaseLostError ? "lost" : "unreported";
    }
  }

  const keeper = keepLease({ api, lease, sentMs: leasedMs, onLost: lose, onBeat: parts.onContact, nowMs });
  const lines = createLogSender(api, lease, lose);
  try {
    log.info({ attempt: lease.attempt, queue: lease.queue }, "job began");
    const outcome = await compute.run(
      taskOf(lease, api.url, (chunk) => lines.push(chunk)),
      stopBy(cancel.signal),
    );
    if (isSuperseded(lost)) {
      log.warn(
        { outcome: outcome.outcome },
        "the server says that the lease is lost: what ran is killed, its result counts for nothing",
      );
      await send(api, lease, outcome, stopped).catch(() => undefined); // refused, and kept there as evidence
      return "lost";
    }
    if (!stopped.aborted) await lines.end();
    return await report(lease, outcome, parts, keeper.isHeld);
  } finally {
    lines.stop();
    keeper.stop();
    stopped.removeEventListener("abort", onStopped);
  }
}

const logOf = ({ jobId, token, jobType }: Lease, { log }: HeldParts): Log =>
  log.child({ job_id: jobId, token, job_type: jobType });

/** The server said so itself, and will not change its mind. A lease that is overdue may still be this worker's. */
const isSuperseded = (lost: LeaseLostError | null): boolean => lost !== null && lost.constructor === LeaseLostError;

function taskOf(lease: Lease, url: string, onOutput: Task["onOutput"]): Task {
  const { jobId, token, queue, jobType, attempt, dataset, product, payload, parents } = lease;
  const timeoutMs = lease.timeoutMs ?? defaults.timeoutMs;
  return { jobId, token, queue, jobType, attempt, dataset, product, payload, parents, timeoutMs, url, onOutput };
}

/** Until the server has taken it or refused it, or the time for it is over. The lease is kept meanwhile. */
async function report(lease: Lease, outcome: Outcome, parts: HeldParts, isHeld: () => boolean): Promise<Ending> {
  const { api, stopped, nowMs } = parts;
  const log = logOf(lease, parts);
  const beganMs = nowMs();
  const backoff = createBackoff(250, 5_000);
  let told = outcome;
  for (;;) {
    try {
      await send(api, lease, told, stopped);
      parts.onContact();
      const ending = endingOf(told, stopped);
      log.info({ ending, took_ms: Math.round(nowMs() - beganMs) }, "job ended");
      return ending;
    } catch (error) {
      if (error instanceof LeaseLostError) {
        log.warn({ outcome: told.outcome }, "refused: the lease is lost, the outcome is dropped");
        return "lost";
      }
      if (error instanceof RequestRefusedError) {
        log.error({ reason: error.message, outcome: told.outcome }, "the server does not take this outcome");
        if (told !== outcome) return "unreported";
        const why = `the server did not take the outcome: ${error.message}`;
        told = { outcome: "failed", error: why, code: "outcome_refused", output: "" };
        continue;
      }
      const limitMs = stopped.aborted ? reportStoppedMs : isHeld() ? reportMsMax : Math.max(reportMsMin, lease.leaseMs);
      if (nowMs() - beganMs > limitMs) {
        log.error(
          { reason: textOf(error) },
          "gave up telling how the job ended: it is tried again when its lease ends",
        );
        return "unreported";
      }
      if (error instanceof ServerAwayError) await backoff.wait(never, error.retryAfterMs);
      else if (error instanceof WorkerRefusedError) await backoff.wait(never);
      else throw error;
    }
  }
}

const never = new AbortController().signal;

function send(api: LeaseApi, lease: Lease, outcome: Outcome, stopped: AbortSignal): Promise<void> {
  return within(stopped.aborted ? reportStoppedMs : requestMsMax, null, (signal) => {
    if (outcome.outcome === "succeeded")
      return api.complete(lease, { result: outcome.passback, link: outcome.link, output: outcome.output }, signal);
    if (outcome.outcome === "deferred")
      return api.fail(
        lease,
        { error: "it is to run later", code: "deferred", retryable: true, output: outcome.output },
        signal,
      );
    const { error, output } = outcome;
    const code = outcome.code ?? codeOf(outcome.outcome, stopped);
    return api.fail(lease, { error, code, retryable: outcome.isFinal !== true, output }, signal);
  });
}

function codeOf(outcome: Exclude<Outcome["outcome"], "succeeded" | "deferred">, stopped: AbortSignal): string | null {
  if (outcome === "failed") return null;
  if (outcome === "timed_out") return "timed_out";
  return stopped.aborted ? "worker_stopped" : "lease_lost";
}

function endingOf({ outcome }: Outcome, stopped: AbortSignal): Ending {
  if (outcome === "succeeded") return "succeeded";
  return outcome === "cancelled" && stopped.reason instanceof WorkerStoppedError ? "stopped" : "failed";
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
