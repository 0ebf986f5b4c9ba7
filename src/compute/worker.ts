/** A compute that remote workers run: they lease its jobs over HTTP, as far as their labels allow. No node runs it. */
import { type Compute, defaults, dispatchOf } from "./compute.ts";
import type { WorkerConfig } from "./compute-config.ts";

export function createWorker(config: Omit<WorkerConfig, "kind">): Compute {
  return {
    kind: "worker",
    ...dispatchOf(config, defaults.remoteConcurrency),
    run: async () => ({ outcome: "failed", error: "a worker's compute is not run by a node", output: "" }),
  };
}
