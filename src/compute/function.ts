/** A compute that is a TypeScript function in this process: `(task) => passback`, sync or async. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SetupError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";
import {
  type Compute,
  defaults,
  dispatchOf,
  type FunctionConfig,
  judged,
  type Outcome,
  type Stop,
  type Task,
} from "./compute.ts";
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
  const judge = (outcome: Outcome) => judged(outcome, dispatch.noRetry);
  return {
    kind: "function",
    ...dispatch,
    run(task, stop) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      const outcome = new FunctionRun(task, stop, timeoutMs).begin(work);
      return outcome instanceof Promise ? outcome.then(judge) : judge(outcome);
    },
  };
}

/** Runs that have not ended at once: those that still have not after this turn of the event loop get a timer and a listener. */
let fresh: FunctionRun[] = [];

function watchFresh(): void {
  const runs = fresh;
  fresh = [];
  for (const run of runs) run.watch();
}

/** One run. What it may not need is made when it does: most are over within a few microseconds. */
class FunctionRun {
  readonly #task: Task;
  readonly #stop: Stop;
  readonly #timeoutMs: number;
  readonly #beganMs = performance.now();
  #output: Output | null = null;
  #link: string | null = null;
  /** Made when the function asks for its signal. */
  #own: AbortController | null = null;
  #gaveUp: Error | null = null;
  #settle: ((outcome: Outcome) => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isWatched = false;
  #isOver = false;

  constructor(task: Task, stop: Stop, timeoutMs: number) {
    this.#task = task;
    this.#stop = stop;
    this.#timeoutMs = timeoutMs;
  }

  /** A function that answers without a promise is over at once. */
  begin(work: ComputeFunction): Outcome | Promise<Outcome> {
    if (this.#stop.aborted) return { outcome: "cancelled", error: reasonOf(this.#stop.signal), output: "" };
    try {
      const result = work(this.#given());
      if (!isThenable(result)) return this.#succeeded(result);
      return new Promise((resolve) => {
        this.#settle = resolve;
        if (fresh.push(this) === 1) setImmediate(watchFresh);
        Promise.resolve(result).then(
          (value) => this.#end(this.#succeeded(value)),
          (error: unknown) => this.#end(this.#failed(error)),
        );
      });
    } catch (error) {
      return this.#failed(error);
    }
  }

  watch(): void {
    if (this.#isOver) return;
    this.#isWatched = true;
    const leftMs = this.#timeoutMs - (performance.now() - this.#beganMs);
    const error = `timed out after ${this.#timeoutMs / 1000} s`;
    this.#timer = setTimeout(() => this.#giveUp("timed_out", error), timerMs(Math.max(0, leftMs)));
    const { signal } = this.#stop;
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  readonly #onAbort = () => this.#giveUp("cancelled", reasonOf(this.#stop.signal));

  /** The function is told, and no longer waited for: what it returns later is dropped. */
  #giveUp(outcome: "timed_out" | "cancelled", error: string): void {
    this.#gaveUp = new Error(error);
    this.#own?.abort(this.#gaveUp);
    this.#end({ outcome, error, ...(outcome === "timed_out" && { code: "timeout" }), output: this.#text() });
  }

  #end(outcome: Outcome): void {
    this.#isOver = true;
    if (this.#isWatched) {
      clearTimeout(this.#timer);
      this.#stop.signal.removeEventListener("abort", this.#onAbort);
    }
    this.#settle?.(outcome);
  }

  #succeeded(result: unknown): Outcome {
    try {
      const passback = checkPassback(result === undefined || result === null ? null : JSON.stringify(result));
      return { outcome: "succeeded", passback, link: this.#link, output: this.#text() };
    } catch (error) {
      return this.#failed(error); // e.g. a cycle, a BigInt, a passback that is too large
    }
  }

  #failed(error: unknown): Outcome {
    return { outcome: "failed", error: storableText(messageOf(error)), ...whyOf(error), output: this.#text() };
  }

  #text(): string {
    return this.#output?.text() ?? "";
  }

  #given(): FunctionTask {
    const task = this.#task;
    const signal = () => this.#signal();
    return {
      job: { id: task.jobId, queue: task.queue, type: task.jobType },
      dataset: task.dataset && { id: task.dataset.id, extra: parsed(task.dataset.extra) },
      product: task.product,
      passthrough: task.product === null ? null : parsed(task.payload),
      payload: task.product === null ? parsed(task.payload) : null,
      parents: task.parents.map((parent) => ({ ...parent, passback: parsed(parent.passback) })),
      attempt: task.attempt,
      url: task.url,
      get signal() {
        return signal();
      },
      log: (line) => this.#log(line),
      link: (url) => {
        this.#link = storableText(String(url));
      },
    };
  }

  #signal(): AbortSignal {
    this.#own ??= new AbortController();
    if (this.#gaveUp !== null) this.#own.abort(this.#gaveUp);
    return this.#own.signal;
  }

  #log(line: string): void {
    const bytes = encoder.encode(`${line}\n`);
    this.#output ??= new Output(outputHalfBytes, outputHalfBytes);
    this.#output.push(bytes);
    this.#task.onOutput(bytes);
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

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
