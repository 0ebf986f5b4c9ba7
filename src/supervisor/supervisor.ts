/**
 * Keeps datasets in memory while they are used: commands go in, committed plans come out. Bounded by count as well as
 * by idleness; a million datasets that nobody asks for cost rows, not memory.
 */
import type { Clock, Instant } from "../model/clock.ts";
import type { Command } from "../model/command.ts";
import { OrreryError, OverloadedError, StoreUnavailableError } from "../model/errors.ts";
import type { DatasetId, JobId, ProductId, TurnId } from "../model/ids.ts";
import { newTimeUuid, newUuid } from "../model/ids.ts";
import type { DatasetRow, DependencyRow, PlanRows, ProductRow } from "../model/plan.ts";
import { CommitUnknownError } from "../model/plan-errors.ts";
import type { PlanStore } from "../store/plan-store.ts";
import { Batcher } from "./batcher.ts";
import { Committer } from "./committer.ts";
import { type Answer, Entry, type Origin } from "./entry.ts";
import { ResidentInspection, type SupervisorInspection } from "./inspection.ts";
import type { KeepPlaces, Leased } from "./places.ts";
import type { PlanView } from "./projection.ts";
import { Resident, type ResidentEnv } from "./resident.ts";
import type { ComputeNames } from "./rules.ts";
import type { Turn } from "./turn.ts";

export type { Answer, Origin } from "./entry.ts";
export type { KeepPlaces } from "./places.ts";
export type { PlanView } from "./projection.ts";
export type { ComputeNames } from "./rules.ts";

/** One committed turn, as the output gate tells it. */
export interface Committed {
  readonly datasetId: DatasetId;
  readonly revision: number;
  readonly turnId: TurnId;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  readonly dataset: DatasetRow | null;
  readonly products: readonly ProductRow[];
  readonly dependencies: readonly DependencyRow[];
  /** They wait to be claimed; a job that its commit has leased does not. */
  readonly jobsQueued: readonly { jobId: JobId; productId: ProductId; queue: string; jobType: string }[];
  readonly jobsCancelled: readonly JobId[];
}

export interface Residency {
  readonly datasets: number;
  readonly products: number;
  readonly mailboxDepth: number;
}

export interface Supervisor {
  /** Resolves after the commit, with the plan as GET returns it next; rejects with an `OrreryError`. */
  submit(command: Command, origin: Origin): Promise<Answer>;
  /** The committed plan, not older than this call, whichever node changed it; null if there is none. */
  read(datasetId: DatasetId): Promise<PlanView | null>;
  /** From now on, jobs are leased in the commit that stores them to where `keep` has a place for them. */
  leaseNewJobs(keep: KeepPlaces): void;
  /** Calls `hear` for each turn that this node committed, after its commit. Returns how to stop it. */
  onCommitted(hear: (turn: Committed) => void): () => void;
  residents(): Residency;
  readonly inspection: SupervisorInspection;
  /** Takes no more commands, and waits until those it has are committed. */
  stop(): Promise<void>;
}

export interface SupervisorLimits {
  /** Datasets in memory. */
  readonly datasetsMax: number;
  /** Product actors in memory, at some 3 KB each. */
  readonly productsMax: number;
  /** How long a dataset that nobody uses stays. */
  readonly idleMs: number;
  /** Commands waiting in all mailboxes. */
  readonly commandsMax: number;
  /** How long a command may wait for a dataset whose last commit has no known outcome. */
  readonly commandMs: number;
}

const defaultLimits: SupervisorLimits = {
  datasetsMax: 1000,
  productsMax: 50_000,
  idleMs: 500,
  commandsMax: 20_000,
  commandMs: 15_000,
};

export interface SupervisorParts {
  readonly store: PlanStore;
  /** No other process writes to the store: reads need no revision check. */
  readonly alone: boolean;
  readonly clock: Clock;
  readonly computes: ComputeNames;
  readonly timers: Timers;
  readonly observe: SupervisorObserver;
  readonly ids?: { newTurnId(): TurnId; newJobId(): JobId };
  readonly limits?: Partial<SupervisorLimits>;
}

/** Waiting, as the simulation replaces it. */
export interface Timers {
  sleep(ms: number): Promise<void>;
  /** Lets the event loop serve others. */
  breathe(): Promise<void>;
  /** Calls `work` each `ms` until the returned function is called. */
  every(ms: number, work: () => void): () => void;
}

/** What is counted; see observe/metrics.ts. */
export interface SupervisorObserver {
  turn(cause: string, outcome: "committed" | "refused"): void;
  batch(batch: { turns: number; ms: number; outcome: "committed" | "failed" }): void;
  /** Something that hears of commits threw. */
  defect(error: unknown): void;
}

export function createSupervisor(parts: SupervisorParts): Supervisor {
  return new ResidentSupervisor(parts);
}

class ResidentSupervisor implements Supervisor {
  readonly #parts: SupervisorParts;
  readonly #limits: SupervisorLimits;
  /** In order of first use since the last sweep. */
  readonly #residents = new Map<DatasetId, Resident>();
  readonly inspection: ResidentInspection;
  readonly #revisions: Batcher<DatasetId, number>;
  readonly #env: ResidentEnv;
  readonly #hearers = new Set<(turn: Committed) => void>();
  readonly #stopSweeping: () => void;
  #keepPlaces: KeepPlaces = () => new Map();
  #commands = 0;
  #stopping = false;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#limits = { ...defaultLimits, ...parts.limits };
    this.inspection = new ResidentInspection(this.#residents, (error) => parts.observe.defect(error));
    const { store, clock, timers } = parts;
    const loads = new Batcher<DatasetId, PlanRows>((ids) => store.load(ids), { inFlightMax: 4, keysMax: 64 });
    this.#revisions = new Batcher((ids) => store.revisions(ids), { inFlightMax: 2, keysMax: 1000 });
    const committer = new Committer({
      store,
      keepPlaces: (jobs) => this.#keepPlaces(jobs),
      sleep: timers.sleep,
      monotonicMs: clock.monotonicMs,
      observe: (batch) => parts.observe.batch(batch),
    });
    this.#env = {
      store,
      loads,
      isWatched: () => this.inspection.isWatched,
      clock,
      computes: parts.computes,
      alone: parts.alone,
      newTurnId: parts.ids?.newTurnId ?? newUuid,
      newJobId: parts.ids?.newJobId ?? newTimeUuid,
      breathe: timers.breathe,
      onTurns: (resident) => committer.add(resident),
      onCommitted: (turn, leased) => this.#tell(turn, leased),
    };
    this.#stopSweeping = timers.every(500, () => this.#sweep());
  }

  submit(command: Command, origin: Origin): Promise<Answer> {
    if (this.#stopping)
      return Promise.reject(new OverloadedError("This node is stopping: send the request to another one"));
    if (this.#commands >= this.#limits.commandsMax) {
      return Promise.reject(new OverloadedError(`${this.#commands} commands are waiting: try again shortly`));
    }
    this.#commands += 1;
    return new Promise<Answer>((resolve, reject) => {
      const deadlineMs = this.#parts.clock.monotonicMs() + this.#limits.commandMs;
      const done = (): void => {
        this.#commands -= 1;
      };
      const entry = new Entry(
        command,
        origin,
        deadlineMs,
        (answer) => {
          done();
          resolve(answer);
        },
        (error) => {
          done();
          this.#parts.observe.turn(origin.cause, "refused");
          reject(error);
        },
      );
      this.#resident(command.datasetId).submit(entry);
    });
  }

  async read(datasetId: DatasetId): Promise<PlanView | null> {
    const resident = this.#resident(datasetId);
    if (this.#parts.alone && resident.isLoaded) return viewOf(resident);
    try {
      return await resident.whileRead(() => this.#readFresh(resident));
    } catch (error) {
      throw error instanceof OrreryError ? error : new StoreUnavailableError(error);
    }
  }

  leaseNewJobs(keep: KeepPlaces): void {
    this.#keepPlaces = keep;
  }

  onCommitted(hear: (turn: Committed) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  residents(): Residency {
    let products = 0;
    let mailboxDepth = 0;
    for (const resident of this.#residents.values()) {
      products += resident.products;
      mailboxDepth += resident.depth;
    }
    return { datasets: this.#residents.size, products, mailboxDepth };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    while (this.#commands > 0) await this.#parts.timers.sleep(10);
    this.#stopSweeping();
    this.#residents.clear();
  }

  /** Serves what is loaded once a revision check, sent after this call, finds it current; else loads it. */
  async #readFresh(resident: Resident): Promise<PlanView | null> {
    const revision = this.#parts.alone ? 0 : ((await this.#revisions.get(resident.datasetId)) ?? 0);
    await resident.catchUp(revision);
    return viewOf(resident);
  }

  #resident(datasetId: DatasetId): Resident {
    let resident = this.#residents.get(datasetId);
    if (resident === undefined) {
      // First, as a newcomer is quiet too until it is used.
      if (this.#residents.size >= this.#limits.datasetsMax * 1.25) this.#sweep();
      resident = new Resident(datasetId, this.#env);
      this.#residents.set(datasetId, resident);
    }
    return resident;
  }

  /** Passivates what is idle, then the longest unused while there is too much; refuses commands that waited too long. */
  #sweep(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    let products = 0;
    const quiet: Resident[] = [];
    for (const resident of this.#residents.values()) {
      if (resident.blocked) resident.refuseOverdue(nowMs, new CommitUnknownError(resident.datasetId));
      if (resident.isQuiet && nowMs - resident.usedMs > this.#limits.idleMs) this.#residents.delete(resident.datasetId);
      else {
        products += resident.products;
        if (resident.isQuiet) quiet.push(resident);
      }
    }
    quiet.sort((a, b) => a.usedMs - b.usedMs);
    for (const resident of quiet) {
      if (this.#residents.size <= this.#limits.datasetsMax && products <= this.#limits.productsMax) break;
      this.#residents.delete(resident.datasetId);
      products -= resident.products;
    }
  }

  #tell(turn: Turn, leased: Leased): void {
    this.#parts.observe.turn(turn.cause, "committed");
    if (turn.steps !== null) this.inspection.tell(turn, turn.steps);
    if (this.#hearers.size === 0) return;
    const committed: Committed = {
      datasetId: turn.datasetId,
      revision: turn.revision,
      turnId: turn.turnId,
      at: turn.stamp.at,
      service: turn.stamp.by,
      cause: turn.cause,
      dataset: turn.dataset,
      products: [...turn.defined.values(), ...turn.moved.values()],
      dependencies: turn.dependencies,
      jobsQueued: [...turn.jobs.values()].filter(({ jobId }) => !leased.has(jobId)),
      jobsCancelled: turn.jobMoves.filter((move) => move.to === "cancelled").map((move) => move.jobId),
    };
    for (const hear of this.#hearers) {
      try {
        hear(committed);
      } catch (error) {
        this.#parts.observe.defect(error);
      }
    }
  }
}

const viewOf = (resident: Resident): PlanView | null => (resident.view.revision > 0 ? resident.view : null);
