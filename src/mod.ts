/** The library: `open(loadConfig(…))` runs a node inside another Bun or Deno program, with or without a port. */
export type { ComputeFunction, FunctionTask } from "./compute/function.ts";
export type { Config, ConfigSources, Flags } from "./config.ts";
export { loadConfig } from "./config.ts";
export { defineFlow, type FlowHooks, type FlowModule } from "./flow/hooks.ts";
export { OrreryError, SetupError } from "./model/errors.ts";
export type { OpenOptions, Runtime } from "./runtime.ts";
export { open } from "./runtime.ts";
