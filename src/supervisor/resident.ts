/**
 * A dataset in memory: its mailbox, its live actors, the turns that wait for their commit, and the projection that
 * readers see. One command runs at a time. When a step loses against another node, every uncommitted turn is undone
 * together: the actors go, come back from the store, and the kept commands run again in order.
 */
import { IdempotencyKeyReusedError, OrreryError, OverloadedError, StoreUnavailableError } from "../model/errors.ts";
import type { DatasetId, JobId } from "../model/ids.ts";
import { CommitUnknownError } from "../model/plan-errors.ts";
import type { PlanStore } from "../store/plan-store.ts";
import type { Entry } from "./entry.ts";
import { oneStepOf } from "./fold.ts";
import { LivePlan, type LivePlanEnv } from "./live-plan.ts";
import type { Leased } from "./places.ts";
import type { Projection } from "./projection.ts";
import { findRepeat, isSameKey, type KeyedRequest, keyOf, reused } from "./repeats.ts";
import { runTurn, type TurnEnv, type TurnResult } from "./run-turn.ts";
import type { Turn } from "./turn.ts";
import type { WorkingPlan } from "./working-plan.ts";

/** What a resident needs of its supervisor. */
export interface ResidentEnv extends TurnEnv, LivePlanEnv {
  readonly store: Pick<PlanStore, "findAnswer" | "findTurn">;
  /** No other node writes here: a refusal that relies on nothing uncommitted needs no check. */
  readonly alone: boolean;
  /** Turns are waiting to be committed. */
  onTurns(resident: Resident): void;
  /** A turn was committed: it may be seen. `leased` are those of its jobs that need no claim. */
  onCommitted(turn: Turn, leased: Leased): void;
}

/** Commands in one mailbox, and the next is refused with 503; turns that wait for their commit, and the mailbox is held. */
const mailboxMax = 1000;
const uncommittedMax = 1000;

interface Uncommitted {
  readonly entry: Entry;
  readonly turn: Turn;
  /** The same request once more, under the same idempotency key. */
  readonly followers: Entry[];
}

export class Resident {
  readonly datasetId: DatasetId;
  /** Milliseconds, monotonic, of the last use. */
  usedMs: number;
  /** The outcome of a commit is not known: no command may run. */
  blocked = false;
  readonly #env: ResidentEnv;
  #mailbox: Entry[] = [];
  #running: Entry | null = null;
  #uncommitted: Uncommitted[] = [];
  /** How many of the uncommitted turns are in the batch under way. */
  #inFlight = 0;
  readonly #live: LivePlan;
  #pumping = false;
  /** A defect left the actors half-way: they go once the turns before it have their outcome. */
  #spoilt = false;
  #readers = 0;
  readonly #settledWaiters: (() => void)[] = [];

  constructor(datasetId: DatasetId, env: ResidentEnv) {
    this.datasetId = datasetId;
    this.#env = env;
    this.#live = new LivePlan(datasetId, env);
    this.usedMs = env.clock.monotonicMs();
  }

  get depth(): number {
    return this.#mailbox.length;
  }

  get products(): number {
    return this.#live.working?.size ?? 0;
  }

  get isLoaded(): boolean {
    return this.#live.working !== null;
  }

  /** Nothing waits for it: it may leave memory. */
  get isQuiet(): boolean {
    const idle = this.#mailbox.length === 0 && this.#running === null && this.#uncommitted.length === 0;
    return idle && this.#readers === 0 && !this.blocked;
  }

  /** The plan as last committed. */
  get view(): Projection {
    return this.#live.committed;
  }

  watch(isWatched: boolean): void {
    this.#live.working?.watch(isWatched);
  }

  /** Turns wait that no batch has taken. */
  get hasTurns(): boolean {
    return !this.blocked && this.#uncommitted.length > this.#inFlight;
  }

  submit(entry: Entry): void {
    this.usedMs = this.#env.clock.monotonicMs();
    if (this.#mailbox.length >= mailboxMax) {
      entry.reject(
        new OverloadedError(`Dataset ${this.datasetId} has ${mailboxMax} commands waiting: try again shortly`),
      );
      return;
    }
    this.#mailbox.push(entry);
    void this.#pump();
  }

  /** Keeps it in memory while `work` reads it. */
  async whileRead<T>(work: () => Promise<T>): Promise<T> {
    this.#readers += 1;
    this.usedMs = this.#env.clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.#readers -= 1;
    }
  }

  /** Resolves when the plan is in memory, not older than `revision`: our own turns, under way, may be what is newer. */
  async catchUp(revision: number): Promise<void> {
    for (;;) {
      if (this.#live.working === null) await this.#live.load();
      else if (this.#live.committed.revision >= revision) return;
      else if (this.blocked) throw new CommitUnknownError(this.datasetId);
      else if (this.#uncommitted.length === 0) this.undo(new Set());
      else await new Promise<void>((resolve) => this.#settledWaiters.push(resolve));
    }
  }

  /** The turns for the next batch, in order, and the revision that the first one expects. */
  takeTurns(turnsMax: number): { base: number; turns: readonly Turn[] } {
    const turns = oneStepOf(this.#uncommitted.slice(0, turnsMax).map(({ turn }) => turn));
    this.#inFlight = turns.length;
    return { base: this.#live.committed.revision, turns };
  }

  /** The first `count` uncommitted turns are durable: opens the gate for them, in order. */
  committed(count: number, leased: Leased): void {
    this.#inFlight = 0;
    this.blocked = false;
    for (const { entry, turn, followers } of this.#uncommitted.splice(0, count)) {
      if (turn.refusal) {
        entry.reject(turn.refusal);
        continue;
      }
      this.#live.committed.apply(turn);
      this.#env.onCommitted(turn, leased);
      const planJson = entry.jobId === null ? this.#live.committed.json() : "";
      for (const asked of [entry, ...followers]) asked.resolve({ planJson, revision: turn.revision });
    }
    this.#goOn();
  }

  /**
   * Undoes every uncommitted turn and runs its command again on what the store holds now; but not those that were sent for
   * a job in `superseded`, whose lease is gone, and not the first one if it `failed`, for that reason.
   */
  undo(superseded: ReadonlySet<JobId>, failed?: { error: unknown }): void {
    const sent = this.#uncommitted.slice(0, this.#inFlight);
    const fenced = new Set(sent.flatMap(({ entry, turn }) => (turn.refusal ? [] : [entry])));
    const entries = this.#uncommitted.flatMap(({ entry, followers }) => [entry, ...followers]);
    if (this.#running) entries.push(this.#running);
    if (failed) entries[0]?.reject(failed.error);
    this.#inFlight = 0;
    this.blocked = false;
    this.#uncommitted = [];
    this.#running = null;
    this.#drop();
    const kept = entries.filter((entry) => entry.mayRunAgain(fenced.has(entry) ? superseded : new Set()));
    this.#mailbox = [...kept, ...this.#mailbox];
    this.#goOn();
  }

  /** The turns in flight were not found after an unknown outcome: each command will look again before it runs. */
  suspect(turns: readonly Turn[]): void {
    for (const { entry, turn } of this.#uncommitted) if (turns.includes(turn)) entry.suspects.push(turn);
  }

  /** Refuses the commands that have waited past their deadline. */
  refuseOverdue(nowMs: number, error: unknown): void {
    for (const entry of this.#mailbox) if (entry.deadlineMs <= nowMs) entry.reject(error);
    this.#mailbox = this.#mailbox.filter((entry) => !entry.settled);
  }

  /** Answers everyone who waits with `error`. Turns that were taken for a commit still await their outcome. */
  refuseAll(error: unknown): void {
    for (const { entry, followers } of this.#uncommitted) for (const one of [entry, ...followers]) one.reject(error);
    this.#refuseMailbox(error);
  }

  #drop(): void {
    this.#live.drop();
    this.#spoilt = false;
  }

  #refuseMailbox(error: unknown): void {
    for (const entry of this.#mailbox) entry.reject(error);
    this.#mailbox = [];
  }

  #goOn(): void {
    if (this.#spoilt && this.#uncommitted.length === 0) this.#drop();
    for (const wake of this.#settledWaiters.splice(0)) wake();
    void this.#pump();
  }

  get #mayTake(): boolean {
    return !this.blocked && !this.#spoilt && this.#uncommitted.length < uncommittedMax;
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#mailbox.length > 0 && this.#mayTake) {
        const plan = this.#live.working;
        if (plan === null) {
          await this.#live.load();
          continue;
        }
        // Awaits nothing unless the turn is long or asks for an idempotency key.
        const taking = this.#takeNext(plan);
        if (taking) await taking;
      }
    } catch (error) {
      const unavailable = error instanceof OrreryError ? error : new StoreUnavailableError(error);
      this.#running?.reject(unavailable);
      this.#running = null;
      this.#refuseMailbox(unavailable);
    } finally {
      this.#pumping = false;
    }
  }

  #takeNext(plan: WorkingPlan): Promise<void> | undefined {
    const entry = this.#mailbox.shift();
    if (entry === undefined || entry.settled) return undefined;
    this.#running = entry;
    const mayRepeat = entry.origin.idempotency !== undefined || entry.suspects.length > 0;
    return mayRepeat ? this.#runOnce(plan, entry) : this.#run(plan, entry, null);
  }

  /** Answers a repeated request as it was answered first; a new one runs, and its answer is stored in its commit. */
  async #runOnce(plan: WorkingPlan, entry: Entry): Promise<void> {
    const { generation } = this.#live;
    const key = keyOf(this.datasetId, entry);
    const under = key && this.#uncommitted.find(({ turn }) => turn.answer !== null && isSameKey(turn.answer, key));
    if (under && under.turn.answer?.digest === key.digest) {
      this.#running = null;
      under.followers.push(entry);
      return;
    }
    const repeat = under ? reused : await findRepeat(this.#env.store, entry, key);
    if (generation !== this.#live.generation) return;
    if (repeat === null) return await this.#run(plan, entry, key);
    if (repeat.by === "ghost") {
      await this.catchUp(repeat.revision);
      entry.resolve({ planJson: this.#live.committed.json(), revision: this.#live.committed.revision });
    } else if (repeat.digest === key?.digest) entry.resolve({ planJson: repeat.answer, revision: null });
    else entry.reject(new IdempotencyKeyReusedError(key?.key ?? ""));
    if (this.#running === entry) this.#running = null;
  }

  #run(plan: WorkingPlan, entry: Entry, key: KeyedRequest | null): Promise<void> | undefined {
    const generation = this.#live.generation;
    const before = this.#uncommitted.at(-1)?.turn.revision ?? this.#live.committed.revision;
    const ask = { datasetId: this.datasetId, entry, before };
    const result = runTurn(this.#env, plan, ask, () => this.#live.generation === generation);
    if (!(result instanceof Promise)) return this.#finish(entry, key, result);
    return result.then((late) => {
      if (late !== undefined && this.#live.generation === generation) this.#finish(entry, key, late);
    });
  }

  #finish(entry: Entry, key: KeyedRequest | null, result: TurnResult): undefined {
    this.#running = null;
    if ("defect" in result) {
      entry.reject(result.defect);
      this.#spoilt = true;
      if (this.#uncommitted.length === 0) this.#drop();
      return;
    }
    const { turn } = result;
    if (turn.refusal && this.#env.alone && this.#uncommitted.length === 0) {
      entry.reject(turn.refusal);
      return;
    }
    if (key && !turn.refusal) {
      const earlier = this.#uncommitted.map((waiting) => waiting.turn).filter(({ refusal }) => refusal === null);
      turn.answer = { ...key, at: turn.stamp.at, answer: this.#live.committed.after([...earlier, turn]).json() };
    }
    this.#uncommitted.push({ entry, turn, followers: [] });
    this.#env.onTurns(this);
  }
}
