/** When a job runs again, and whether it does. Pure: chance comes as an argument. */
import { defaults, type Outcome, type RetryRule } from "../compute/compute.ts";
import type { DeathReason } from "../model/job.ts";

/** A job that was leased so often without an attempt's start brings down whoever takes it. */
const unbegunLeasesMax = 20;

/** What is known of a job whose attempt has ended, or whose lease has. */
export interface Tried {
  /** Attempts begun, this one included. */
  readonly attempt: number;
  /** Those of them that a stopping node gave back. */
  readonly returned: number;
  readonly attemptsMax: number;
}

/** `inMs` null: it does not run again, for `reason`. */
export type Retry =
  | { readonly inMs: number; readonly reason: null; readonly givesBack: boolean }
  | { readonly inMs: null; readonly reason: DeathReason; readonly givesBack: false };

const dead = (reason: DeathReason): Retry => ({ inMs: null, reason, givesBack: false });

/** Milliseconds until the attempt after the `attempt`th, counted from 1. `chance` is in [0, 1). */
export function delayMs(attempt: number, chance: number, rule: RetryRule = defaults.retry): number {
  const { kind, baseMs, maxMs, jitter } = rule;
  // The exponent is bounded before it is used: 2 ** 2000 would be Infinity.
  const factor = kind === "exponential" ? 2 ** Math.min(attempt - 1, 30) : kind === "linear" ? attempt : 1;
  return Math.round(Math.min(maxMs, baseMs * factor) * (jitter ? chance : 1));
}

/** After an attempt that did not succeed. */
export function retryAfter(
  tried: Tried,
  outcome: Exclude<Outcome, { outcome: "succeeded" }>,
  chance: number,
  rule?: RetryRule,
): Retry {
  switch (outcome.outcome) {
    case "cancelled":
      // This node is stopping: another one may go on at once.
      return { inMs: 0, reason: null, givesBack: true };
    case "deferred":
      return { inMs: outcome.runInMs, reason: null, givesBack: true };
    case "failed":
    case "timed_out":
      return outcome.isFinal ? dead("not_retryable") : retryAfterFailure(tried, chance, rule);
    default:
      throw outcome satisfies never;
  }
}

/** After an attempt that failed, or whose holder was lost. */
export function retryAfterFailure(tried: Tried, chance: number, rule?: RetryRule): Retry {
  const counted = tried.attempt - tried.returned;
  if (counted >= tried.attemptsMax) return dead("attempts_exhausted");
  return { inMs: delayMs(Math.max(counted, 1), chance, rule), reason: null, givesBack: false };
}

/**
 * After a lease that ran out. Before its attempt began, no attempt is burned and it runs again at once, but not for ever:
 * such a job may be what killed its holders.
 */
export function retryAfterExpiry(
  tried: Tried & {
    readonly begun: boolean /** Leases before this one that ran out likewise. */;
    readonly unbegunBefore: number;
  },
  chance: number,
  rule?: RetryRule,
): Retry {
  if (tried.begun) return retryAfterFailure(tried, chance, rule);
  if (tried.unbegunBefore + 1 >= unbegunLeasesMax) return dead("lease_lost");
  return { inMs: 0, reason: null, givesBack: false };
}
