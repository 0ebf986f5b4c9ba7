/**
 * Places for jobs that are being stored: a lane that has nothing waiting in the store, no limit and a free slot
 * takes its new jobs from their commit. All others wait in the store, in their order, for a claim.
 */
import type { DueLane } from "../model/job.ts";
import type { FirstLease, JobInsert } from "../store/plan-store.ts";
import type { Place, Places } from "../supervisor/places.ts";
import type { ClaimLoopParts } from "./claim-loop.ts";
import type { Lane } from "./lanes.ts";

/** Of a job that is being stored: what says who can run it. */
export type NewcomerJob = Pick<JobInsert, "jobId" | "queue" | "jobType" | "requires" | "state">;

export class KeptPlaces {
  readonly #parts: ClaimLoopParts;
  #kept = 0;
  /** Taken, and not yet told of. */
  #taken = 0;
  readonly #waiters: (() => void)[] = [];

  constructor(parts: ClaimLoopParts) {
    this.#parts = parts;
  }

  keep(jobs: readonly NewcomerJob[]): Places {
    const places: Places = new Map();
    const { lanes, claims, holder, isOpen, room } = this.#parts;
    if (jobs.length === 0 || !isOpen()) return places;
    let { slots, leases } = room();
    for (const lane of lanes.all()) slots -= lane.waiting;
    leases -= this.#kept;
    const lease: FirstLease = {
      workerId: holder.workerId,
      leaseMs: holder.leaseMs,
      policyVersion: claims.policyVersion,
    };
    for (const { jobId, queue, jobType, requires, state } of jobs) {
      if (places.size >= leases) break;
      const lane = this.#openLane({ queue, jobType, keyed: false });
      if (lane === undefined || state !== "queued" || !requires.every((label) => holder.labels.includes(label)))
        continue;
      if (!lane.keep(slots - places.size)) continue;
      places.set(jobId, this.#place(lane, lease));
    }
    this.#kept += places.size;
    return places;
  }

  /** Resolves when no place is kept. */
  settled(): Promise<void> {
    if (this.#kept === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #openLane(due: DueLane): Lane | undefined {
    const { lanes, claims } = this.#parts;
    return claims.isPaused(due) || claims.isLimited(due) ? undefined : lanes.get(due);
  }

  #place(lane: Lane, lease: FirstLease): Place {
    return {
      lease,
      take: (job) => {
        this.#leave(lane);
        this.#parts.onLeased(job, lane);
        if (++this.#taken === 1) queueMicrotask(() => this.#tell());
      },
      leave: () => this.#leave(lane),
    };
  }

  #leave(lane: Lane): void {
    lane.leave();
    this.#kept -= 1;
    if (this.#kept === 0) for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Of all that one commit brought, together. */
  #tell(): void {
    const count = this.#taken;
    this.#taken = 0;
    this.#parts.onBatch(count, null);
  }
}
