/** Runs tasks as a function of the flow's module, in this process. */
import { performance } from "node:perf_hooks";
import type { Executor, FlowTask } from "../executor.ts";

/** What `execute` of a flow's module is. Its signal aborts at the timeout and when the flow stops: heed it, a function cannot be killed. */
export type Execute = (task: FlowTask, signal: AbortSignal) => unknown;

export function createFunctionExecutor(execute: Execute): Executor {
  return {
    async run(task, signal) {
      const beganMs = performance.now();
      const output = (await untilAborted(execute(task, signal), signal)) ?? null;
      return { output, exitCode: null, pid: null, durationMs: performance.now() - beganMs };
    },
    async close() {},
  };
}

/** A function that does not heed its signal is no longer waited for; what it returns later is dropped. */
function untilAborted(result: unknown, signal: AbortSignal): unknown {
  if (!(result instanceof Promise)) return result;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const over = () => signal.removeEventListener("abort", onAbort);
    result.then(resolve, reject).finally(over);
    if (signal.aborted) onAbort();
  });
}
