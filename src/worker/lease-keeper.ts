/**
 * Keeps one lease alive: a heartbeat at every third of it. When no answer comes for the length of the lease, counted from before the
 * last answered heartbeat was sent, the server may have given the job away: the keeper says so, whoever is to blame.
 */
import { setImmediate } from "node:timers";
import { createBackoff, pause, within } from "../jobs/backoff.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { Lease, LeaseApi } from "./lease-api.ts";
import { LeaseOverdueError } from "./lease-errors.ts";

export interface LeaseKeeper {
  /** Whether the lease is held as far as this process can know. */
  isHeld(): boolean;
  stop(): void;
}

interface KeeperParts {
  readonly api: LeaseApi;
  readonly lease: Lease;
  /** When the request was sent whose answer gave the lease. */
  readonly sentMs: number;
  /** Called at most once: another worker may have the job from now on. */
  onLost(error: LeaseLostError): void;
  onBeat(): void;
  readonly nowMs: () => number;
}

/** For the answer to one heartbeat. */
export const beatMsMax = (lease: Lease): number => Math.max(lease.leaseMs / 3, 500);

/** Between tries while the server is away; small beside the shortest lease that makes sense. */
const retryMsMax = 2_000;

export function keepLease({ api, lease, sentMs, onLost, onBeat, nowMs }: KeeperParts): LeaseKeeper {
  const end = new AbortController();
  let heldUntilMs = sentMs + lease.leaseMs;
  let isLost = false;
  let timer = setTimeout(look, Math.max(heldUntilMs - nowMs(), 0));

  function lose(error: LeaseLostError): void {
    if (isLost || end.signal.aborted) return;
    isLost = true;
    end.abort();
    clearTimeout(timer);
    onLost(error);
  }

  function look(): void {
    const leftMs = heldUntilMs - nowMs();
    if (leftMs > 0) {
      timer = setTimeout(look, leftMs);
      return;
    }
    // After a freeze the end of the process waits in line behind this timer: it is heard first, as what ended is told as it ended.
    setImmediate(() => {
      if (heldUntilMs <= nowMs()) lose(new LeaseOverdueError(lease.jobId, lease.token, lease.leaseMs));
    });
  }

  async function beat(): Promise<void> {
    // Not longer each time: the last try before the end of the lease is the one that saves the job.
    const retryMs = Math.min(lease.leaseMs / 12, retryMsMax);
    const backoff = createBackoff(retryMs, retryMs);
    const beatMs = beatMsMax(lease);
    let nextMs = sentMs + lease.leaseMs / 3;
    while (!end.signal.aborted) {
      await pause(Math.max(nextMs - nowMs(), 0), end.signal);
      if (end.signal.aborted) return;
      const beganMs = nowMs();
      try {
        await within(beatMs, end.signal, (signal) => api.heartbeat(lease, signal));
        heldUntilMs = beganMs + lease.leaseMs;
        nextMs = beganMs + lease.leaseMs / 3;
        backoff.reset();
        onBeat();
      } catch (error) {
        if (error instanceof LeaseLostError) return lose(error);
        await backoff.wait(end.signal); // away, busy or refusing: it may come back before the lease ends
      }
    }
  }
  void beat();

  return {
    isHeld: () => !isLost && heldUntilMs > nowMs(),
    stop() {
      end.abort();
      clearTimeout(timer);
    },
  };
}
