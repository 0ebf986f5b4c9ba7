/** Keeps the states of runs as the list shows them: looks again at each run that a turn of this node has changed. */

import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Sql } from "../store/sql.ts";
import { refreshRuns, refreshStaleRuns, type SeenRun, unmarkRunsCancelled } from "../store/template-runs.ts";
import type { Committed, Supervisor } from "../supervisor/supervisor.ts";

export interface RunStatesParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "onCommitted">;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A run has finished: another one may begin. */
  onFinished(): void;
}

/** Turns are gathered for so long: a plan of a hundred products costs one look, not a hundred. */
const gatherMs = 100;
/** Datasets that wait for a look; what comes above it is found by the poll. */
const waitingMax = 10_000;
const batchMax = 500;
/** Datasets that are no runs, and never become one: a run is noted before its first turn. Most plans are nobody's run. */
const othersMax = 50_000;

export class RunStates {
  readonly #parts: RunStatesParts;
  readonly #changed = new Set<DatasetId>();
  readonly #begun = new Map<DatasetId, Instant>();
  readonly #others = new Set<DatasetId>();
  readonly #forget: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: RunStatesParts) {
    this.#parts = parts;
    this.#forget = parts.supervisor.onCommitted((turn) => this.#hear(turn));
  }

  /** Finds what a node's sudden end has left. */
  async poll(): Promise<void> {
    this.#note(await refreshStaleRuns(this.#parts.sql, batchMax));
  }

  /** Looks at these now, as somebody asks for them. */
  async look(runIds: readonly DatasetId[]): Promise<void> {
    this.#note(await refreshRuns(this.#parts.sql, runIds));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#forget();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
    await this.#lookAtAll().catch(() => undefined);
  }

  #hear({ datasetId, cause, at, products }: Committed): void {
    if (this.#others.has(datasetId) || this.#changed.size >= waitingMax || this.#isStopped) return;
    this.#changed.add(datasetId);
    if (cause !== "run.cancel" && products.some(({ state }) => state === "queued")) this.#begun.set(datasetId, at);
    if (this.#timer === null) this.#arm();
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#lookAtAll()
        .catch((error: unknown) =>
          this.#parts.log.warn({ err: error }, "states of runs could not be stored: the poll finds them"),
        )
        .then(() => {
          this.#timer = null;
          if (this.#changed.size > 0 && !this.#isStopped) this.#arm();
        });
    }, gatherMs);
  }

  async #lookAtAll(): Promise<void> {
    const { sql } = this.#parts;
    while (this.#changed.size > 0) {
      const ids = [...this.#changed].slice(0, batchMax);
      const begun = ids.flatMap((runId) => {
        const at = this.#begun.get(runId);
        return at === undefined ? [] : [{ runId, at }];
      });
      for (const id of ids) {
        this.#changed.delete(id);
        this.#begun.delete(id);
      }
      if (begun.length > 0) await unmarkRunsCancelled(sql, begun);
      const seen = await refreshRuns(sql, ids);
      this.#note(seen);
      const runs = new Set(seen.map(({ runId }) => runId));
      if (this.#others.size > othersMax) this.#others.clear();
      for (const id of ids) if (!runs.has(id)) this.#others.add(id);
    }
  }

  #note(seen: readonly SeenRun[]): void {
    const finished = seen.filter(({ hasFinished }) => hasFinished);
    for (const { state } of finished) this.#parts.metrics.templates.finished.labels(state).inc();
    if (finished.length > 0) this.#parts.onFinished();
  }
}
