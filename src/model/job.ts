/** The words of jobs: one queue for products' jobs and free-standing ones. */

/** As people see them; `running` is leased with its attempt begun. */
export const jobStates = [
  "scheduled",
  "queued",
  "leased",
  "running",
  "backing-off",
  "succeeded",
  "dead",
  "cancelled",
] as const;
export type JobState = (typeof jobStates)[number];

/** Why a job is dead. `lease_lost`: it was leased again and again, and no holder lived to begin it. */
export type DeathReason = "attempts_exhausted" | "not_retryable" | "lease_lost";
/** `product_changed`: its product was updated, cleared, reset or disabled. `cancelled`: somebody asked for it. */
export type EndReason = DeathReason | "product_changed" | "cancelled";

/** Where free-standing jobs go that name no queue. */
export const defaultQueue = "default";
/** Our own jobs: plans made of templates, and the like. */
export const ownQueue = "orrery";

/** The due jobs of one queue and one type: what a holder leases from. */
export interface Lane {
  readonly queue: string;
  readonly jobType: string;
}

/** A name for maps; neither part can hold a NUL. */
export const laneKey = ({ queue, jobType }: Lane): string => `${queue}\u0000${jobType}`;

/** A lane that has due jobs; `keyed`: those with a concurrency key. */
export interface DueLane extends Lane {
  readonly keyed: boolean;
}

export const dueLaneKey = (lane: DueLane): string => `${laneKey(lane)}\u0000${lane.keyed}`;
