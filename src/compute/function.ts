/** A compute that is a TypeScript function in this process: `(task) => passback`, sync or async. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SetupError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";
import { type Compute, defaults, dispatchOf, type FunctionConfig, judged, type Outcome, type Task } from "./compute.ts";
import { Output, storableText } from "./output.ts";
import { checkPassback } from "./passback.ts";

/** What the function is given. JSON values are parsed; a number that a double cannot hold keeps its digits when written back. */
export interface FunctionTask {
  readonly job: { readonly id: string; readonly queue: string; readonly type: string };
  /** Null, as is `product`, for a free-standing job. */
  readonly dataset: { readonly id: string; readonly extra: unknown } | null;
  readonly product: { readonly id: string; readonly name: string; readonly version: string } | null;
  /** The product's passthrough. */
  readonly passthrough: unknown;
  /** The free-standing job's payload. */
  readonly payload: unknown;
  readonly parents: readonly {
    readonly id: string;
    readonly name: string;
    readonly version: string;
    readonly passback: unknown;
  }[];
  /** Counts from 1. */
  readonly attempt: number;
  /** This node's API, e.g. `http://127.0.0.1:8080`; null if it serves none. */
  readonly url: string | null;
  /** Aborts at the timeout, when the product is updated or cleared by others, and when the process stops. Heed it: a function cannot be killed. */
  readonly signal: AbortSignal;
  /** One line of the attempt's output. */
  log(line: string): void;
  /** Sets the product's link, when the attempt succeeds. */
  link(url: string): void;
}

/**
 * Its result is the passback: any JSON value, or nothing. A thrown error fails the attempt; its `code` becomes the attempt's, and
 * with `retryable: false` there is no further attempt.
 */
export type ComputeFunction = (task: FunctionTask) => unknown;

/** A node may hold thousands of quick runs whose outcome waits for its commit: each keeps 64 KiB of what it logs. */
const outputHalfBytes = 32 * 1024;

export async function loadFunction(name: string, config: FunctionConfig, configDir: string): Promise<Compute> {
  const path = resolve(configDir, config.module);
  const exportName = config.export ?? "default";
  let loaded: Record<string, unknown>;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new SetupError(`Cannot load compute "${name}" from ${path}: ${messageOf(error)}`, { cause: error });
  }
  const work = loaded[exportName];
  if (typeof work !== "function") {
    const exported = Object.keys(loaded).join(", ") || "nothing";
    throw new SetupError(
      `Cannot load compute "${name}": ${path} has no function export "${exportName}"; it exports ${exported}`,
    );
  }
  // The module's author promises the shape: (task) => passback.
  return createFunction(work as ComputeFunction, config);
}

export function createFunction(work: ComputeFunction, config: Omit<FunctionConfig, "kind" | "module"> = {}): Compute {
  const dispatch = dispatchOf(config, defaults.functionConcurrency);
  return {
    kind: "function",
    ...dispatch,
    async run(task, signal) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      return judged(await runFunction(work, task, signal, timeoutMs), dispatch.noRetry);
    },
  };
}

function runFunction(work: ComputeFunction, task: Task, signal: AbortSignal, timeoutMs: number): Promise<Outcome> {
  const { promise, resolve: settle } = Promise.withResolvers<Outcome>();
  const output = new Output(outputHalfBytes, outputHalfBytes);
  /** Made when the function asks for its signal: most are done before anybody could. */
  let own: AbortController | null = null;
  let gaveUp: Error | null = null;
  let link: string | null = null;

  const end = (outcome: Outcome) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    settle(outcome);
  };
  // The function is told, and no longer waited for: what it returns later is dropped.
  const giveUp = (outcome: "timed_out" | "cancelled", error: string) => {
    gaveUp = new Error(error);
    own?.abort(gaveUp);
    end({ outcome, error, ...(outcome === "timed_out" && { code: "timeout" }), output: output.text() });
  };
  const onAbort = () => giveUp("cancelled", reasonOf(signal));
  const timer = setTimeout(() => giveUp("timed_out", `timed out after ${timeoutMs / 1000} s`), timerMs(timeoutMs));
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) {
    onAbort();
    return promise;
  }

  const given = (): FunctionTask => ({
    job: { id: task.jobId, queue: task.queue, type: task.jobType },
    dataset: task.dataset && { id: task.dataset.id, extra: parsed(task.dataset.extra) },
    product: task.product,
    passthrough: task.product === null ? null : parsed(task.payload),
    payload: task.product === null ? parsed(task.payload) : null,
    parents: task.parents.map((parent) => ({ ...parent, passback: parsed(parent.passback) })),
    attempt: task.attempt,
    url: task.url,
    get signal() {
      own ??= new AbortController();
      if (gaveUp !== null) own.abort(gaveUp);
      return own.signal;
    },
    log(line) {
      const bytes = encoder.encode(`${line}\n`);
      output.push(bytes);
      task.onOutput(bytes);
    },
    link: (url) => {
      link = storableText(String(url));
    },
  });
  const fail = (error: unknown) =>
    end({ outcome: "failed", error: storableText(messageOf(error)), ...whyOf(error), output: output.text() });
  const succeed = (result: unknown) => {
    try {
      const passback = checkPassback(result === undefined || result === null ? null : JSON.stringify(result));
      end({ outcome: "succeeded", passback, link, output: output.text() });
    } catch (error) {
      fail(error); // e.g. a cycle, a BigInt, a passback that is too large
    }
  };
  try {
    void Promise.resolve(work(given())).then(succeed, fail);
  } catch (error) {
    fail(error);
  }
  return promise;
}

/** What an error says of itself beside its message. */
function whyOf(error: unknown): { code?: string; isFinal?: boolean } {
  if (typeof error !== "object" || error === null) return {};
  const { code, retryable } = error as { code?: unknown; retryable?: unknown }; // whatever was thrown may have them
  const isCode = (typeof code === "string" && code !== "") || typeof code === "number";
  return { ...(isCode && { code: storableText(String(code)) }), ...(retryable === false && { isFinal: true }) };
}

const encoder = new TextEncoder();

function parsed(text: string | null): unknown {
  return text === null ? null : parseJson(text);
}

/** Timers hold 31 bits: longer ones would fire at once. */
export function timerMs(ms: number): number {
  return Math.min(ms, 2_147_483_647);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

export function reasonOf(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : "cancelled";
}
