/** Runs one task to its end: attempts in a slot of the flow, a timeout for each, and what the flow's hooks say of its result or its failure. */
import type { RetryRule } from "../compute/compute.ts";
import { pause, within } from "../jobs/backoff.ts";
import { delayMs } from "../jobs/retry-policy.ts";
import type { Executor, FlowTask, TaskResult } from "./executor.ts";
import type { FlowContext, FlowHooks, OnError, Payloads } from "./hooks.ts";
import type { Slots } from "./slots.ts";
import type { TaskTimes } from "./task-times.ts";
import type { FlowWatch } from "./watch.ts";

export interface TaskPolicy {
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  readonly retry: RetryRule;
}

/** What was tried in vain. */
export interface TaskFailure {
  readonly error: Error;
  readonly attempts: number;
}

export type TaskEnd =
  | { readonly kind: "succeeded"; readonly result: TaskResult; readonly payloads: Payloads }
  | { readonly kind: "skipped" }
  | ({ readonly kind: "dead" } & TaskFailure)
  | { readonly kind: "replaced"; readonly tasks: Extract<OnError, object>["tasks"] };

export interface TaskParts {
  readonly hooks: FlowHooks;
  readonly executor: Executor;
  readonly slots: Slots;
  readonly policy: TaskPolicy;
  readonly times: Pick<TaskTimes, "note">;
  /** Names of the flow's sinks: payloads go to no other. */
  readonly sinks: readonly string[];
  readonly watch: FlowWatch;
  readonly context: FlowContext;
}

/** What the executor had to do with an attempt. */
interface Run {
  /** Null: it was not asked. */
  ranMs: number | null;
  /** What it heeded: aborted at the timeout. */
  signal: AbortSignal | null;
}

export interface TaskAsk {
  readonly task: FlowTask;
  /** Given: the executor is not asked. */
  readonly known: TaskResult | null;
  /** Added to the task's own: requests go before messages of a queue. */
  readonly priority: number;
}

/** Rejects only when `signal` aborts: then the task may have run or not, and is to be run again. */
export async function runTask(
  parts: TaskParts,
  { task, known, priority }: TaskAsk,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const { policy, watch } = parts;
  for (let attempt = 1; ; attempt++) {
    const beganMs = performance.now();
    const run: Run = { ranMs: null, signal: null };
    try {
      const result = known ?? (await runInSlot(parts, task, priority, signal, run));
      const payloads = await payloadsOf(parts, task, result);
      const durationMs = performance.now() - beganMs;
      const usualMs = timed(parts, task, attempt, run, true);
      watch.attempted(task, { attempt, durationMs, ranMs: run.ranMs, usualMs, result, error: null });
      return { kind: "succeeded", result, payloads };
    } catch (thrown) {
      signal.throwIfAborted();
      const durationMs = performance.now() - beganMs;
      const { error, decision } = await decide(parts, task, errorOf(thrown), attempt);
      const usualMs = timed(parts, task, attempt, run, false);
      watch.attempted(task, { attempt, durationMs, ranMs: run.ranMs, usualMs, result: null, error });
      if (decision === "skip") return { kind: "skipped" };
      if (typeof decision === "object") return { kind: "replaced", tasks: decision.tasks };
      if (decision === "dlq" || attempt >= policy.attemptsMax) return { kind: "dead", error, attempts: attempt };
      await pause(delayMs(attempt, Math.random(), policy.retry), signal);
    }
  }
}

/** Runs a hook until it does not throw, as often as a task is tried. Rejects only when `signal` aborts. */
export async function tried<Result>(
  { attemptsMax, retry }: Pick<TaskPolicy, "attemptsMax" | "retry">,
  signal: AbortSignal,
  hook: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly failed: null } | { readonly failed: TaskFailure }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { result: await hook(), failed: null };
    } catch (thrown) {
      signal.throwIfAborted();
      if (attempt >= attemptsMax) return { failed: { error: errorOf(thrown), attempts: attempt } };
      await pause(delayMs(attempt, Math.random(), retry), signal);
      signal.throwIfAborted();
    }
  }
}

async function runInSlot(
  { hooks, executor, slots, policy }: TaskParts,
  task: FlowTask,
  priority: number,
  signal: AbortSignal,
  run: Run,
): Promise<TaskResult> {
  const giveBack = await slots.take(priority + (hooks.taskPriority?.(task) ?? 0), signal);
  const beganMs = performance.now();
  try {
    return await within(policy.timeoutMs, signal, (own) => {
      run.signal = own;
      return executor.run(task, own);
    });
  } finally {
    run.ranMs = performance.now() - beganMs;
    giveBack();
  }
}

/** What is usual, of an attempt that was far out; null of all others. */
function timed(
  { times }: TaskParts,
  task: FlowTask,
  attempt: number,
  { ranMs, signal }: Run,
  isDone: boolean,
): number | null {
  if (ranMs === null) return null;
  return times.note(task, attempt, ranMs, isDone ? "succeeded" : signal?.aborted ? "timed out" : "failed");
}

async function payloadsOf({ hooks, sinks, context }: TaskParts, task: FlowTask, result: TaskResult): Promise<Payloads> {
  if (hooks.onTaskComplete === undefined) return Object.fromEntries(sinks.map((sink) => [sink, [result.output]]));
  return checkedPayloads(await hooks.onTaskComplete(task, result, context), sinks);
}

/** Throws when a hook handed out what no sink can take: the attempt failed then. */
export function checkedPayloads(payloads: Payloads | undefined, sinks: readonly string[]): Payloads {
  if (payloads === undefined || payloads === null) return {};
  for (const [sink, list] of Object.entries(payloads)) {
    if (!sinks.includes(sink))
      throw new Error(`There is no sink "${sink}": this flow has ${sinks.join(", ") || "none"}`);
    if (!Array.isArray(list)) throw new Error(`What goes to sink "${sink}" is no list of payloads`);
  }
  return payloads;
}

/** A hook that throws, or says what is no decision, takes the place of the error that it was asked about. */
async function decide(
  { hooks, context }: TaskParts,
  task: FlowTask,
  error: Error,
  attempt: number,
): Promise<{ readonly error: Error; readonly decision: OnError }> {
  try {
    const decision = (await hooks.onError?.(task, error, attempt, context)) ?? "retry";
    if (["retry", "skip", "dlq"].includes(decision as string)) return { error, decision };
    if (typeof decision === "object" && Array.isArray(decision.tasks) && decision.tasks.length > 0)
      return { error, decision };
    throw new Error("onError must return retry, skip, dlq or { tasks: […] }", { cause: error });
  } catch (thrown) {
    return { error: errorOf(thrown), decision: "retry" };
  }
}

const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
