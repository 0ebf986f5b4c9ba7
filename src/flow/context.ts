/** What a flow's functions may use: made once for each flow of a node. */
import type { Metrics } from "../observe/metrics.ts";
import type { FlowCache } from "./cache.ts";
import type { FlowContext } from "./hooks.ts";

export interface ContextParts {
  readonly flow: string;
  readonly node: string;
  readonly cache: FlowCache;
  readonly metrics: Metrics;
}

export function createFlowContext({ flow, node, cache, metrics: { flows } }: ContextParts): FlowContext {
  return {
    flow,
    node,
    cache,
    count: (name, by = 1) => flows.hookCounts.labels(flow, name).inc(by),
    gauge: (name, value) => flows.hookValues.labels(flow, name).set(value),
    observe: (name, seconds) => flows.hookSeconds.labels(flow, name).observe(seconds),
  };
}
