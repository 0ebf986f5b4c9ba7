/**
 * Group commit: every turn that waits, of every dataset, goes in one transaction; one batch is under way at a time, and the
 * next leaves before the answered one is settled. What becomes of a batch: each dataset's step won (its gate opens) or lost
 * (its turns are undone and run again). Without an answer the outcome is unknown until each dataset has been asked for its turn.
 */
import { InvalidRequestError, StoreUnavailableError } from "../model/errors.ts";
import { CommitUnknownError } from "../model/plan-errors.ts";
import type { CommitOutcome, PlanStore } from "../store/plan-store.ts";
import { SqlError } from "../store/sql.ts";
import { fold } from "./fold.ts";
import { type KeepPlaces, type Leased, leasedJob, leaveAll, nowhere, type Places, placed } from "./places.ts";
import type { Resident } from "./resident.ts";
import type { Turn } from "./turn.ts";

/** Bounds one transaction: at some 30 µs a turn it stays near 15 ms. */
const turnsMax = 512;
/** A batch that the database rolled back for concurrency's sake is sent again this often. */
const retriesMax = 5;
/** How long callers wait to hear whether their turn was stored; the dataset stays blocked until it is known. */
const unknownDeadlineMs = 10_000;

export interface CommitterEnv {
  readonly store: Pick<PlanStore, "commit" | "findTurn">;
  readonly keepPlaces: KeepPlaces;
  sleep(ms: number): Promise<void>;
  monotonicMs(): number;
  /** Told of each batch: how many turns, how long, and what came of it. */
  observe(batch: { turns: number; ms: number; outcome: "committed" | "failed" }): void;
}

interface Sent extends CommitOutcome {
  readonly places: Places;
}

/** A batch that is under way. */
interface Flight {
  readonly batch: Taken[];
  readonly startedMs: number;
  readonly sent: Promise<Sent>;
}

interface Taken {
  readonly resident: Resident;
  readonly base: number;
  readonly turns: readonly Turn[];
}

export class Committer {
  readonly #env: CommitterEnv;
  readonly #waiting = new Set<Resident>();
  #running = false;

  constructor(env: CommitterEnv) {
    this.#env = env;
  }

  /** Takes up the resident's turns in the next batch. */
  add(resident: Resident): void {
    this.#waiting.add(resident);
    if (this.#running) return;
    this.#running = true;
    // At the end of this tick: requests that arrived together share the batch.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    let flight: Flight | null = null;
    for (;;) {
      flight ??= this.#launch([]);
      if (flight === null) break;
      flight = await this.#land(flight);
    }
    this.#running = false;
  }

  /** Sends what waits, but nothing of the datasets in `settling`. Null: nothing waits. */
  #launch(settling: readonly Taken[]): Flight | null {
    const batch = this.#takeBatch(new Set(settling.map(({ resident }) => resident)));
    if (batch.length === 0) return null;
    const startedMs = this.#env.monotonicMs();
    const sent = this.#send(batch);
    sent.catch(() => {}); // whoever lands it hears of it, perhaps later
    return { batch, startedMs, sent };
  }

  #takeBatch(settling: ReadonlySet<Resident>): Taken[] {
    const batch: Taken[] = [];
    let room = turnsMax;
    for (const resident of this.#waiting) {
      if (room === 0) break;
      if (settling.has(resident)) continue;
      this.#waiting.delete(resident);
      if (!resident.hasTurns) continue;
      const { base, turns } = resident.takeTurns(room);
      room -= turns.length;
      batch.push({ resident, base, turns });
    }
    return batch;
  }

  /** Awaits its outcome. Returns the next batch, if one is under way already. */
  async #land({ batch, startedMs, sent }: Flight): Promise<Flight | null> {
    const turns = batch.reduce((sum, taken) => sum + taken.turns.length, 0);
    let next: Flight | null = null;
    try {
      const outcome = await sent;
      this.#env.observe({ turns, ms: this.#env.monotonicMs() - startedMs, outcome: "committed" });
      // What waits goes first, so that the store has work while the gate is open.
      next = this.#launch(batch);
      this.#settle(batch, outcome);
    } catch (error) {
      this.#env.observe({ turns, ms: this.#env.monotonicMs() - startedMs, outcome: "failed" });
      await this.#fail(batch, error);
    }
    for (const { resident } of batch) if (resident.hasTurns) this.#waiting.add(resident);
    return next;
  }

  async #send(batch: Taken[]): Promise<Sent> {
    const folded = batch.map(({ base, turns }) => fold(base, turns));
    const places = this.#env.keepPlaces(folded.flatMap(({ jobs }) => jobs));
    const steps = placed(folded, places);
    for (let retry = 1; ; retry++) {
      try {
        return { ...(await this.#env.store.commit(steps)), places };
      } catch (error) {
        if (error instanceof SqlError && error.fault === "retry" && retry <= retriesMax) {
          await this.#env.sleep(retry * 5);
          continue;
        }
        // If it came through after all, the leases run out by themselves.
        leaveAll(places);
        throw error;
      }
    }
  }

  #settle(batch: Taken[], { won, superseded, leases, places }: Sent): void {
    const leased: Leased = leases ? places : nowhere;
    for (const { resident, turns } of batch) {
      if (!won.has(resident.datasetId)) {
        resident.undo(superseded);
        continue;
      }
      resident.committed(turns.length, leased);
      for (const { jobs } of leased.size > 0 ? turns : [])
        for (const job of jobs.values()) {
          leased.get(job.jobId)?.take(leasedJob(resident.view, job));
          places.delete(job.jobId);
        }
    }
    leaveAll(places);
  }

  async #fail(batch: Taken[], error: unknown): Promise<void> {
    const fault = error instanceof SqlError ? error.fault : "defect";
    switch (fault) {
      case "unknown":
        for (const taken of batch) void this.#resolveUnknown(taken);
        return;
      case "data":
        return await this.#commitOneByOne(batch, error);
      case "retry":
      case "unavailable":
      case "defect":
        for (const { resident } of batch) {
          resident.refuseAll(fault === "defect" ? error : new StoreUnavailableError(error));
          resident.undo(new Set());
        }
        return;
      default:
        fault satisfies never;
    }
  }

  /** Some row of the batch is refused by the database: only the turn that brought it may fail. */
  async #commitOneByOne(batch: Taken[], error: unknown): Promise<void> {
    for (const { resident, turns } of batch) {
      for (const turn of turns) {
        const one: Taken = { resident, base: resident.view.revision, turns: [turn] };
        if (turns.length === 1 && batch.length === 1) {
          resident.undo(new Set(), { error: refusedData(error) });
          break;
        }
        try {
          const outcome = await this.#send([one]);
          this.#settle([one], outcome);
          if (!outcome.won.has(resident.datasetId)) break;
        } catch (single) {
          if (single instanceof SqlError && single.fault === "data")
            resident.undo(new Set(), { error: refusedData(single) });
          else await this.#fail([one], single);
          break;
        }
      }
    }
  }

  /** Asks the store, for as long as it takes, whether the last turn that was sent is there. */
  async #resolveUnknown({ resident, turns }: Taken): Promise<void> {
    const last = turns.findLast((turn) => turn.refusal === null);
    resident.blocked = true;
    const deadlineMs = this.#env.monotonicMs() + unknownDeadlineMs;
    for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 2000)) {
      try {
        const stored =
          last !== undefined && (await this.#env.store.findTurn(last.datasetId, last.revision, last.turnId));
        if (stored) resident.committed(turns.length, nowhere);
        else {
          resident.suspect(turns);
          resident.undo(new Set());
        }
        if (resident.hasTurns) this.add(resident);
        return;
      } catch {
        // Still away. Callers are told once the deadline has passed; the dataset takes no commands until it is known.
        if (this.#env.monotonicMs() > deadlineMs) resident.refuseAll(new CommitUnknownError(resident.datasetId));
        await this.#env.sleep(waitMs);
      }
    }
  }
}

const refusedData = (error: unknown): InvalidRequestError =>
  new InvalidRequestError(`The database cannot hold this value: ${error instanceof Error ? error.message : "refused"}`);
