/** A command on its way: in the mailbox, in a turn, or waiting for its commit. */
import type { Command } from "../model/command.ts";
import { LeaseLostError, OverloadedError } from "../model/errors.ts";
import type { JobId } from "../model/ids.ts";
import type { Turn } from "./turn.ts";

/** A command that other nodes undid this often is given up with 503. */
const triesMax = 50;

/** Who asked, and under which conditions. */
export interface Origin {
  readonly service: string;
  /** What happened, for the history: "plan.publish", "attempt.succeeded". */
  readonly cause: string;
  readonly idempotency?: { readonly route: string; readonly key: string; readonly digest: string };
  /** The revision that the caller has seen (If-Match); another one is refused. */
  readonly ifRevision?: number;
}

export interface Answer {
  /** The whole plan, as GET returns it next; empty for a job's command, whose sender needs none. */
  readonly planJson: string;
  /** Null when a stored answer was given again. */
  readonly revision: number | null;
}

export class Entry {
  readonly command: Command;
  readonly origin: Origin;
  readonly deadlineMs: number;
  /** How often its turn was undone by another node's. */
  tries = 0;
  settled = false;
  /** Turns of this command that were sent with an unknown outcome and not found: they may still come through. */
  readonly suspects: Pick<Turn, "datasetId" | "revision" | "turnId">[] = [];
  #wasSuperseded = false;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    command: Command,
    origin: Origin,
    deadlineMs: number,
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
  ) {
    this.command = command;
    this.origin = origin;
    this.deadlineMs = deadlineMs;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The first outcome counts; a later one, of a commit that was unknown for too long, has nobody to hear it. */
  resolve(answer: Answer): void {
    if (this.settled) return;
    this.settled = true;
    this.#resolve(answer);
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.#reject(error);
  }

  /** Whether its turn, undone, is to be run on what the store holds now; `superseded` are jobs whose lease is gone. */
  mayRunAgain(superseded: ReadonlySet<JobId>): boolean {
    if (this.settled) return false;
    this.tries += 1;
    const { command } = this;
    if ("token" in command && superseded.has(command.jobId)) {
      // Its own ghost may be what ended the lease: one more look tells, as after it no ghost can pass the fence.
      if (this.suspects.length > 0 && !this.#wasSuperseded) this.#wasSuperseded = true;
      else this.reject(new LeaseLostError(command.jobId, command.token));
    } else if (this.tries > triesMax) {
      this.reject(new OverloadedError(`Other nodes kept changing dataset ${command.datasetId}: try again shortly`));
    }
    return !this.settled;
  }

  /** The job whose outcome this is; null for a client's command. */
  get jobId(): JobId | null {
    return "jobId" in this.command ? this.command.jobId : null;
  }
}
