/** The routes that a remote worker speaks: poll for leases, heartbeat, log lines, outcome. Clients' JSON keeps every digit on its way to a command. */
import { LeaseLostError } from "../model/errors.ts";
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import { type JsonText, parseJson } from "../model/json.ts";
import { RequestRefusedError, ServerAwayError, WorkerRefusedError } from "./lease-errors.ts";

export interface Lease {
  /** `<job_id>.<token>` */
  readonly leaseId: string;
  readonly jobId: JobId;
  readonly token: number;
  readonly queue: string;
  readonly jobType: string;
  readonly attempt: number;
  readonly leaseMs: number;
  /** Of this attempt; null: the worker's own. */
  readonly timeoutMs: number | null;
  readonly payload: JsonText;
  readonly dataset: { readonly id: DatasetId; readonly extra: JsonText | null } | null;
  readonly product: { readonly id: ProductId; readonly name: string; readonly version: string } | null;
  readonly parents: readonly {
    readonly id: ProductId;
    readonly name: string;
    readonly version: string;
    readonly passback: JsonText | null;
  }[];
}

export interface PollAsk {
  readonly workerId: string;
  readonly name: string;
  readonly host: string;
  readonly version: string;
  readonly queues: readonly string[];
  /** Null: every type that workers may run. */
  readonly jobTypes: readonly string[] | null;
  readonly labels: readonly string[];
  readonly count: number;
  readonly waitS: number;
  readonly slots: number;
  readonly held: number;
  /** Takes no more; with nothing held it is a goodbye. */
  readonly draining: boolean;
}

export interface Polled {
  readonly leases: readonly Lease[];
  /** The server wants this worker to end. */
  readonly drain: boolean;
}

/** Each throws one of lease-errors.ts, or `LeaseLostError` when the lease is another's. */
export interface LeaseApi {
  readonly url: string;
  poll(ask: PollAsk, signal: AbortSignal): Promise<Polled>;
  heartbeat(lease: Lease, signal: AbortSignal): Promise<void>;
  log(lease: Lease, text: string, signal: AbortSignal): Promise<void>;
  complete(
    lease: Lease,
    done: { result: JsonText | null; link: string | null; output: string },
    signal: AbortSignal,
  ): Promise<void>;
  fail(
    lease: Lease,
    failure: { error: string; code: string | null; retryable: boolean; output: string },
    signal: AbortSignal,
  ): Promise<void>;
}

/** `token` is asked at each request: it may be renewed meanwhile. */
export function createLeaseApi(url: string, token: () => string | null): LeaseApi {
  async function send(method: string, path: string, body: string, signal: AbortSignal): Promise<string> {
    const bearer = token();
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/api${path}`, {
        method,
        body,
        signal,
        headers: {
          Accept: "application/json",
          "Content-Type": "application/json",
          ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
        },
      });
      text = await response.text();
    } catch (error) {
      throw new ServerAwayError(error instanceof Error ? error.message : String(error), null, { cause: error });
    }
    if (response.ok) return text;
    throw refusal(response, text);
  }

  async function sendOf(lease: Lease, method: string, verb: string, body: string, signal: AbortSignal): Promise<void> {
    try {
      await send(method, `/lease/${encodeURIComponent(lease.leaseId)}/${verb}`, body, signal);
    } catch (error) {
      const isGone = error instanceof RequestRefusedError && (error.status === 409 || error.status === 404);
      throw isGone ? new LeaseLostError(lease.jobId, lease.token) : error;
    }
  }

  return {
    url,
    async poll(ask, signal) {
      const body = {
        worker_id: ask.workerId,
        name: ask.name,
        host: ask.host,
        version: ask.version,
        queues: ask.queues,
        ...(ask.jobTypes !== null && { job_types: ask.jobTypes }),
        labels: ask.labels,
        count: ask.count,
        wait_s: ask.waitS,
        slots: ask.slots,
        held: ask.held,
        draining: ask.draining,
      };
      return polledOf(await send("POST", "/lease", JSON.stringify(body), signal));
    },
    heartbeat: (lease, signal) => sendOf(lease, "PUT", "heartbeat", "{}", signal),
    log: (lease, text, signal) => sendOf(lease, "POST", "log", JSON.stringify({ text }), signal),
    complete: (lease, { result, link, output }, signal) =>
      sendOf(
        lease,
        "PUT",
        "complete",
        `{"result":${result ?? "null"},"link":${JSON.stringify(link)},"output":${JSON.stringify(output)}}`,
        signal,
      ),
    fail: (lease, failure, signal) => sendOf(lease, "PUT", "fail", JSON.stringify(failure), signal),
  };
}

function refusal(response: Response, text: string): Error {
  const { status } = response;
  const said = detailOf(text) ?? `status ${status}`;
  if (status === 401 || status === 403) return new WorkerRefusedError(said);
  if (status !== 429 && status !== 408 && status < 500) return new RequestRefusedError(said, status);
  const afterS = Number(response.headers.get("Retry-After"));
  return new ServerAwayError(said, afterS > 0 ? afterS * 1000 : null);
}

function detailOf(text: string): string | null {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }; // problem+json, or something else whose detail is absent
    return typeof detail === "string" ? detail : null;
  } catch {
    return null;
  }
}

/** As it comes over the wire. */
interface LeaseJson {
  readonly lease_id: string;
  readonly job_id: string;
  readonly token: number;
  readonly queue: string;
  readonly job_type: string;
  readonly attempt: number;
  readonly lease_s: number;
  readonly timeout_s: number | null;
  readonly payload: unknown;
  readonly dataset: { id: string; extra: unknown } | null;
  readonly product: { id: string; name: string; version: string } | null;
  readonly parents: readonly { id: string; name: string; version: string; passback: unknown }[] | null;
}

/** The server's document promises the shape; what is no JSON at all is not our server. */
function polledOf(text: string): Polled {
  let answer: { leases?: readonly LeaseJson[]; drain?: boolean };
  try {
    answer = parseJson(text) as typeof answer;
  } catch (error) {
    throw new ServerAwayError("the server did not answer with JSON", null, { cause: error });
  }
  return { leases: (answer.leases ?? []).map(leaseOf), drain: answer.drain === true };
}

function leaseOf(json: LeaseJson): Lease {
  return {
    leaseId: json.lease_id,
    jobId: json.job_id,
    token: json.token,
    queue: json.queue,
    jobType: json.job_type,
    attempt: json.attempt,
    leaseMs: json.lease_s * 1000,
    timeoutMs: json.timeout_s === null ? null : json.timeout_s * 1000,
    payload: textOf(json.payload) ?? "null",
    dataset: json.dataset && { id: json.dataset.id, extra: textOf(json.dataset.extra) },
    product: json.product && { id: json.product.id, name: json.product.name, version: json.product.version },
    parents: (json.parents ?? []).map(({ id, name, version, passback }) => ({
      id,
      name,
      version,
      passback: textOf(passback),
    })),
  };
}

const textOf = (value: unknown): JsonText | null =>
  value === null || value === undefined ? null : JSON.stringify(value);
