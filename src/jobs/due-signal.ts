/**
 * Says on this node, and by hints on the others, that a lane has due work, or that a job was cancelled. Hints only: a look at
 * the store once a second finds everything without them.
 */
import type { JobId } from "../model/ids.ts";
import type { DueLane } from "../model/job.ts";
import type { Database } from "../store/sql.ts";
import type { Committed, Supervisor } from "../supervisor/supervisor.ts";

const dueChannel = "orrery_jobs";
/** Payload: the job's id. Whoever holds it stops. */
export const cancelledChannel = "orrery_jobs_cancelled";

export interface DueListener {
  /** `lane` null: look at everything. True: its work is taken up here now, and no other node need be told. */
  onDue(lane: DueLane | null): boolean;
  /** True: it was held here. */
  onCancelled(jobId: JobId): boolean;
}

export interface DueSignal {
  /** Returns how to stop. */
  subscribe(listener: DueListener): () => void;
  /** Work has come to these lanes, by this node. */
  announce(lanes: Iterable<DueLane>): void;
  cancelled(jobId: JobId): void;
  /** Other nodes may have room for what this one leaves, or what it held back. */
  tellOthers(): void;
  stop(): Promise<void>;
}

export async function createDueSignal(
  database: Database,
  supervisor: Pick<Supervisor, "onCommitted">,
): Promise<DueSignal> {
  const listeners = new Set<DueListener>();
  const tell = (lane: DueLane | null): boolean => {
    let isTaken = false;
    for (const listener of listeners) isTaken = listener.onDue(lane) || isTaken;
    return isTaken;
  };
  const cancelHere = (jobId: JobId): boolean => {
    let isHeld = false;
    for (const listener of listeners) isHeld = listener.onCancelled(jobId) || isHeld;
    return isHeld;
  };
  function announce(lanes: Iterable<DueLane>): void {
    for (const lane of lanes) if (!tell(lane)) database.notify(dueChannel, payloadOf(lane));
  }
  function cancelled(jobId: JobId): void {
    if (!cancelHere(jobId)) database.notify(cancelledChannel, jobId);
  }
  function hear({ jobsQueued, jobsCancelled }: Committed): void {
    if (jobsQueued.length > 0) {
      const lanes = new Map(
        jobsQueued.map(({ queue, jobType }) => [`${queue} ${jobType}`, { queue, jobType, keyed: false }]),
      );
      announce(lanes.values());
    }
    for (const jobId of jobsCancelled) cancelled(jobId);
  }
  const undo = [
    supervisor.onCommitted(hear),
    await database.listen(dueChannel, (payload) => void tell(laneOf(payload))),
    await database.listen(cancelledChannel, (payload) => void (payload !== null && cancelHere(payload))),
  ];
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    announce,
    cancelled,
    tellOthers: () => database.notify(dueChannel, ""),
    async stop() {
      await Promise.allSettled(undo.map((stop) => stop()));
    },
  };
}

/** NOTIFY takes 8,000 bytes, and a queue's name is shorter by far. */
const payloadOf = ({ queue, jobType, keyed }: DueLane): string => JSON.stringify([queue, jobType, keyed]);

/** Null: look at everything, as after a reconnect. */
function laneOf(payload: string | null): DueLane | null {
  if (payload === null || payload === "") return null;
  const parsed: unknown = JSON.parse(payload);
  if (!Array.isArray(parsed)) return null;
  const [queue, jobType, keyed]: unknown[] = parsed;
  return typeof queue === "string" && typeof jobType === "string" ? { queue, jobType, keyed: keyed === true } : null;
}
