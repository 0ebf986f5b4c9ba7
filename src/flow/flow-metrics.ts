/** Counts, in Prometheus' terms, what happens to a flow's messages. */
import type { Metrics } from "../observe/metrics.ts";
import type { Flow } from "./flow.ts";
import type { FlowWatch } from "./watch.ts";

export function flowMetricsWatch({ flows }: Metrics, flow: string): FlowWatch {
  const done = flows.messages.labels(flow);
  const dead = flows.dead.labels(flow);
  const succeeded = flows.attempts.labels(flow, "succeeded");
  const failed = flows.attempts.labels(flow, "failed");
  const outliers = flows.outliers.labels(flow);
  const seconds = flows.attemptSeconds.labels(flow);
  return {
    begun() {},
    attempted(_, { durationMs, usualMs, error }) {
      (error === null ? succeeded : failed).inc();
      seconds.observe(durationMs / 1000);
      if (usualMs !== null) outliers.inc();
    },
    taskEnded() {},
    abandoned() {},
    delivered(_, { sink }, end, durationMs) {
      flows.deliveries.labels(flow, sink, end).inc();
      flows.deliverySeconds.labels(flow, sink).observe(durationMs / 1000);
    },
    buried() {
      dead.inc();
    },
    failed() {},
    done() {
      done.inc();
    },
  };
}

/** What is held and waited for is read when somebody scrapes. */
export function sampleFlows(metrics: Metrics, all: () => readonly Flow[]): void {
  const { open, held, waiting, breakersOpen } = metrics.flows;
  metrics.refreshed(async () => {
    for (const { definition, state } of all()) {
      const { id } = definition.file;
      const sum = (of: (partition: (typeof state.partitions)[number]) => number) =>
        state.partitions.reduce((total, partition) => total + of(partition), 0);
      open.labels(id).set(state.opening.state === "open" ? 1 : 0);
      held.labels(id).set(sum((partition) => partition.held));
      waiting.labels(id).set(sum((partition) => partition.waiting ?? 0));
      for (const { name, breaker } of state.sinks) breakersOpen.labels(id, name).set(breaker.state === "open" ? 1 : 0);
    }
  });
}
