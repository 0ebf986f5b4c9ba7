/**
 * A compute that is a command. It gets JSON on stdin and a short list of environment variables, nothing else of ours.
 * It hands back the last line of its stdout that is a JSON object, or what it wrote to the file $ORRERY_PASSBACK.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newUuid } from "../model/ids.ts";
import { type Compute, defaults, dispatchOf, type Outcome, type ShellConfig, type Task } from "./compute.ts";
import { messageOf, reasonOf } from "./function.ts";
import { storableText } from "./output.ts";
import { checkPassback, passbackOfFile, passbackOfLines, textOfFile } from "./passback.ts";
import { type Ended, runProcess } from "./process.ts";
import { killMarked } from "./sweep.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command inherits. All else that we were started with (DATABASE_URL, SECRET_KEY, …) stays with us. */
const inheritedNames = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

const linkBytesMax = 8192;

export function createShell(
  config: Omit<ShellConfig, "kind"> & { readonly cwd: string },
  environment: Environment,
  killAfterMs = 5_000,
): Compute {
  const timeoutMs = config.timeout_s === undefined ? defaults.timeoutMs : config.timeout_s * 1000;
  const argv = typeof config.command === "string" ? ["/bin/sh", "-c", config.command] : [...config.command];
  const env: Record<string, string> = {};
  for (const name of inheritedNames) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  Object.assign(env, config.env);
  return {
    kind: "shell",
    ...dispatchOf(config, defaults.shellConcurrency),
    run(task, signal) {
      const ownMs = Math.min(task.timeoutMs ?? timeoutMs, timeoutMs);
      return runShell({ argv, cwd: config.cwd, env, timeoutMs: ownMs, killAfterMs }, task, signal);
    },
  };
}

interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
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
        ...environmentOf(task),
        ORRERY_PASSBACK: passbackPath,
        ORRERY_LINK: linkPath,
        ORRERY_RUN: run,
      },
      stdin: stdinOf(task),
      onOutput: task.onOutput,
      signal,
    });
    await killMarked(`ORRERY_RUN=${run}`);
    const output = ended.output.text();
    if (ended.reason === "timed_out") {
      return { outcome: "timed_out", error: `timed out after ${command.timeoutMs / 1000} s`, output };
    }
    if (ended.reason === "aborted") return { outcome: "cancelled", error: reasonOf(signal), output };
    if (ended.exitCode !== 0) {
      const code = ended.exitCode === null ? ended.exitSignal : String(ended.exitCode);
      return { outcome: "failed", error: exitText(ended), code, output };
    }
    try {
      const passback = (await passbackOfFile(passbackPath)) ?? checkPassback(passbackOfLines(ended.stdoutTail));
      const link = (await textOfFile(linkPath, linkBytesMax))?.trim();
      return { outcome: "succeeded", passback, link: link ? storableText(link) : null, output };
    } catch (error) {
      return { outcome: "failed", error: messageOf(error), output };
    }
  } catch (error) {
    return {
      outcome: "failed",
      error: `cannot run ${command.argv[0] ?? "an empty command"}: ${messageOf(error)}`,
      output: "",
    };
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function environmentOf(task: Task): Record<string, string> {
  return {
    ORRERY_JOB_ID: task.jobId,
    ORRERY_ATTEMPT: String(task.attempt),
    ORRERY_QUEUE: task.queue,
    ORRERY_JOB_TYPE: task.jobType,
    ...(task.dataset === null ? {} : { ORRERY_DATASET_ID: task.dataset.id }),
    ...(task.product === null ? {} : { ORRERY_PRODUCT_ID: task.product.id }),
    ...(task.url === null ? {} : { ORRERY_URL: task.url }),
  };
}

/**
 * Of a product `{dataset: {id, extra}, product: {id, name, version}, passthrough, parents: [{id, name, version, passback}]}`, of
 * a free-standing job `{job: {id, queue, type}, payload}`; clients' JSON as it was sent.
 */
function stdinOf(task: Task): string {
  if (task.dataset === null) {
    const job = JSON.stringify({ id: task.jobId, queue: task.queue, type: task.jobType });
    return `{"job":${job},"payload":${task.payload}}\n`;
  }
  const parents = task.parents.map(
    (parent) =>
      `{"id":"${parent.id}","name":${JSON.stringify(parent.name)},"version":${JSON.stringify(parent.version)},"passback":${parent.passback}}`,
  );
  return (
    `{"dataset":{"id":"${task.dataset.id}","extra":${task.dataset.extra}},"product":${JSON.stringify(task.product)},` +
    `"passthrough":${task.payload},"parents":[${parents.join(",")}]}\n`
  );
}

function exitText(ended: Ended): string {
  return ended.exitCode === null
    ? `ended by ${ended.exitSignal ?? "an unknown signal"}`
    : `exit code ${ended.exitCode}`;
}
