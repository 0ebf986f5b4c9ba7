/**
 * What starts runs by itself, on every node: ticks of schedules and backfills. Each template's and each backfill's row is held while it
 * is judged, so that among N nodes a tick fires once; a run and the job that makes its plan are one commit.
 */
import { type DatasetId, derivedUuid } from "../model/ids.ts";
import { goingBackfills, stepBackfill } from "../store/backfills.ts";
import { dueSchedules, nextTickInMs, pruneTicks } from "../store/schedules.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { type JudgeParts, judgeTicks } from "./judge-ticks.ts";
import { RunStates } from "./run-states.ts";

export interface SchedulerParts extends JudgeParts {
  readonly supervisor: Pick<Supervisor, "onCommitted">;
  /** There is a job for whoever runs jobs. */
  wakeJobs(): void;
  readonly pollMs?: number;
}

const atOnceMax = 100;
const pruneEveryMs = 3_600_000;
const ticksKeptMs = 90 * 86_400_000;
/** The next tick may be closer than the poll; nodes need not march faster than this. */
const restMsMin = 20;

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #states: RunStates;
  #isStopped = false;
  #lookAgain = false;
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #prunedAtMs = 0;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    const { database, supervisor, log, metrics } = parts;
    this.#states = new RunStates({ sql: database.sql, supervisor, log, metrics, onFinished: () => this.wake() });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#running;
    await this.#states.stop();
  }

  /** Something may be due: look now. */
  wake(): void {
    this.#lookAgain = true;
    this.#wake();
  }

  /** Brings the states of some runs up to this moment. */
  lookAtRuns(runIds: readonly DatasetId[]): Promise<void> {
    return this.#states.look(runIds);
  }

  async #run(): Promise<void> {
    const { pollMs = 1_000, log } = this.#parts;
    while (!this.#isStopped) {
      this.#lookAgain = false;
      let restMs = pollMs;
      try {
        const started = await this.look();
        if (started > 0) this.#parts.wakeJobs();
        const inMs = (await nextTickInMs(this.#parts.database.sql)) ?? pollMs;
        restMs = Math.min(pollMs, Math.max(restMsMin, Math.ceil(inMs)));
      } catch (error) {
        log.warn({ err: error }, "schedules could not be looked at: the next poll tries again");
      }
      if (this.#lookAgain || this.#isStopped) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, restMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** One look at everything; returns how many runs it started. */
  async look(): Promise<number> {
    const { database, clock, metrics } = this.#parts;
    const { sql } = database;
    let started = 0;
    await this.#states.poll();
    for (const { templateId, latestVersion } of await dueSchedules(sql, atOnceMax))
      started += await judgeTicks(this.#parts, templateId, latestVersion);
    for (const backfillId of await goingBackfills(sql, atOnceMax)) {
      const step = await stepBackfill(
        sql,
        backfillId,
        (seq) => derivedUuid("backfill", backfillId, String(seq)),
        clock.now(),
      );
      if (step === null) continue;
      started += step.started;
      metrics.templates.triggered.labels("backfill").inc(step.started);
    }
    if (clock.monotonicMs() - this.#prunedAtMs > pruneEveryMs) {
      this.#prunedAtMs = clock.monotonicMs();
      await pruneTicks(sql, ticksKeptMs);
    }
    return started;
  }
}
