/**
 * A compute that is a job on a Ray cluster: its entrypoint is submitted under an id made of job and attempt, so that it is begun once
 * however often we ask, followed until it ends, and stopped when nobody wants it any more. It hands back as a command does: the last
 * line of its log that is a JSON object.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Compute, defaults, dispatchOf, judged, type Outcome, type Task } from "./compute.ts";
import type { RayConfig } from "./compute-config.ts";
import { messageOf, reasonOf, timerMs } from "./function.ts";
import { RequestFailedError } from "./guarded-request.ts";
import { Output } from "./output.ts";
import { checkPassback, passbackOfLines } from "./passback.ts";
import { createRayJobs, type RayJobs, RayRefusedError, type RayStatus } from "./ray-jobs.ts";
import type { RequestSettings } from "./request-settings.ts";
import { taskJson, taskVariables } from "./task-json.ts";

const pollMs = 2_000;
/** Each time all of the log comes: for so many characters of it, it is asked for one poll less often. */
const logStep = 128 * 1024;
/** One variable of a process holds 128 KiB on Linux, its name included. */
const taskBytesMax = 128 * 1024 - 64;
/** A cluster whose head restarts is heard of again within this. */
const silenceMsMax = 60_000;
/** A node that stops cannot wait for long; at a timeout the next attempt should not meet this one. */
const stopMs = { aborted: 1_000, timed_out: 10_000 };

export function createRay(config: Omit<RayConfig, "kind">, settings: RequestSettings): Compute {
  const dispatch = dispatchOf(config, defaults.remoteConcurrency);
  const jobs = createRayJobs(config.address, settings);
  return {
    kind: "ray",
    ...dispatch,
    async run(task, { signal }) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      return judged(await new RayRun(jobs, config, task, signal, timeoutMs).run(), dispatch.noRetry);
    },
  };
}

class RayRun {
  readonly #jobs: RayJobs;
  readonly #config: Omit<RayConfig, "kind">;
  readonly #task: Task;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #pollMs: number;
  readonly #id: string;
  #log = "";
  #logDueMs = 0;
  #isLogWhole = true;

  constructor(jobs: RayJobs, config: Omit<RayConfig, "kind">, task: Task, signal: AbortSignal, timeoutMs: number) {
    this.#jobs = jobs;
    this.#config = config;
    this.#task = task;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    this.#pollMs = config.poll_s === undefined ? pollMs : config.poll_s * 1000;
    this.#id = idOf(task, task.attempt);
  }

  /** Never rejects. */
  async run(): Promise<Outcome> {
    if (this.#signal.aborted) return { outcome: "cancelled", error: reasonOf(this.#signal), output: "" };
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new Error(`timed out after ${this.#timeoutMs / 1000} s`)),
      timerMs(this.#timeoutMs),
    );
    const ending = AbortSignal.any([this.#signal, deadline.signal]);
    try {
      return await this.#toTheEnd(ending);
    } catch (error) {
      if (!ending.aborted) return this.#failed(error);
      const isAborted = this.#signal.aborted;
      await this.#stop(isAborted ? stopMs.aborted : stopMs.timed_out, !isAborted);
      if (isAborted) return { outcome: "cancelled", error: reasonOf(this.#signal), output: this.#output() };
      return { outcome: "timed_out", error: reasonOf(deadline.signal), code: "timeout", output: this.#output() };
    } finally {
      clearTimeout(timer);
    }
  }

  async #toTheEnd(signal: AbortSignal): Promise<Outcome> {
    const task = taskJson(this.#task);
    const sizeBytes = Buffer.byteLength(task);
    if (sizeBytes > taskBytesMax) {
      const error = `the task has ${sizeBytes} bytes, and ${taskBytesMax} fit into the variable ORRERY_TASK: hand over links to data`;
      return { outcome: "failed", error, code: "task_too_large", isFinal: true, output: "" };
    }
    // A node that died left it behind: two attempts should not work on one thing.
    if (this.#task.attempt > 1) await this.#jobs.stop(idOf(this.#task, this.#task.attempt - 1), signal);
    await this.#jobs.submit(this.#submission(task), signal);
    const status = await this.#followed(signal);
    await this.#readLog(signal);
    return this.#outcomeOf(status);
  }

  /** Polls until it has ended. */
  async #followed(signal: AbortSignal): Promise<RayStatus> {
    let heardMs = performance.now();
    while (true) {
      try {
        const status = await this.#jobs.status(this.#id, signal);
        if (status === null)
          throw new RayRefusedError("tell a job's status", this.#config.address, 404, "it has forgotten the job");
        if (hasEnded(status)) return status;
        if (performance.now() >= this.#logDueMs) await this.#readLog(signal);
        heardMs = performance.now();
      } catch (error) {
        const isQuiet = error instanceof RequestFailedError && error.code !== "aborted";
        if (signal.aborted || !isQuiet || performance.now() - heardMs > silenceMsMax) throw error;
      }
      await pause(this.#pollMs, undefined, { signal });
    }
  }

  /** Hands on what is new in it. */
  async #readLog(signal: AbortSignal): Promise<void> {
    if (!this.#isLogWhole) return;
    try {
      const log = await this.#jobs.logs(this.#id, signal);
      const added = log.startsWith(this.#log) ? log.slice(this.#log.length) : log;
      this.#log = log;
      this.#logDueMs = performance.now() + (this.#pollMs * log.length) / logStep;
      if (added !== "") this.#task.onOutput(new TextEncoder().encode(added));
    } catch (error) {
      if (!(error instanceof RequestFailedError && error.code === "answer_too_large")) throw error;
      this.#isLogWhole = false;
    }
  }

  #outcomeOf(status: RayStatus): Outcome {
    const output = this.#output();
    if (status.status !== "SUCCEEDED") {
      // Its message repeats the log.
      const why =
        (status.message ?? "").split(/, last available logs|\n/)[0] || `the Ray job ended as ${status.status}`;
      const code = status.driver_exit_code ?? status.error_type ?? status.status;
      return { outcome: "failed", error: why, code: String(code), output };
    }
    if (!this.#isLogWhole) {
      return {
        outcome: "failed",
        error: "its log is too long to be read for a passback: print less",
        code: "log_too_large",
        output,
      };
    }
    try {
      const passback = checkPassback(passbackOfLines(new TextEncoder().encode(this.#log)));
      return { outcome: "succeeded", passback, link: null, output };
    } catch (error) {
      return { outcome: "failed", error: messageOf(error), code: "passback_invalid", output };
    }
  }

  #failed(error: unknown): Outcome {
    const code =
      error instanceof RequestFailedError ? error.code : error instanceof RayRefusedError ? String(error.status) : null;
    return { outcome: "failed", error: messageOf(error), code, output: this.#output() };
  }

  /** `untilEnded`: not only asked to stop, but seen to have. */
  async #stop(withinMs: number, untilEnded: boolean): Promise<void> {
    const signal = AbortSignal.timeout(withinMs);
    try {
      await this.#jobs.stop(this.#id, signal);
      while (untilEnded) {
        const status = await this.#jobs.status(this.#id, signal);
        if (status === null || hasEnded(status)) break;
        await pause(200, undefined, { signal });
      }
      await this.#readLog(signal);
    } catch {
      // It cannot be reached, or takes its time: the next attempt asks again.
    }
  }

  #submission(task: string) {
    const {
      entrypoint,
      runtime_env,
      entrypoint_num_cpus,
      entrypoint_num_gpus,
      entrypoint_memory,
      entrypoint_resources,
    } = this.#config;
    const given = (runtime_env?.env_vars ?? {}) as object; // checked with the configuration
    const { jobId, queue, jobType, attempt } = this.#task;
    return {
      submission_id: this.#id,
      entrypoint,
      entrypoint_num_cpus,
      entrypoint_num_gpus,
      entrypoint_memory,
      entrypoint_resources,
      runtime_env: { ...runtime_env, env_vars: { ...given, ...taskVariables(this.#task), ORRERY_TASK: task } },
      metadata: { orrery_job: jobId, orrery_attempt: String(attempt), orrery_queue: queue, orrery_job_type: jobType },
    };
  }

  #output(): string {
    const output = new Output();
    output.push(new TextEncoder().encode(this.#log));
    const note = this.#isLogWhole ? "" : "\n… the rest of the log is longer than 16 MiB: Ray's dashboard has it …\n";
    return `${output.text()}${note}`;
  }
}

const idOf = (task: Task, attempt: number): string => `orrery-${task.jobId}-${attempt}`;

const hasEnded = ({ status }: RayStatus): boolean =>
  status === "SUCCEEDED" || status === "FAILED" || status === "STOPPED";
