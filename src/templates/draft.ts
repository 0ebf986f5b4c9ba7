/** What every dialect is read into: a template's parts as written, each with the keys of its place, so that faults are shown there. */
import type { RetryRule } from "../compute/compute.ts";
import type { ContainerWork, HttpWork, Requirement } from "./templates.ts";
import type { Keys } from "./yaml-source.ts";

export interface Draft {
  /** Undefined: named after its file. */
  readonly id: string | undefined;
  readonly idAt: Keys;
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly params: readonly DraftParam[];
  readonly schedule: DraftSchedule | null;
  readonly deadlineS: number | null;
  readonly tasks: readonly DraftTask[];
}

export interface DraftParam {
  readonly name: string;
  readonly at: Keys;
  /** As written; undefined: any JSON. */
  readonly type: string | undefined;
  readonly values: readonly string[];
  readonly description: string | undefined;
  readonly default: unknown;
  readonly required: boolean;
}

export interface DraftSchedule {
  readonly at: Keys;
  readonly cron: string | null;
  readonly everyS: number | null;
  readonly timezone: string | undefined;
  readonly timezoneAt: Keys;
  readonly missed: string | undefined;
  readonly windowS: number | undefined;
  readonly overlap: string | undefined;
  readonly runsMax: number | undefined;
  readonly params: Readonly<Record<string, unknown>>;
  readonly paramsAt: Keys;
}

export type DraftWork =
  | { readonly kind: "compute"; readonly name: string }
  | { readonly kind: "command"; readonly command: string | readonly string[] }
  | { readonly kind: "script"; readonly text: string; readonly interpreter: readonly string[] }
  | ContainerWork
  | HttpWork
  | {
      readonly kind: "wait";
      readonly seconds: number | null;
      readonly until: string | null;
      readonly timezone: string | null;
    }
  | { readonly kind: "condition"; readonly text: string }
  | ({ readonly kind: "require" } & Requirement);

export interface DraftTask {
  readonly at: Keys;
  readonly id: string;
  readonly idAt: Keys;
  readonly name: string | undefined;
  readonly version: string;
  readonly work: DraftWork;
  /** Where the work is written: the key `command`, say. */
  readonly workAt: Keys;
  readonly dependsOn: readonly string[];
  readonly dependsOnAt: Keys;
  readonly eager: boolean;
  readonly passthrough: Readonly<Record<string, unknown>> | null;
  readonly env: Readonly<Record<string, string>>;
  readonly envAt: Keys;
  readonly timeoutS: number | null;
  readonly attempts: number | null;
  readonly retry: RetryRule | null;
  readonly queue: string | null;
  readonly requires: readonly string[];
  readonly priority: number;
  /** An expression: false skips the task and all that comes after it. */
  readonly when: string | null;
  readonly whenAt: Keys;
  /** How complete the pass must be before the task begins. */
  readonly require: Requirement | null;
  readonly requireAt: Keys;
  readonly check: unknown;
  readonly deadlineS: number | null;
}
