/** Shows how many jobs wait in each queue, as last counted, when somebody scrapes. */
import type { Metrics } from "./metrics.ts";

export interface QueueFigures {
  readonly scheduled: number;
  readonly ready: number;
  readonly held: number;
  readonly running: number;
}

const states = ["scheduled", "ready", "held", "running"] as const;

export function sampleQueues(metrics: Metrics, read: () => Promise<ReadonlyMap<string, QueueFigures>>): void {
  const { waiting } = metrics.jobs;
  metrics.refreshed(() =>
    read().then(
      (queues) => {
        waiting.reset(); // a queue that is empty now is not shown with what it had
        for (const [queue, figures] of queues)
          for (const state of states) waiting.labels(queue, state).set(figures[state]);
      },
      () => waiting.reset(), // an alarm must not rest on what was true before
    ),
  );
}
