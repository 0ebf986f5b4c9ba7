/** Leases what is due in batches, as many as there is room for: one claim at a time, and another one while there may be more. */
import { dueLaneKey } from "../model/job.ts";
import type { Log } from "../observe/log.ts";
import type { LeaseAsk, LeasedJob } from "../store/jobs.ts";
import type { Claimed, Claims } from "./claims.ts";
import type { Lane, Lanes } from "./lanes.ts";
import { KeptPlaces } from "./places.ts";

export interface ClaimLoopParts {
  readonly claims: Pick<Claims, "claim" | "isPaused" | "isLimited" | "policyVersion">;
  readonly lanes: Lanes;
  readonly holder: Pick<LeaseAsk, "workerId" | "leaseMs" | "labels">;
  readonly log: Pick<Log, "warn">;
  /** False: this node takes no more. */
  isOpen(): boolean;
  /** How many more runs there are slots for, and how many more leases may be held. */
  room(): { slots: number; leases: number };
  onLeased(job: LeasedJob, lane: Lane): void;
  /** `retryInMs`: a rate allows the next start then. */
  onBatch(count: number, retryInMs: number | null): void;
}

interface Wanted {
  readonly lane: Lane;
  readonly countMax: number;
  readonly isBundled: boolean;
  /** Jobs that have come. */
  brought: number;
}

/** What was asked for, by lane. Jobs of one lane come one after the other. */
class Asked {
  readonly #byLane: ReadonlyMap<string, Wanted>;
  #last: Wanted | undefined;

  constructor(wanted: readonly Wanted[]) {
    this.#byLane = new Map(wanted.map((one) => [dueLaneKey(one.lane), one]));
  }

  of({ jobId, queue, jobType, concurrencyKey }: LeasedJob): Wanted {
    const keyed = concurrencyKey !== null;
    const last = this.#last?.lane;
    if (last === undefined || last.queue !== queue || last.jobType !== jobType || last.keyed !== keyed)
      this.#last = this.#byLane.get(dueLaneKey({ queue, jobType, keyed }));
    if (this.#last === undefined) throw new Error(`Job ${jobId} was leased, and nobody asked for its lane`);
    return this.#last;
  }
}

export class ClaimLoop {
  /** Of jobs that need no claim. */
  readonly places: KeptPlaces;
  readonly #parts: ClaimLoopParts;
  #underWay: Promise<void> | null = null;

  constructor(parts: ClaimLoopParts) {
    this.#parts = parts;
    this.places = new KeptPlaces(parts);
  }

  /** Does nothing while a claim is under way: what is asked for meanwhile is found by its next round. */
  start(): void {
    const { isOpen, log } = this.#parts;
    if (this.#underWay !== null || !isOpen() || this.#wanted().length === 0) return;
    this.#underWay = this.#run()
      .catch((error: unknown) => log.warn({ err: error }, "jobs could not be leased: the next poll tries again"))
      .finally(() => {
        this.#underWay = null;
        this.start(); // somebody may have asked since the last round looked
      });
  }

  /** Resolves when no claim is under way, and no job is about to come by its commit. */
  async settled(): Promise<void> {
    await Promise.all([this.#underWay, this.places.settled()]);
  }

  async #run(): Promise<void> {
    const { claims, holder, isOpen, onLeased, onBatch } = this.#parts;
    while (isOpen()) {
      const wanted = this.#wanted();
      if (wanted.length === 0) return;
      for (const { lane } of wanted) {
        lane.isClaiming = true;
        lane.mayHaveMore = false; // whoever hears of more while the statement is under way sets it again
      }
      const lanes = wanted.map(({ lane: { queue, jobType, keyed }, countMax, isBundled }) => ({
        queue,
        jobType,
        keyed,
        countMax,
        isBundled,
      }));
      const asked = new Asked(wanted);
      let claimed: Claimed;
      try {
        claimed = await claims.claim(holder, lanes);
        for (const job of claimed.jobs) {
          const one = asked.of(job);
          onLeased(job, one.lane);
          one.brought += 1;
        }
      } finally {
        // Not before its jobs are in it: an idle lane is forgotten, and what is in it then would never run.
        for (const { lane } of wanted) lane.isClaiming = false;
      }
      for (const { lane, countMax, isBundled, brought } of wanted) {
        lane.hasBacklog = brought >= countMax;
        // What cannot be in a bundle, a product's job say, is still to be asked for.
        if (lane.hasBacklog || isBundled) lane.mayHaveMore = true;
        lane.brought = brought;
      }
      onBatch(claimed.jobs.length, claimed.retryInMs);
    }
  }

  #wanted(): Wanted[] {
    const { lanes, room } = this.#parts;
    const all = lanes.all();
    let { slots, leases } = room();
    for (const lane of all) slots -= lane.waiting;
    const wanted: Wanted[] = [];
    for (const lane of all) {
      const countMax = lane.mayHaveMore ? Math.min(lane.room(slots), leases) : 0;
      if (countMax <= 0) continue;
      slots -= countMax;
      leases -= countMax;
      wanted.push({ lane, countMax, isBundled: lane.isBundled, brought: 0 });
    }
    return wanted;
  }
}
