/** When a job runs again, and whether it does. Pure: chance comes as an argument. */

/** Delays double from here: at most 1 s after the first attempt, 2 s after the second, … */
export const firstDelayMs = 1_000;
const delayMsMax = 60_000;
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

/** Exponential with full jitter, up to a minute: milliseconds until the next attempt. `chance` is in [0, 1). */
export function delayMs(attempt: number, chance: number, baseMs = firstDelayMs): number {
  // The exponent is bounded before it is used: 2 ** 2000 would be Infinity.
  return Math.round(chance * Math.min(delayMsMax, baseMs * 2 ** Math.min(attempt - 1, 30)));
}

/** Milliseconds until the next attempt, after one that failed; null when none is left. */
export function retryAfterFailure(tried: Tried, chance: number, baseMs = firstDelayMs): number | null {
  const counted = tried.attempt - tried.returned;
  return counted >= tried.attemptsMax ? null : delayMs(Math.max(counted, 1), chance, baseMs);
}

/**
 * The same after a lease that ran out. Before its attempt began, no attempt is burned and it runs again at once, but not
 * for ever: such a job may be what killed its holders.
 */
export function retryAfterExpiry(
  tried: Tried & { readonly token: number; readonly begun: boolean },
  chance: number,
  baseMs = firstDelayMs,
): number | null {
  if (tried.begun) return retryAfterFailure(tried, chance, baseMs);
  return tried.token - tried.attempt >= unbegunLeasesMax ? null : 0;
}
