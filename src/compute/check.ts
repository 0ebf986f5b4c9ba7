/**
 * Looks whether each compute could run: its module loads, its program is there, its host takes a connection, its cluster answers.
 * No job is run, and nothing is sent beyond what it takes to be answered.
 */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { ComputeConfig, ContainerConfig, HttpConfig, RayConfig, ShellConfig } from "./compute-config.ts";
import { engineNames, findProgram, findRuntime, missingText } from "./container.ts";
import { messageOf } from "./function.ts";
import { connectGuarded, type Resolve } from "./guarded-connect.ts";
import { loadCompute, ownEnvironment } from "./load.ts";
import { runProcess } from "./process.ts";
import { createRayJobs } from "./ray-jobs.ts";
import { cannotLoad, requestSettings } from "./request-settings.ts";
import { type Environment, inheritedFrom } from "./shell.ts";

export interface ComputeFinding {
  readonly result: "ok" | "warning" | "failed";
  readonly detail: string;
}

export interface CheckOptions {
  readonly environment?: Environment;
  readonly timeoutMs?: number;
  readonly resolve?: Resolve;
}

const answerMs = 5_000;

/** Never rejects, and ends within some seconds. */
export async function checkCompute(
  name: string,
  config: ComputeConfig,
  configDir: string,
  { environment = ownEnvironment(), timeoutMs = answerMs, resolve }: CheckOptions = {},
): Promise<ComputeFinding> {
  try {
    await loadCompute(name, config, configDir, { environment });
    switch (config.kind) {
      case "external":
        return ok("external: its outcome is reported by the API");
      case "function":
        return ok(`function ${config.export ?? "default"} of ${config.module}`);
      case "shell":
        return checkShell(config, configDir, environment);
      case "http":
        return await checkHttp(name, config, configDir, { environment, timeoutMs, ...(resolve && { resolve }) });
      case "ray":
        return await checkRay(name, config, configDir, environment, timeoutMs);
      case "worker":
        return ok(`worker: pulled by workers${labelsOf(config.requires)}; \`GET /api/worker\` lists those that live`);
      case "container":
        return await checkContainer(config, environment, timeoutMs);
      default:
        throw config satisfies never;
    }
  } catch (error) {
    return { result: "failed", detail: messageOf(error) };
  }
}

const ok = (detail: string): ComputeFinding => ({ result: "ok", detail });
const failed = (detail: string): ComputeFinding => ({ result: "failed", detail });

const labelsOf = (requires: readonly string[] = []): string =>
  requires.length === 0 ? "" : ` that have ${requires.join(", ")}`;

function checkShell(config: ShellConfig, configDir: string, environment: Environment): ComputeFinding {
  const cwd = resolve(configDir, config.cwd ?? ".");
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return failed(`its folder ${cwd} is not there`);
  const program = typeof config.command === "string" ? "/bin/sh" : (config.command[0] ?? "");
  const path = findProgram(program, { ...inheritedFrom(environment), ...config.env }, cwd);
  return path === null
    ? failed(`its program ${program} is not found, or cannot be executed`)
    : ok(`shell: ${path} in ${cwd}`);
}

/** A connection, with TLS where it is asked for, and nothing more: a request would be a job. */
async function checkHttp(
  name: string,
  config: HttpConfig,
  configDir: string,
  {
    environment,
    timeoutMs,
    resolve,
  }: Required<Pick<CheckOptions, "environment" | "timeoutMs">> & Pick<CheckOptions, "resolve">,
): Promise<ComputeFinding> {
  const url = new URL(config.url);
  const { ca } = requestSettings(cannotLoad(name), config, configDir, environment);
  const socket = await connectGuarded({
    url,
    allowPrivate: config.allow_private ?? false,
    ca,
    timeoutMs,
    signal: new AbortController().signal,
    ...(resolve && { resolve }),
  });
  const reached = socket.remoteAddress;
  socket.destroy();
  return ok(`http: ${url.origin} takes connections at ${reached}`);
}

async function checkRay(
  name: string,
  config: RayConfig,
  configDir: string,
  environment: Environment,
  timeoutMs: number,
): Promise<ComputeFinding> {
  const ray = createRayJobs(config.address, requestSettings(cannotLoad(name), config, configDir, environment));
  return ok(`ray: Ray ${await ray.version(AbortSignal.timeout(timeoutMs))} at ${new URL(config.address).origin}`);
}

async function checkContainer(
  config: ContainerConfig,
  environment: Environment,
  timeoutMs: number,
): Promise<ComputeFinding> {
  const program = findRuntime(config.runtime, environment);
  if (program === null) return failed(missingText(config.runtime));
  const ended = await runProcess({
    argv: [program, "version"],
    cwd: "/",
    env: inheritedFrom(environment, engineNames),
    stdin: "",
    onOutput: () => {},
    timeoutMs,
    killAfterMs: 500,
    signal: new AbortController().signal,
  });
  if (ended.exitCode === 0) return ok(`container: ${program} runs ${config.image}`);
  const why = ended.output.text().trim().split("\n").at(-1) ?? "";
  return failed(`${program} has no engine to speak to: ${why || "no answer in time"}`);
}
