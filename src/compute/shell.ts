/**
 * A compute that is a command. It gets JSON on stdin and a short list of environment variables, nothing else of ours.
 * It hands back the last line of its stdout that is a JSON object, or what it wrote to the file $ORRERY_PASSBACK.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newUuid } from "../model/ids.ts";
import { type Compute, defaults, dispatchOf, judged, type Outcome, type ShellConfig, type Task } from "./compute.ts";
import { messageOf, reasonOf } from "./function.ts";
import { runVariable } from "./marked-processes.ts";
import { storableText } from "./output.ts";
import { checkPassback, passbackOfFile, passbackOfLines, textOfFile } from "./passback.ts";
import { exitCodeOf, runProcess } from "./process.ts";
import { exitText } from "./process-group.ts";
import { createSweeper, type Sweeper } from "./sweep.ts";
import { taskJson, taskVariables } from "./task-json.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command inherits. All else that we were started with (DATABASE_URL, SECRET_KEY, …) stays with us. */
const inheritedNames = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

const linkBytesMax = 8192;

export function inheritedFrom(environment: Environment, furtherNames: readonly string[] = []): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of [...inheritedNames, ...furtherNames]) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

export function createShell(
  config: Omit<ShellConfig, "kind"> & { readonly cwd: string },
  environment: Environment,
  killAfterMs = 5_000,
): Compute {
  const dispatch = dispatchOf(config, defaults.shellConcurrency);
  const argv = typeof config.command === "string" ? ["/bin/sh", "-c", config.command] : [...config.command];
  const env = { ...inheritedFrom(environment), ...config.env };
  const sweeper = createSweeper();
  return {
    kind: "shell",
    ...dispatch,
    async run(task, { signal }) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      const outcome = await runShell({ argv, cwd: config.cwd, env, timeoutMs, killAfterMs, sweeper }, task, signal);
      return judged(outcome, dispatch.noRetry);
    },
  };
}

interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
  readonly sweeper: Sweeper;
}

async function runShell(command: Command, task: Task, signal: AbortSignal): Promise<Outcome> {
  if (signal.aborted) return { outcome: "cancelled", error: reasonOf(signal), output: "" };
  const run = newUuid();
  let folder: string | null = null;
  try {
    folder = await mkdtemp(join(tmpdir(), "orrery-task-"));
    const passbackPath = join(folder, "passback");
    const linkPath = join(folder, "link");
    const ended = await runProcess({
      ...command,
      env: {
        ...command.env,
        ...taskVariables(task),
        ORRERY_PASSBACK: passbackPath,
        ORRERY_LINK: linkPath,
        [runVariable]: run,
      },
      stdin: `${taskJson(task)}\n`,
      onOutput: task.onOutput,
      signal,
    });
    await command.sweeper.sweep(run, ended);
    const output = ended.output.text();
    if (ended.reason === "timed_out") {
      return { outcome: "timed_out", error: `timed out after ${command.timeoutMs / 1000} s`, code: "timeout", output };
    }
    if (ended.reason === "aborted") return { outcome: "cancelled", error: reasonOf(signal), output };
    if (ended.exitCode !== 0) return { outcome: "failed", error: exitText(ended), code: exitCodeOf(ended), output };
    try {
      const passback = (await passbackOfFile(passbackPath)) ?? checkPassback(passbackOfLines(ended.stdoutTail));
      const link = (await textOfFile(linkPath, linkBytesMax))?.trim();
      return { outcome: "succeeded", passback, link: link ? storableText(link) : null, output };
    } catch (error) {
      return { outcome: "failed", error: messageOf(error), code: "passback_invalid", output };
    }
  } catch (error) {
    return {
      outcome: "failed",
      error: `cannot run ${command.argv[0] ?? "an empty command"}: ${messageOf(error)}`,
      code: "not_started",
      output: "",
    };
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
