/** Builds the computes that orrery.yaml names. A module that is missing or lacks its export refuses the start, and says so. */
import { resolve } from "node:path";
import { type Compute, type ComputeConfig, type Computes, createComputes } from "./compute.ts";
import { externalCompute } from "./external.ts";
import { loadFunction } from "./function.ts";
import { createShell, type Environment } from "./shell.ts";

/** `cams` and `dbxaas` always exist, external unless `configs` says otherwise. Relative paths start at `configDir`. */
export async function loadComputes(
  configs: Readonly<Record<string, ComputeConfig>>,
  configDir: string,
  environment: Environment = process.env,
): Promise<Computes> {
  const computes = new Map<string, Compute>([
    ["cams", externalCompute],
    ["dbxaas", externalCompute],
  ]);
  for (const [name, config] of Object.entries(configs)) {
    computes.set(name, await loadCompute(name, config, configDir, environment));
  }
  return createComputes(computes);
}

async function loadCompute(
  name: string,
  config: ComputeConfig,
  configDir: string,
  environment: Environment,
): Promise<Compute> {
  switch (config.kind) {
    case "external":
      return externalCompute;
    case "function":
      return await loadFunction(name, config, configDir);
    case "shell":
      return createShell({ ...config, cwd: resolve(configDir, config.cwd ?? ".") }, environment);
    default:
      throw config satisfies never;
  }
}
