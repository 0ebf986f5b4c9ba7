/**
 * Opens a flow: at its start or, where what it needs is away then, as soon as that answers, so that a node serves though a sink of one flow is down.
 * What is wrong with the flow stops the start; where that shows only later, such as a table that is not there once its server is back, the flow
 * says so, and is looked at again from time to time.
 */
import { messageOf } from "../compute/function.ts";
import { createBackoff, pause } from "../jobs/backoff.ts";
import type { Log } from "../observe/log.ts";
import { AwayError } from "./away.ts";

export type OpeningState =
  | { readonly state: "open"; readonly reason: null }
  /** `opening`: it is tried again soon. `failed`: somebody must change something first. Before the first try there is no reason. */
  | { readonly state: "opening" | "failed"; readonly reason: string | null };

export interface Opening {
  readonly now: OpeningState;
  /** Resolves when it is open, when something is away, and when that is not known in time. Throws what is wrong. */
  start(): Promise<void>;
  /** It is not tried again, and what is under way is told. */
  stop(): void;
}

export interface OpeningParts {
  readonly flow: string;
  /**
   * Throws `AwayError`, or another error where it is wrong, or where the signal says meanwhile that nobody wants it any more. Leaves nothing open
   * then. Never called while another call runs.
   */
  open(signal: AbortSignal): Promise<void>;
  readonly log: Pick<Log, "info" | "warn">;
  readonly waits?: typeof waitsDefault;
}

const waitsDefault = {
  /** A server that says nothing holds up the start of a node for no longer. */
  startMs: 5_000,
  /** Between tries while something is away, longer each time. */
  awayMs: 500,
  awayMsMax: 15_000,
  /** Between looks at what is wrong. */
  wrongMs: 60_000,
};

export function createOpening({ flow, open, log, waits = waitsDefault }: OpeningParts): Opening {
  const { startMs, awayMs, awayMsMax, wrongMs } = waits;
  const stopping = new AbortController();
  const { signal } = stopping;
  const backoff = createBackoff(awayMs, awayMsMax);
  let now: OpeningState = { state: "opening", reason: null };
  let isStarting = true;

  async function attempt(): Promise<void> {
    try {
      await open(signal);
      now = { state: "open", reason: null };
      if (!isStarting) log.info({ flow }, "a flow is open now");
    } catch (error) {
      const state = error instanceof AwayError ? "opening" : "failed";
      if (state === "failed" && isStarting) throw error;
      const reason = messageOf(error);
      if (!signal.aborted && (now.state !== state || now.reason !== reason))
        log.warn({ flow, err: error }, `a flow is not open: ${state === "opening" ? "it waits" : "mend it"}`);
      now = { state, reason };
    }
  }

  async function goOn(first: Promise<void>): Promise<void> {
    await first;
    while (now.state !== "open" && !signal.aborted) {
      if (now.state === "failed") await pause(wrongMs, signal);
      else await backoff.wait(signal);
      if (!signal.aborted) await attempt();
    }
  }

  return {
    get now() {
      return now;
    },
    async start() {
      const first = attempt();
      const late = new AbortController();
      try {
        await Promise.race([first, pause(startMs, late.signal)]);
      } finally {
        late.abort();
        isStarting = false;
      }
      void goOn(first);
    },
    stop: () => stopping.abort(),
  };
}
