/** What the supervisor tells: defects to the log, and counts: turns and commits as they happen, residents and mailboxes when somebody asks. */
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

interface Observer {
  turn(cause: string, outcome: "committed" | "refused"): void;
  batch(batch: { readonly turns: number; readonly ms: number; readonly outcome: "committed" | "failed" }): void;
  defect(error: unknown): void;
}

export function supervisorObserver({ turns, commits }: Metrics, log: Log): Observer {
  /** Causes are a handful of words of ours, so this stays small. */
  const counters = new Map<string, { inc(): void }>();
  const ended = { committed: commits.total.labels("committed"), failed: commits.total.labels("failed") };
  return {
    turn(cause, outcome) {
      const key = `${cause} ${outcome}`;
      let counter = counters.get(key);
      if (counter === undefined) {
        counter = turns.total.labels(cause, outcome);
        counters.set(key, counter);
      }
      counter.inc();
    },
    batch(batch) {
      ended[batch.outcome].inc();
      commits.turns.observe(batch.turns);
      commits.seconds.observe(batch.ms / 1000);
    },
    defect: (error) => log.error({ err: error }, "the supervisor met a defect of ours"),
  };
}

/** What a scrape reads. */
export function sampleResidents(
  metrics: Metrics,
  residents: () => { readonly datasets: number; readonly products: number; readonly mailboxDepth: number },
): void {
  metrics.sampled(metrics.residents.datasets, () => residents().datasets);
  metrics.sampled(metrics.residents.products, () => residents().products);
  metrics.sampled(metrics.mailboxes.depth, () => residents().mailboxDepth);
}
