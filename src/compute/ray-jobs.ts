/** The Ray Jobs REST API (Ray 2.x, `/api/jobs/`), as much of it as running one job takes. */
import * as v from "valibot";
import { RequestFailedError, requestGuarded } from "./guarded-request.ts";
import type { RequestSettings } from "./request-settings.ts";

export interface RayJobs {
  /** The server's version; rejects when none answers. */
  version(signal: AbortSignal): Promise<string>;
  /** One that was submitted before under this id is left as it is. */
  submit(job: RaySubmission, signal: AbortSignal): Promise<void>;
  /** Null: it is not known there. */
  status(submissionId: string, signal: AbortSignal): Promise<RayStatus | null>;
  /** Everything that it printed so far. */
  logs(submissionId: string, signal: AbortSignal): Promise<string>;
  /** Returns once Ray has taken it, not once the job has ended. */
  stop(submissionId: string, signal: AbortSignal): Promise<void>;
}

export interface RaySubmission {
  readonly submission_id: string;
  readonly entrypoint: string;
  readonly runtime_env: object;
  readonly metadata: Readonly<Record<string, string>>;
}

const Status = v.object({
  status: v.string(),
  message: v.nullish(v.string()),
  error_type: v.nullish(v.string()),
  driver_exit_code: v.nullish(v.number()),
});
export type RayStatus = v.InferOutput<typeof Status>;
const Logs = v.object({ logs: v.string() });
const Version = v.object({ ray_version: v.string() });

/** Ray gives the log only as a whole. */
const answerBytesMax = 16 * 1024 * 1024;
const requestMs = 30_000;
const shownMax = 500;

/** Ray said no. */
export class RayRefusedError extends Error {
  readonly status: number;
  constructor(what: string, host: string, status: number, text: string) {
    super(`Ray at ${host} answered ${status} when it was asked to ${what}: ${lastLine(text)}`);
    this.name = new.target.name;
    this.status = status;
  }
}

export function createRayJobs(address: string, settings: RequestSettings): RayJobs {
  const base = `${address.replace(/\/+$/, "")}/api`;
  const { host } = new URL(base);

  async function ask(
    what: string,
    method: "GET" | "POST",
    path: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<{ status: number; text: string }> {
    try {
      return await requestGuarded({
        url: new URL(`${base}${path}`),
        method,
        headers: { accept: "application/json", ...settings.headers, "content-type": "application/json" },
        body: body === undefined ? "" : JSON.stringify(body),
        // The operator names one cluster, which is next to us as a rule; no client has a say in it.
        allowPrivate: true,
        ca: settings.ca,
        timeoutMs: requestMs,
        answerBytesMax,
        signal,
      });
    } catch (error) {
      if (!(error instanceof RequestFailedError)) throw error;
      throw new RequestFailedError(error.code, `Ray could not be asked to ${what}: ${error.message}`, { cause: error });
    }
  }

  async function done<Schema extends v.GenericSchema>(
    what: string,
    schema: Schema,
    answer: { status: number; text: string },
  ): Promise<v.InferOutput<Schema>> {
    if (answer.status !== 200) throw new RayRefusedError(what, host, answer.status, answer.text);
    const value = v.safeParse(schema, jsonOf(answer.text));
    if (!value.success) throw new RayRefusedError(what, host, answer.status, "its answer is not Ray's");
    return value.output;
  }

  const pathOf = (submissionId: string): string => `/jobs/${encodeURIComponent(submissionId)}`;
  const status = async (submissionId: string, signal: AbortSignal): Promise<RayStatus | null> => {
    const answer = await ask("tell a job's status", "GET", pathOf(submissionId), signal);
    return answer.status === 404 ? null : await done("tell a job's status", Status, answer);
  };
  return {
    status,
    async version(signal) {
      const what = "tell its version";
      return (await done(what, Version, await ask(what, "GET", "/version", signal))).ray_version;
    },
    async submit(job, signal) {
      const what = "run a job";
      const answer = await ask(what, "POST", "/jobs/", signal, job);
      if (answer.status === 200) return;
      // It refuses an id that it has: then an earlier request got through whose answer we did not get.
      if ((await status(job.submission_id, signal)) === null)
        throw new RayRefusedError(what, host, answer.status, answer.text);
    },
    async logs(submissionId, signal) {
      const what = "give a job's log";
      return (await done(what, Logs, await ask(what, "GET", `${pathOf(submissionId)}/logs`, signal))).logs;
    },
    async stop(submissionId, signal) {
      await ask("stop a job", "POST", `${pathOf(submissionId)}/stop`, signal);
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Ray answers with a Python traceback, whose last line says what is wrong. */
function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return (lines.filter((line) => line.length > 1).at(-1) ?? "no reason given").slice(0, shownMax);
}
