/** Runs tasks as a function of the flow's module, in this process. */
import { performance } from "node:perf_hooks";
import { abortable } from "../../compute/abortable.ts";
import type { Executor, FlowTask } from "../executor.ts";
import type { FlowContext } from "../hooks.ts";

/** What `execute` of a flow's module is. Its signal aborts at the timeout and when the flow stops: heed it, a function cannot be killed. */
export type Execute = (task: FlowTask, signal: AbortSignal, context: FlowContext) => unknown;

export function createFunctionExecutor(execute: Execute, context: FlowContext): Executor {
  return {
    async run(task, signal) {
      const beganMs = performance.now();
      const result = execute(task, signal, context);
      // A function that does not heed its signal is no longer waited for; what it returns later is dropped.
      const output = (result instanceof Promise ? await abortable(result, signal) : result) ?? null;
      return { output, exitCode: null, pid: null, durationMs: performance.now() - beganMs };
    },
    async close() {},
  };
}
