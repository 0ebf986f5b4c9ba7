/**
 * What computes a data product: the words (Compute, Task, Outcome), and the registry that orrery.yaml fills.
 * Defaults: 3 attempts; a timeout of an hour; at once per node 32 function runs, 4 shell runs.
 */
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";

/** What a compute is given. JSON is the clients' text, as it was sent. */
export interface Task {
  readonly jobId: JobId;
  /** Counts from 1. */
  readonly attempt: number;
  readonly dataset: { readonly id: DatasetId; readonly extra: JsonText | null };
  readonly product: { readonly id: ProductId; readonly name: string; readonly version: string };
  readonly passthrough: JsonText | null;
  readonly parents: readonly Parent[];
  /** Where this node's API answers, for a task that asks it for telemetry; null if it serves none. */
  readonly url: string | null;
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
  | { readonly outcome: "failed" | "timed_out" | "cancelled"; readonly error: string; readonly output: string };

export interface Compute {
  readonly kind: "external" | "function" | "shell";
  /** Attempts a job may begin before its product is failed. */
  readonly attemptsMax: number;
  /** Runs at once on one node; what is above it waits in the queue, where other nodes can take it. */
  readonly concurrency: number;
  /** Never rejects. Ends soon after `signal` aborts, as `cancelled`. An external compute is never run. */
  run(task: Task, signal: AbortSignal): Promise<Outcome>;
}

interface DispatchConfig {
  readonly timeout_s?: number | undefined;
  readonly attempts?: number | undefined;
  readonly concurrency?: number | undefined;
}

export interface FunctionConfig extends DispatchConfig {
  readonly kind: "function";
  /** A TypeScript module, relative to orrery.yaml. */
  readonly module: string;
  /** Its export; `default` if absent. */
  readonly export?: string | undefined;
}

export interface ShellConfig extends DispatchConfig {
  readonly kind: "shell";
  /** A list is run as it is; a text by `/bin/sh -c`. */
  readonly command: readonly string[] | string;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** One entry under `computes` in orrery.yaml. */
export type ComputeConfig = { readonly kind: "external" } | FunctionConfig | ShellConfig;

export const defaults = {
  timeoutMs: 3_600_000,
  attemptsMax: 3,
  functionConcurrency: 32,
  shellConcurrency: 4,
  /** Of a passback, as UTF-8: it is stored with the product and handed to every child. */
  passbackBytesMax: 256 * 1024,
} as const;

export interface Computes {
  /** What a plan may name, for people: the commands of templates are left out. */
  names(): string[];
  isKnown(name: string): boolean;
  /** False for an external compute: somebody else reports its outcome by the API. */
  dispatches(name: string): boolean;
  get(name: string): Compute | undefined;
  /** Those that this node can run. */
  runnable(): ReadonlyMap<string, Compute>;
  /** Adds the command of a template's task, under a name of its own. */
  addInline(name: string, compute: Compute): void;
}

/** A registry of `configured` computes. */
export function createComputes(configured: ReadonlyMap<string, Compute>): Computes {
  const names = [...configured.keys()];
  const all = new Map(configured);
  const runnable = new Map([...configured].filter(([, compute]) => compute.kind !== "external"));
  return {
    names: () => names,
    isKnown: (name) => all.has(name),
    dispatches: (name) => runnable.has(name),
    get: (name) => all.get(name),
    runnable: () => runnable,
    addInline(name, compute) {
      all.set(name, compute);
      runnable.set(name, compute);
    },
  };
}
