/**
 * What computes a data product: the words (Compute, Task, Outcome), and the registry that orrery.yaml fills.
 * Defaults: 3 attempts; a timeout of an hour; at once per node 32 function runs, 4 shell runs.
 */
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { DispatchConfig } from "./compute-config.ts";

/** What a compute is given. JSON is the clients' text, as it was sent. A free-standing job has neither dataset nor product. */
export interface Task {
  readonly jobId: JobId;
  readonly queue: string;
  readonly jobType: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Of the lease that it runs under; what is bound to one attempt carries it. */
  readonly token: number;
  readonly dataset: { readonly id: DatasetId; readonly extra: JsonText | null } | null;
  readonly product: { readonly id: ProductId; readonly name: string; readonly version: string } | null;
  /** A product's passthrough, a free-standing job's payload. */
  readonly payload: JsonText | null;
  readonly parents: readonly Parent[];
  /** Of this attempt; null: as the compute says. */
  readonly timeoutMs: number | null;
  /** Where this node's API answers, for a task that asks it for telemetry; null if it serves none. */
  readonly url: string | null;
  /** Takes what it prints while it runs, so that it can be followed. What is kept for good is the outcome's `output`. */
  onOutput(chunk: Uint8Array): void;
}

export interface Parent {
  readonly id: ProductId;
  readonly name: string;
  readonly version: string;
  readonly passback: JsonText | null;
}

/** How one attempt ended. `output` is what it printed: of a command at most 1 MiB, of a function 64 KiB. */
export type Outcome =
  | {
      readonly outcome: "succeeded";
      readonly passback: JsonText | null;
      readonly link: string | null;
      readonly output: string;
    }
  | {
      readonly outcome: "failed" | "timed_out" | "cancelled";
      readonly error: string;
      /** An exit code, an HTTP status, an error's code; null if there is none. */
      readonly code?: string | null;
      /** Trying again is of no use: the compute says so, or its configuration lists the code. */
      readonly isFinal?: boolean;
      /** Whom it asked wants to be left alone for so long. */
      readonly retryAfterMs?: number;
      readonly output: string;
    }
  /** Not yet: the job goes back, to be run again `runInMs` from now, and no attempt is burned. How a `wait` waits. */
  | { readonly outcome: "deferred"; readonly runInMs: number; readonly output: string };

/** When a failed attempt is tried again. */
export interface RetryRule {
  readonly kind: "exponential" | "linear" | "fixed";
  /** After the first attempt. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** By chance anything up to the delay, so that what failed together does not come back together. */
  readonly jitter: boolean;
}

export interface Compute {
  readonly kind: "external" | "function" | "shell" | "http" | "worker" | "ray" | "container" | "internal";
  /** Attempts a job may begin before its product is failed. */
  readonly attemptsMax: number;
  /** Runs at once on one node; what is above it waits in the queue, where other nodes can take it. */
  readonly concurrency: number;
  readonly retry: RetryRule;
  /** The queue of its products' jobs. */
  readonly queue: string;
  /** Labels that a worker needs to run it. */
  readonly requires: readonly string[];
  /** What one attempt may take. */
  readonly timeoutMs?: number;
  /** Codes of failures that no further attempt can mend. `run` heeds them itself; of a worker's, whoever takes its report does. */
  readonly noRetry?: ReadonlySet<string>;
  /** Of its products' jobs, -100 to 100; 0 if absent. */
  readonly priority?: number;
  /**
   * Never throws or rejects. Ends soon after it is told to stop, as `cancelled`. What is done at once needs no promise. An
   * external compute and one that remote workers pull are never run.
   */
  run(task: Task, stop: Stop): Outcome | Promise<Outcome>;
}

/** How a run is told to stop. Its signal is made when somebody asks for it: most runs are done before. */
export interface Stop {
  readonly signal: AbortSignal;
  /** As the signal says, without making one. */
  readonly aborted: boolean;
}

/** Of a signal that is there already. */
export const stopBy = (signal: AbortSignal): Stop => ({
  signal,
  get aborted() {
    return signal.aborted;
  },
});

export type { ComputeConfig, FunctionConfig, ShellConfig } from "./compute-config.ts";

export const defaults = {
  timeoutMs: 3_600_000,
  attemptsMax: 3,
  functionConcurrency: 32,
  shellConcurrency: 4,
  /** Waiting for others takes no processor of ours. */
  remoteConcurrency: 32,
  retry: { kind: "exponential", baseMs: 1_000, maxMs: 60_000, jitter: true },
  queue: "products",
  /** Of a passback, as UTF-8: it is stored with the product and handed to every child. */
  passbackBytesMax: 256 * 1024,
} as const;

export interface Computes {
  /** What a plan may name, for people: the commands of templates are left out. */
  names(): string[];
  isKnown(name: string): boolean;
  /** False for an external compute: somebody else reports its outcome by the API. */
  dispatches(name: string): boolean;
  /** Whether nodes run it, each its share; false for external ones and those that remote workers pull. */
  runsHere(name: string): boolean;
  get(name: string): Compute | undefined;
  /** Adds what runs a template's task, under a name of its own. */
  addInline(name: string, compute: Compute): void;
  /** Adds what runs jobs of ours, named `orrery.…`: no plan can name it. */
  addOwn(name: string, compute: Compute): void;
}

/** How the names of computes begin that templates bring along. */
export const inlinePrefix = "template:";

const unseenInline: Compute = {
  kind: "internal",
  ...dispatchOf({}, 0),
  run: async () => ({ outcome: "failed", error: "this node does not know the template's version yet", output: "" }),
};

/** A registry of `configured` computes. */
export function createComputes(configured: ReadonlyMap<string, Compute>): Computes {
  const names = [...configured.keys()];
  const all = new Map(configured);
  const own = new Set<string>();
  /** Another node has stored a template that this one has not read yet: its jobs are made all the same, and run there. */
  const isUnseenInline = (name: string): boolean => name.startsWith(inlinePrefix) && !all.has(name);
  const isOf = (name: string, wanted: (kind: Compute["kind"]) => boolean): boolean => {
    const compute = all.get(name);
    return compute !== undefined && wanted(compute.kind);
  };
  return {
    names: () => names,
    isKnown: (name) => all.has(name) && !own.has(name),
    dispatches: (name) => isOf(name, (kind) => kind !== "external") || isUnseenInline(name),
    runsHere: (name) => isOf(name, (kind) => kind !== "external" && kind !== "worker"),
    get: (name) => all.get(name) ?? (isUnseenInline(name) ? unseenInline : undefined),
    addInline: (name, compute) => void all.set(name, compute),
    addOwn(name, compute) {
      own.add(name);
      all.set(name, compute);
    },
  };
}

/** What a compute's configuration says of dispatching it, with the defaults of its kind. */
export function dispatchOf(config: DispatchConfig, concurrency: number): Dispatch {
  return {
    attemptsMax: config.attempts ?? defaults.attemptsMax,
    concurrency: config.concurrency ?? concurrency,
    retry: retryOf(config.retry),
    queue: config.queue ?? defaults.queue,
    requires: config.requires ?? [],
    timeoutMs: config.timeout_s === undefined ? defaults.timeoutMs : config.timeout_s * 1000,
    noRetry: new Set(config.no_retry?.map(String)),
  };
}

/** What a configuration says of trying again, with the defaults for what it does not say. */
export function retryOf(given: DispatchConfig["retry"]): RetryRule {
  return {
    kind: given?.kind ?? defaults.retry.kind,
    baseMs: given?.base_s === undefined ? defaults.retry.baseMs : given.base_s * 1000,
    maxMs: given?.max_s === undefined ? defaults.retry.maxMs : given.max_s * 1000,
    jitter: given?.jitter ?? defaults.retry.jitter,
  };
}

type Dispatch = Required<Omit<Compute, "kind" | "run" | "priority">>;

/** A failure whose code is listed is final. Kinds hand their outcomes through here. */
export function judged(outcome: Outcome, noRetry: ReadonlySet<string>): Outcome {
  if (outcome.outcome !== "failed" && outcome.outcome !== "timed_out") return outcome;
  const { code } = outcome;
  return typeof code === "string" && noRetry.has(code) ? { ...outcome, isFinal: true } : outcome;
}
