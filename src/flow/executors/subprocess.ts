/** Runs tasks as processes of the operating system: one for each task, or warm ones that are kept between tasks. */
import * as v from "valibot";
import { messageOf } from "../../compute/function.ts";
import { killAfterAbortMs } from "../../compute/process.ts";
import type { Group } from "../../compute/process-group.ts";
import type { Environment } from "../../compute/shell.ts";
import { createSweeper } from "../../compute/sweep.ts";
import { variable } from "../../config-computes.ts";
import type { Executor, FlowTask, TaskResult } from "../executor.ts";
import { argument, argumentOf, hasPath } from "./argument.ts";
import { createCommands } from "./command.ts";
import { runOnce } from "./process-once.ts";
import { outputOf } from "./stdout.ts";
import { SubprocessError } from "./subprocess-error.ts";
import { createWarmPool, type WarmPool } from "./warm-pool.ts";

const outputBytesMaxDefault = 1024 * 1024;
const countable = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));

export const subprocessExecutor = v.pipe(
  v.strictObject({
    kind: v.literal("subprocess"),
    /** A program and its arguments, never a shell's line. `{path.in.input}` in an argument is the value there; `{{` is a brace. */
    command: v.pipe(
      v.array(argument),
      v.minLength(1),
      v.check(([program = ""]) => program !== "", "the program's name is needed"),
      v.check(([program = ""]) => !namesPath([program]), "the program itself is not taken from the input"),
    ),
    /** `json` if absent: the input in one line. Then, and with `none`, it ends. */
    stdin: v.optional(v.picklist(["json", "none"])),
    env: v.optional(v.record(variable, v.pipe(v.string(), v.excludes("\0")))),
    /** Variables that it inherits beside PATH, HOME, LANG, LC_ALL, TZ and TMPDIR. */
    env_from: v.optional(v.pipe(v.array(variable), v.maxLength(100))),
    /** Relative to the configuration. */
    cwd: v.optional(v.pipe(v.string(), v.nonEmpty())),
    /** What stdout holds, `json` if absent: see stdout.ts. */
    output: v.optional(v.picklist(["json", "text", "lines"])),
    output_bytes_max: v.optional(countable(64 * 1024 * 1024)),
    /** Processes that are kept: see warm-process.ts for what they read and say. */
    warm: v.optional(
      v.strictObject({
        processes: countable(256),
        /** Then it is replaced. */
        tasks_max: v.optional(countable(1_000_000_000)),
        /** Without a task for this long it is ended. */
        idle_s: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(86_400))),
      }),
    ),
  }),
  v.check(
    ({ warm, stdin }) => warm === undefined || stdin !== "none",
    "warm processes are given their tasks on stdin: it cannot be none",
  ),
  v.check(
    ({ warm, command }) => warm === undefined || !namesPath(command),
    "warm processes serve many inputs: their command cannot be made of one",
  ),
  v.check(
    ({ warm, output }) => warm === undefined || output === undefined || output === "json",
    "warm processes answer in JSON: their output cannot be another",
  ),
);

export type SubprocessExecutorConfig = v.InferOutput<typeof subprocessExecutor>;

/** Also where the text is refused for its braces: that has a message of its own. */
function namesPath(command: readonly string[]): boolean {
  return command.some((text) => v.is(argument, text) && hasPath(argumentOf(text)));
}

export interface SubprocessParts {
  /** Relative paths start here. */
  readonly configDir: string;
  /** What processes may inherit of. */
  readonly environment: Environment;
}

/**
 * A failed attempt rejects with a `SubprocessError`; a result's `exitCode` is null when a warm process gave it.
 * Throws `SetupError` when the flow's program, or the folder that it runs in, is not there.
 */
export function createSubprocessExecutor(
  flow: string,
  config: SubprocessExecutorConfig,
  { configDir, environment }: SubprocessParts,
): Executor {
  const commandOf = createCommands(flow, config, configDir, environment);
  const outputBytesMax = config.output_bytes_max ?? outputBytesMaxDefault;
  const sweeper = createSweeper();
  const running = new Set<Promise<TaskResult>>();
  const live = new Set<Group>();
  let isClosed = false;
  const pool: WarmPool | null = config.warm
    ? createWarmPool({
        processesMax: config.warm.processes,
        tasksMax: config.warm.tasks_max ?? null,
        idleMs: config.warm.idle_s === undefined ? null : config.warm.idle_s * 1000,
        outputBytesMax,
        sweeper,
      })
    : null;

  async function attempt(task: FlowTask, signal: AbortSignal): Promise<TaskResult> {
    signal.throwIfAborted();
    if (isClosed) throw new Error("the executor is closed");
    const command = commandOf(task);
    const input = JSON.stringify(task.input);
    if (input === undefined) throw new Error("its input is not a JSON value");
    if (pool !== null) {
      const line = `{"key":${JSON.stringify(task.key)},"input":${input}}\n`;
      return await pool.run(command, { key: task.key, line }, signal);
    }
    return await runOnce(
      {
        command,
        stdin: config.stdin === "none" ? "" : `${input}\n`,
        outputBytesMax,
        outputOf: (stdout) => outputOf(config.output ?? "json", stdout),
        sweeper,
        live,
      },
      signal,
    );
  }

  return {
    async run(task, signal) {
      const work = attempt(task, signal);
      running.add(work);
      try {
        return await work;
      } catch (error) {
        if (error instanceof SubprocessError || signal.aborted) throw error;
        const [program] = task.command ?? config.command;
        const reason = `cannot run ${program}: ${messageOf(error)}`;
        throw new SubprocessError(reason, { exitCode: null, pid: null, stderr: "" }, { cause: error });
      } finally {
        running.delete(work);
      }
    },
    get processes() {
      return pool?.processes ?? [];
    },
    async close() {
      isClosed = true;
      for (const group of live) group.stop(killAfterAbortMs);
      await Promise.all([pool?.close(), ...[...running].map((work) => work.catch(() => undefined))]);
    },
  };
}
