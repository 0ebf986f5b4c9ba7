/** A job that this node has leased: waiting for a slot, running, or waiting for the commit of its outcome. */
import type { Stop } from "../compute/compute.ts";
import type { LeasedJob } from "../store/jobs.ts";
import type { Bundle } from "./bundles.ts";
import type { Lane } from "./lanes.ts";

/** Why a holder was told to stop. */
export type Ending =
  /** The product was updated, cleared, reset or disabled, in a commit. */
  | "cancelled"
  /** Another holder has it, or may have it. */
  | "superseded"
  /** This node stops: the job goes back. */
  | "stopping";

const texts: Record<Ending, string> = {
  cancelled: "its product was changed by somebody else",
  superseded: "its lease was lost",
  stopping: "the node is stopping",
};

/** The reason that a run's signal aborts with. */
export class EndingError extends Error {
  readonly ending: Ending;
  constructor(ending: Ending) {
    super(texts[ending]);
    this.name = "EndingError";
    this.ending = ending;
  }
}

export class HeldJob implements Stop {
  readonly job: LeasedJob;
  readonly lane: Lane;
  /** The one that it was leased in. */
  readonly bundle: Bundle | null;
  phase: "waiting" | "running" | "settling" = "waiting";
  ending: Ending | null = null;
  /** Of its run, on the monotonic clock. */
  startedMs = 0;
  /** From its start to the compute's end. */
  ranMs = 0;
  /** Made when somebody asks for it: most that wait are never told to end. */
  #abort: AbortController | null = null;

  constructor(job: LeasedJob, lane: Lane, bundle: Bundle | null = null) {
    this.job = job;
    this.lane = lane;
    this.bundle = bundle;
  }

  /** Of the bundle that holds its lease; null: a row of its own does, from the start or since its bundle was untied. */
  get bundleId(): string | null {
    return this.bundle?.isTied ? this.bundle.id : null;
  }

  get aborted(): boolean {
    return this.ending !== null;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.ending !== null && !this.#abort.signal.aborted) this.#abort.abort(new EndingError(this.ending));
    return this.#abort.signal;
  }

  /** Only the first reason counts. A job whose run is over hears from its commit. */
  end(ending: Ending): void {
    if (this.ending !== null || this.phase === "settling") return;
    this.ending = ending;
    this.#abort?.abort(new EndingError(ending));
  }
}
