/**
 * The lanes that this node runs: the due jobs of one queue and one type, leased ahead and waiting for a slot. The lanes of one
 * type share its slots, however many queues it has jobs in.
 */
import type { Compute } from "../compute/compute.ts";
import { type DueLane, dueLaneKey } from "../model/job.ts";
import type { HeldJob } from "./held-job.ts";

/** Runs that are longer than this on average are not leased ahead: another node may be free for them. */
const quickMs = 25;
/** Jobs of a quick type that are leased ahead, so that a slot never waits for a claim; more of those that take no time. */
const aheadMax = 256;
const instantMs = 4;
const instantAheadMax = 2000;
/** A claim for so many is worth its statement: the next one is made while what is left still runs. */
const claimWorth = 500;
/** After so many runs in a row that were over at once, the next ones are expected to be, too. */
const instantRunsMin = 50;
/** A claim that brings so many is likely to be followed by others. */
const flowMin = 50;
/** A bound on what is remembered; the rest is found again by the next look at the store. */
const lanesMax = 10_000;

/** The slots of one job type. */
class Slots {
  readonly concurrency: number;
  running = 0;
  waiting = 0;
  /** Moving average; null until the first run. */
  meanMs: number | null = null;
  /** Free-standing jobs in a row that succeeded within the turn of the event loop that they began in. */
  instantRuns = 0;

  constructor(concurrency: number) {
    this.concurrency = concurrency;
  }
}

/** Counts how long the runs of a type take. */
interface Observer {
  observe(seconds: number): void;
}

export class Lane implements DueLane {
  readonly queue: string;
  readonly jobType: string;
  readonly keyed: boolean;
  readonly compute: Compute;
  readonly runSeconds: Observer;
  /** There may be due jobs in the store beyond those that were leased. */
  mayHaveMore = true;
  /** The store holds more of them than there was room for here, or may: a new job has its turn after those. */
  hasBacklog = true;
  /** A claim is under way for it, and will bring its jobs here. */
  isClaiming = false;
  /** Jobs that the last claim brought. */
  brought = 0;
  readonly #slots: Slots;
  readonly #waiting: HeldJob[] = [];
  /** Places for jobs that are being stored. */
  #kept = 0;

  constructor({ queue, jobType, keyed }: DueLane, compute: Compute, slots: Slots, runSeconds: Observer) {
    this.queue = queue;
    this.jobType = jobType;
    this.keyed = keyed;
    this.compute = compute;
    this.runSeconds = runSeconds;
    this.#slots = slots;
  }

  get waiting(): number {
    return this.#waiting.length + this.#kept;
  }

  get isFull(): boolean {
    return this.#slots.running >= this.#slots.concurrency;
  }

  get isIdle(): boolean {
    return !this.mayHaveMore && !this.isClaiming && this.waiting === 0;
  }

  /** Its jobs are many, and each over at once: they are leased in bundles. */
  get isBundled(): boolean {
    return this.brought >= flowMin && !this.keyed && this.#slots.instantRuns >= instantRunsMin;
  }

  overAtOnce(): void {
    this.#slots.instantRuns += 1;
  }

  tooLong(): void {
    this.#slots.instantRuns = 0;
  }

  /** How many jobs to lease now, when the node has `slots` to spare; 0 until it is worth a statement. */
  room(slots: number): number {
    const room = this.#places(slots);
    // Of quick jobs a claim is made when half of what is leased ahead has been used up.
    return room >= Math.min(this.#ahead / 2, claimWorth) ? Math.max(room, 0) : 0;
  }

  get #ahead(): number {
    const { meanMs } = this.#slots;
    if (meanMs === null || meanMs > quickMs) return 0;
    return meanMs <= instantMs ? instantAheadMax : aheadMax;
  }

  #places(slots: number): number {
    const { concurrency, running, waiting } = this.#slots;
    return Math.min(concurrency - running - waiting, slots) + this.#ahead;
  }

  /** Keeps a place for a job that is being stored, when the node has `slots` to spare. False: there is none, or others come first. */
  keep(slots: number): boolean {
    // What is not leased ahead waits for a free slot, and a claim under way may bring jobs for all of them.
    if (this.hasBacklog || (this.isClaiming && this.#ahead === 0)) return false;
    this.hasBacklog = this.#places(slots) <= 0;
    if (this.hasBacklog) return false;
    this.#kept += 1;
    this.#slots.waiting += 1;
    return true;
  }

  /** Gives up a place that was kept. */
  leave(): void {
    this.#kept -= 1;
    this.#slots.waiting -= 1;
  }

  add(held: HeldJob): void {
    this.#waiting.push(held);
    this.#slots.waiting += 1;
  }

  /** The next job with a free slot for it, which counts as taken from here on. */
  take(): HeldJob | null {
    while (!this.isFull) {
      const held = this.#waiting.shift();
      if (held === undefined) return null;
      this.#slots.waiting -= 1;
      if (held.ending !== null) continue;
      this.#slots.running += 1;
      return held;
    }
    return null;
  }

  /** A run is over after `ms`. */
  free(ms: number): void {
    const slots = this.#slots;
    slots.running -= 1;
    slots.meanMs = slots.meanMs === null ? ms : slots.meanMs * 0.9 + ms * 0.1;
  }

  /** All that waits, for giving it back. */
  drain(): HeldJob[] {
    this.#slots.waiting -= this.#waiting.length;
    return this.#waiting.splice(0);
  }
}

/** All lanes of this node, made when there is first work in them. */
export class Lanes {
  readonly #computeOf: (jobType: string) => Compute | undefined;
  readonly #secondsOf: (jobType: string) => Observer;
  readonly #lanes = new Map<string, Lane>();
  readonly #slots = new Map<string, Slots>();

  /** `computeOf`: what runs a type here; undefined: this node does not. */
  constructor(computeOf: (jobType: string) => Compute | undefined, secondsOf: (jobType: string) => Observer) {
    this.#computeOf = computeOf;
    this.#secondsOf = secondsOf;
  }

  all(): Lane[] {
    return [...this.#lanes.values()];
  }

  /** Undefined: there was no work in it lately. */
  get(due: DueLane): Lane | undefined {
    return this.#lanes.get(dueLaneKey(due));
  }

  /** There is work in it. Undefined: none that this node can run. */
  wake(due: DueLane): Lane | undefined {
    const key = dueLaneKey(due);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const compute = this.#computeOf(due.jobType);
      if (compute === undefined || this.#lanes.size >= lanesMax) return undefined;
      let slots = this.#slots.get(due.jobType);
      if (slots === undefined) {
        slots = new Slots(compute.concurrency);
        this.#slots.set(due.jobType, slots);
      }
      lane = new Lane(due, compute, slots, this.#secondsOf(due.jobType));
      this.#lanes.set(key, lane);
    }
    lane.mayHaveMore = true;
    return lane;
  }

  /** Forgets the lanes in which nothing is, and the slots of types without a run. */
  forgetIdle(): void {
    const types = new Set<string>();
    for (const [key, lane] of this.#lanes) {
      if (lane.isIdle) this.#lanes.delete(key);
      else types.add(lane.jobType);
    }
    for (const [type, { running, meanMs }] of this.#slots)
      if (running === 0 && !types.has(type) && (meanMs === null || this.#slots.size > lanesMax))
        this.#slots.delete(type);
  }
}
