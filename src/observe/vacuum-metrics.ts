/** Shows what holds vacuum back, asked of the database when somebody scrapes, at most every 15 s. */
import type { Metrics } from "./metrics.ts";

const everyMs = 15_000;

export interface VacuumFigures {
  readonly oldestS: number;
  readonly oldestXids: number;
  readonly deadJobs: number;
}

const unknown: VacuumFigures = { oldestS: Number.NaN, oldestXids: Number.NaN, deadJobs: Number.NaN };

export function sampleVacuum(
  metrics: Metrics,
  read: () => Promise<VacuumFigures>,
  { monotonicMs }: { monotonicMs(): number },
): void {
  const { oldestXminSeconds, oldestXminTransactions } = metrics.database;
  const show = ({ oldestS, oldestXids, deadJobs }: VacuumFigures): void => {
    oldestXminSeconds.set(oldestS);
    oldestXminTransactions.set(oldestXids);
    metrics.jobs.deadTuples.set(deadJobs);
  };
  let askedMs = Number.NEGATIVE_INFINITY;
  let asking = Promise.resolve();
  metrics.refreshed(async () => {
    if (monotonicMs() - askedMs >= everyMs) {
      askedMs = monotonicMs();
      asking = read().then(show, () => show(unknown)); // an alarm must not rest on what was true before
    }
    await asking;
  });
}
