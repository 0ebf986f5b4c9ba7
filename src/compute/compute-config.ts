/** What orrery.yaml says of each kind of compute, as src/config-computes.ts has checked it. Seconds and snake_case, as it is written there. */
import type { AllowPrivate } from "./guarded-connect.ts";

/** What every dispatched kind has, and a job type may say anew. */
export interface DispatchConfig {
  readonly timeout_s?: number | undefined;
  readonly attempts?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly queue?: string | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly retry?: RetryConfig | undefined;
  /** Exit codes, HTTP statuses, error codes. */
  readonly no_retry?: readonly (string | number)[] | undefined;
}

export interface RetryConfig {
  readonly kind?: "exponential" | "linear" | "fixed" | undefined;
  readonly base_s?: number | undefined;
  readonly max_s?: number | undefined;
  readonly jitter?: boolean | undefined;
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

/** Requests that we send: how they are authorised, and where they may go. */
interface RequestConfig {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Headers whose value is an environment variable's. */
  readonly headers_env?: Readonly<Record<string, string>> | undefined;
  /** PEM file of a private authority, relative to orrery.yaml. */
  readonly ca_file?: string | undefined;
}

export interface HttpConfig extends DispatchConfig, RequestConfig {
  readonly kind: "http";
  readonly url: string;
  /** `whsec_…`; while one is replaced, several. */
  readonly secret?: string | readonly string[] | undefined;
  /** Environment variables that hold them. */
  readonly secret_env?: string | readonly string[] | undefined;
  readonly allow_private?: AllowPrivate | undefined;
}

export interface RayConfig extends DispatchConfig, RequestConfig {
  readonly kind: "ray";
  /** Of its dashboard, e.g. `http://ray-head:8265`. */
  readonly address: string;
  readonly entrypoint: string;
  readonly runtime_env?: Readonly<Record<string, unknown>> | undefined;
  readonly entrypoint_num_cpus?: number | undefined;
  readonly entrypoint_num_gpus?: number | undefined;
  readonly entrypoint_memory?: number | undefined;
  readonly entrypoint_resources?: Readonly<Record<string, number>> | undefined;
  readonly poll_s?: number | undefined;
}

export interface WorkerConfig extends DispatchConfig {
  readonly kind: "worker";
}

export interface ContainerConfig extends DispatchConfig {
  readonly kind: "container";
  readonly image: string;
  /** What the image says if absent. */
  readonly command?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly mounts?: readonly MountConfig[] | undefined;
  /** `none` if absent. */
  readonly network?: string | undefined;
  readonly cpus?: number | undefined;
  readonly memory_mb?: number | undefined;
  /** Whichever is found if absent. */
  readonly runtime?: "docker" | "podman" | undefined;
}

export interface MountConfig {
  /** A path of the host, relative to orrery.yaml. */
  readonly source: string;
  readonly target: string;
  /** True if absent. */
  readonly read_only?: boolean | undefined;
}

/** One entry under `computes` in orrery.yaml. */
export type ComputeConfig =
  | { readonly kind: "external" }
  | FunctionConfig
  | ShellConfig
  | HttpConfig
  | RayConfig
  | WorkerConfig
  | ContainerConfig;

/** One entry under `job_types`: a compute with settings of its own. */
export interface JobTypeConfig extends DispatchConfig {
  readonly compute: string;
}
