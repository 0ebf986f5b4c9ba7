/** What the benchmarks ask of a job queue, so that Orrery and its peers are driven by the same code. */

/** The work is nothing: it calls `onStart` and is done. */
export interface QueueParts {
  /** The database or the Redis that it works on, empty. */
  readonly url: string;
  /** What the benchmark wants to be other than this queue's best settings, as JSON. */
  readonly settings: Readonly<Record<string, number>>;
  onStart(): void;
}

export interface Queue {
  /** Stores `count` jobs, 10,000 in each call; none runs before `begin`. */
  fill(count: number): Promise<void>;
  /** Jobs run from now on. */
  begin(): Promise<void>;
  /** No more jobs run. */
  end(): Promise<void>;
  /** Asks the store whether a job waits or runs. */
  hasLeft(): Promise<boolean>;
  /** Enqueues one job as a client would; resolves when it is stored. */
  one(): Promise<void>;
  /** What the store knows of jobs that have ended, for the honest column of the table. */
  records(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

export const jobsAtOnce = 10_000;
