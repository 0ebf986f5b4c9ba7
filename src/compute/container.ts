/**
 * A compute that is a container: started by docker's or podman's command, with no network and no new privileges unless it is
 * configured otherwise. It gets the task on stdin as a command does, and hands back the last line of stdout that is a JSON object.
 * The container has a name of ours, and is removed by it: killing the command that started it would leave it alive.
 */
import { accessSync, constants, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { newUuid } from "../model/ids.ts";
import { type Compute, defaults, dispatchOf, judged, type Outcome, type Task } from "./compute.ts";
import type { ContainerConfig } from "./compute-config.ts";
import { messageOf, reasonOf } from "./function.ts";
import { checkPassback, passbackOfLines } from "./passback.ts";
import { exitCodeOf, runProcess } from "./process.ts";
import { exitText } from "./process-group.ts";
import { type Environment, inheritedFrom } from "./shell.ts";
import { taskJson, taskVariables } from "./task-json.ts";

/** What the command that speaks to the engine needs, beside what every command gets. The container gets none of it. */
export const engineNames = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "XDG_RUNTIME_DIR"];
const runtimes = ["docker", "podman"] as const;
/** The variable that lists where programs are. */
const searchPath = "PATH";
const processesMax = 1024;
const removeMs = 5_000;

export interface ContainerPlace {
  /** What relative paths of mounts start at. */
  readonly configDir: string;
}

export function createContainer(
  config: Omit<ContainerConfig, "kind"> & ContainerPlace,
  environment: Environment,
  killAfterMs = 5_000,
): Compute {
  const dispatch = dispatchOf(config, defaults.shellConcurrency);
  return {
    kind: "container",
    ...dispatch,
    async run(task, { signal }) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      return judged(
        await runContainer({ config, environment, timeoutMs, killAfterMs }, task, signal),
        dispatch.noRetry,
      );
    },
  };
}

interface Command {
  readonly config: Omit<ContainerConfig, "kind"> & ContainerPlace;
  readonly environment: Environment;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
}

async function runContainer(command: Command, task: Task, signal: AbortSignal): Promise<Outcome> {
  if (signal.aborted) return { outcome: "cancelled", error: reasonOf(signal), output: "" };
  const { config, environment, timeoutMs, killAfterMs } = command;
  const program = findRuntime(config.runtime, environment);
  if (program === null) {
    const error = `cannot run ${config.image}: ${missingText(config.runtime)}`;
    return { outcome: "failed", error, code: "runtime_missing", output: "" };
  }
  const env = inheritedFrom(environment, engineNames);
  const name = `orrery-${newUuid()}`;
  let folder: string | null = null;
  try {
    folder = await mkdtemp(join(tmpdir(), "orrery-task-"));
    const variables = { ...config.env, ...taskVariables(task) };
    const inFile = Object.entries(variables).filter(([, value]) => !/[\r\n]/.test(value));
    const envFile = join(folder, "env");
    // By a file: an argument can be read by everybody on the machine.
    await writeFile(envFile, inFile.map(([key, value]) => `${key}=${value}\n`).join(""), { mode: 0o600 });
    const ended = await runProcess({
      argv: [program, ...runArguments(config, name, envFile, variables)],
      cwd: folder,
      env,
      stdin: `${taskJson(task)}\n`,
      onOutput: task.onOutput,
      timeoutMs,
      killAfterMs,
      signal,
    });
    const output = ended.output.text();
    if (ended.reason !== "exited" || ended.exitCode === null) await removeContainer(program, env, name);
    if (ended.reason === "timed_out") {
      return { outcome: "timed_out", error: `timed out after ${timeoutMs / 1000} s`, code: "timeout", output };
    }
    if (ended.reason === "aborted") return { outcome: "cancelled", error: reasonOf(signal), output };
    if (ended.exitCode !== 0) return { outcome: "failed", error: exitText(ended), code: exitCodeOf(ended), output };
    try {
      return { outcome: "succeeded", passback: checkPassback(passbackOfLines(ended.stdoutTail)), link: null, output };
    } catch (error) {
      return { outcome: "failed", error: messageOf(error), code: "passback_invalid", output };
    }
  } catch (error) {
    return {
      outcome: "failed",
      error: `cannot run ${config.image}: ${messageOf(error)}`,
      code: "not_started",
      output: "",
    };
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A list, never a shell's line: nothing of it is interpreted. */
function runArguments(
  config: Command["config"],
  name: string,
  envFile: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  const args = ["run", "--rm", "--interactive", "--name", name, "--network", config.network ?? "none"];
  args.push("--security-opt", "no-new-privileges", "--pids-limit", String(processesMax), "--env-file", envFile);
  // An env file has one variable a line.
  for (const [key, value] of Object.entries(variables)) if (/[\r\n]/.test(value)) args.push("--env", `${key}=${value}`);
  for (const { source, target, read_only = true } of config.mounts ?? []) {
    const parts = ["type=bind", `source=${resolve(config.configDir, source)}`, `target=${target}`];
    args.push("--mount", [...parts, ...(read_only ? ["readonly"] : [])].join(","));
  }
  if (config.cpus !== undefined) args.push("--cpus", String(config.cpus));
  if (config.memory_mb !== undefined) args.push("--memory", `${config.memory_mb}m`);
  return [...args, "--", config.image, ...(config.command ?? [])];
}

/** Of a container that has ended and was removed by itself it says so, which is as well. */
async function removeContainer(program: string, env: Readonly<Record<string, string>>, name: string): Promise<void> {
  await runProcess({
    argv: [program, "rm", "--force", name],
    cwd: tmpdir(),
    env,
    stdin: "",
    onOutput: () => {},
    timeoutMs: removeMs,
    killAfterMs: 500,
    signal: new AbortController().signal,
  }).catch(() => undefined);
}

export const missingText = (wanted: ContainerConfig["runtime"]): string =>
  wanted === undefined ? "docker and podman are not on PATH" : `${wanted} is not on PATH`;

/** The path of docker or podman; null if neither is on PATH, or not the one that is wanted. */
export function findRuntime(wanted: ContainerConfig["runtime"], environment: Environment): string | null {
  for (const name of wanted === undefined ? runtimes : [wanted]) {
    const found = findProgram(name, environment);
    if (found !== null) return found;
  }
  return null;
}

/** As a shell would: a name is looked for on PATH, a path is taken from `cwd`. Null if it is not there or cannot be run. */
export function findProgram(name: string, environment: Environment, cwd = "/"): string | null {
  const folders = name.includes("/")
    ? [cwd]
    : (environment[searchPath] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of folders) {
    const path = resolve(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}
