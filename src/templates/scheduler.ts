/**
 * What starts runs by itself, on every node: ticks of schedules and backfills. Each template's and each backfill's row is held while it
 * is judged, so that among N nodes a tick fires once; a run and the job that makes its plan are one commit.
 */

import { poll, type Repeating } from "../jobs/repeat.ts";
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

const pollMsDefault = 1_000;
const atOnceMax = 100;
const pruneEveryMs = 3_600_000;
const ticksKeptMs = 90 * 86_400_000;
/** The next tick may be closer than the poll; nodes need not march faster than this. */
const restMsMin = 20;

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #states: RunStates;
  #polling: Repeating | null = null;
  #prunedAtMs = 0;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    const { database, supervisor, log, metrics } = parts;
    this.#states = new RunStates({ sql: database.sql, supervisor, log, metrics, onFinished: () => this.wake() });
  }

  start(): void {
    const { pollMs = pollMsDefault, log } = this.#parts;
    this.#polling = poll("schedules", pollMs, log, () => this.#poll(pollMs));
  }

  async stop(): Promise<void> {
    await this.#polling?.stop();
    await this.#states.stop();
  }

  /** Something may be due: look now. */
  wake(): void {
    this.#polling?.now();
  }

  /** Brings the states of some runs up to this moment. */
  lookAtRuns(runIds: readonly DatasetId[]): Promise<void> {
    return this.#states.look(runIds);
  }

  /** Milliseconds until the next tick may be due. */
  async #poll(pollMs: number): Promise<number> {
    try {
      const started = await this.look();
      if (started > 0) this.#parts.wakeJobs();
      const inMs = (await nextTickInMs(this.#parts.database.sql)) ?? pollMs;
      return Math.min(pollMs, Math.max(restMsMin, Math.ceil(inMs)));
    } catch (error) {
      this.#parts.log.warn({ err: error }, "schedules could not be looked at: the next poll tries again");
      return pollMs;
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
