/** Templates: plans with their products named by task, versioned, published as often as they are triggered. */
import type { RetryRule } from "../compute/compute.ts";
import type { JsonText } from "../model/json.ts";

export interface Template {
  readonly id: string;
  /** Counts from 1; 0: read, and not stored. */
  readonly version: number;
  readonly name: string;
  readonly description: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly params: ReadonlyMap<string, Param>;
  readonly schedule: Schedule | null;
  /** Of a whole run, from its start: of each task that nothing comes after. */
  readonly deadlineS: number | null;
  readonly tasks: readonly TemplateTask[];
}

export const paramTypes = ["string", "integer", "number", "boolean", "date", "datetime", "enum", "json"] as const;
export type ParamType = (typeof paramTypes)[number];

export interface Param {
  /** `json` takes any value: what a parameter without a type is. */
  readonly type: ParamType;
  /** Of an enum. */
  readonly values: readonly string[];
  readonly description: string | null;
  /** As JSON; null if there is none. */
  readonly default: JsonText | null;
  readonly required: boolean;
}

export const missedPolicies = ["none", "latest", "all"] as const;
export type MissedPolicy = (typeof missedPolicies)[number];
export const overlapPolicies = ["allow", "skip", "queue"] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

export interface Schedule {
  /** Either of the two: 5 or 6 fields, or every so many seconds of the clock. */
  readonly cron: string | null;
  readonly everyS: number | null;
  readonly timezone: string;
  /** What becomes of ticks that came while no node ran or the template was paused. */
  readonly missed: MissedPolicy;
  /** Older ones are never made up for. */
  readonly windowS: number;
  readonly overlap: OverlapPolicy;
  /** Unfinished runs at once that `skip` and `queue` go by. */
  readonly runsMax: number;
  /** Of each run; `{{ tick.date }}` and the like stand for the tick. */
  readonly params: Readonly<Record<string, unknown>>;
}

export const taskKinds = ["compute", "command", "script", "container", "http", "wait", "condition", "require"] as const;
export type TaskKind = (typeof taskKinds)[number];

export interface TemplateTask {
  /** Unique in its template; the product's id is derived from it. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly kind: TaskKind;
  /** What the product names. Of a task that is run by its own text: a compute of its own, known to the server only. */
  readonly compute: string;
  readonly eager: boolean;
  readonly dependsOn: readonly string[];
  /** May hold `{{ params.x }}`, in values only. */
  readonly passthrough: Readonly<Record<string, unknown>> | null;
  /** Null: a configured compute as it is, or an internal one. */
  readonly work: TaskWork | null;
  /** A JSON Schema of the passback; enforced where the passback is taken. */
  readonly check: JsonText | null;
  /** Success is due so long after the run's start. */
  readonly deadlineS: number | null;
}

/** How a task's own compute runs. It stays with the server. */
export interface TaskWork {
  readonly what:
    | { readonly kind: "command"; readonly command: string | readonly string[] }
    | { readonly kind: "script"; readonly text: string; readonly interpreter: readonly string[] }
    | ContainerWork
    | HttpWork
    /** A configured compute with settings of the task's own. */
    | { readonly kind: "compute"; readonly name: string };
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutS: number | null;
  readonly attempts: number | null;
  readonly retry: RetryRule | null;
  readonly queue: string | null;
  readonly requires: readonly string[];
  /** -100 to 100; the higher, the earlier. */
  readonly priority: number;
}

export interface ContainerWork {
  readonly kind: "container";
  readonly image: string;
  /** Empty: what the image says. */
  readonly args: readonly string[];
  readonly network: string;
  readonly cpus: number | null;
  readonly memoryMb: number | null;
}

export const httpMethods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export interface HttpWork {
  readonly kind: "http";
  readonly url: string;
  readonly method: (typeof httpMethods)[number];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Private addresses are refused at the connection unless this says otherwise. */
  readonly allowPrivate: boolean;
}

/** What a node knows of templates at once; a cache of the store, kept fresh by hints and polling. */
export interface Templates {
  /** The latest version; undefined when there is none or it was deleted. */
  get(id: string): Template | undefined;
  /** The latest versions, sorted by id. */
  list(): readonly Template[];
  /** Any version, of a deleted template too. Its tasks' computes are known once this has resolved. */
  ofVersion(id: string, version: number): Promise<Template | undefined>;
}

/**
 * The compute of a task that is run by its own text. A configured name has no colon, so they cannot meet. The text stays in the
 * template's version: a plan that names this compute runs that text and no other.
 */
export const inlineComputeName = (templateId: string, version: number, taskId: string): string =>
  `template:${templateId}@${version}/${taskId}`;

/** Before templates had versions; plans of that time go on under these names. */
export const unversionedComputeName = (templateId: string, taskId: string): string =>
  `template:${templateId}/${taskId}`;

/** What a task asks of the pass that its run is made of. */
export interface Requirement {
  /** Above 0, at most 1. */
  readonly completeness: number;
  /** Only these count, each for itself; null: the pass as a whole. */
  readonly apids: readonly number[] | null;
}

/** The internal computes: a product that names one says in its passthrough what to wait for, what to ask, or what to require. */
export const waitCompute = "orrery.wait";
export const conditionCompute = "orrery.condition";
export const requireCompute = "orrery.require";
