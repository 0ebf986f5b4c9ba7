/** Builds the computes and job types that orrery.yaml names. What cannot be used, such as a module without its export, refuses the start and says so. */
import { resolve } from "node:path";
import { readDotEnv } from "../dotenv.ts";
import { SetupError } from "../model/errors.ts";
import type { Callbacks } from "./callbacks.ts";
import { type Compute, type Computes, createComputes } from "./compute.ts";
import type { ComputeConfig, JobTypeConfig } from "./compute-config.ts";
import { createContainer } from "./container.ts";
import { externalCompute } from "./external.ts";
import { loadFunction } from "./function.ts";
import { createHttp } from "./http.ts";
import { createRay } from "./ray.ts";
import { cannotLoad, requestSettings, secretsOf } from "./request-settings.ts";
import { createShell, type Environment } from "./shell.ts";
import { createWorker } from "./worker.ts";

export interface LoadOptions {
  /** Secrets that a compute names are looked up here, and commands inherit a short list of it. By default the process's, and `.env`. */
  readonly environment?: Environment;
  readonly jobTypes?: Readonly<Record<string, JobTypeConfig>>;
  /** Absent: web services can only answer at once. */
  readonly callbacks?: Pick<Callbacks, "open">;
}

/** External unless `configs` says otherwise: they always exist. */
const givenNames = ["cams", "dbxaas"] as const;

/** Relative paths start at `configDir`. */
export async function loadComputes(
  configs: Readonly<Record<string, ComputeConfig>>,
  configDir: string,
  options: LoadOptions = {},
): Promise<Computes> {
  const environment = options.environment ?? ownEnvironment();
  const computes = new Map<string, Compute>(givenNames.map((name) => [name, externalCompute]));
  for (const [name, config] of Object.entries(configs)) {
    computes.set(name, await loadCompute(name, config, configDir, { ...options, environment }));
  }
  for (const [name, type] of Object.entries(options.jobTypes ?? {})) {
    const config = jobTypeConfig(name, type, configs);
    computes.set(name, await loadCompute(name, config, configDir, { ...options, environment }));
  }
  return createComputes(computes);
}

export const ownEnvironment = (): Environment => ({ ...readDotEnv(process.cwd()), ...process.env });

/** A job type is its compute with settings of its own: what it says wins. */
function jobTypeConfig(
  name: string,
  { compute, ...settings }: JobTypeConfig,
  configs: Readonly<Record<string, ComputeConfig>>,
): ComputeConfig {
  const base = configs[compute];
  if (base === undefined || base.kind === "external")
    throw new SetupError(`Cannot use job type "${name}" as its compute "${compute}" is not one that we dispatch`);
  const said = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...base, ...said };
}

/** Throws `SetupError` when it cannot be used here. */
export async function loadCompute(
  name: string,
  config: ComputeConfig,
  configDir: string,
  { environment = ownEnvironment(), callbacks = noCallbacks }: Omit<LoadOptions, "jobTypes">,
): Promise<Compute> {
  switch (config.kind) {
    case "external":
      return externalCompute;
    case "function":
      return await loadFunction(name, config, configDir);
    case "shell":
      return createShell({ ...config, cwd: resolve(configDir, config.cwd ?? ".") }, environment);
    case "http": {
      const settings = requestSettings(cannotLoad(name), config, configDir, environment);
      return createHttp(config, { ...settings, secrets: secretsOf(cannotLoad(name), config, environment), callbacks });
    }
    case "ray":
      return createRay(config, requestSettings(cannotLoad(name), config, configDir, environment));
    case "worker":
      return createWorker(config);
    case "container":
      return createContainer({ ...config, configDir }, environment);
    default:
      throw config satisfies never;
  }
}

const noCallbacks: Pick<Callbacks, "open"> = {
  open: () => Promise.reject(new Error("there is no store here to wait for a callback")),
};
