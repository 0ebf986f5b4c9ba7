/**
 * A sink's circuit breaker, as a value: time comes in, nothing is timed here.
 *
 *   closed ──failuresMax in a row──▶ open ──openMs──▶ halfOpen ──success──▶ closed
 *                                     ▲───────failure────┘
 */

export interface BreakerPolicy {
  readonly failuresMax: number;
  readonly openMs: number;
}

export type Breaker =
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly untilMs: number }
  /** One batch is on its way to find out. */
  | { readonly state: "halfOpen" };

export const closedBreaker: Breaker = { state: "closed", failures: 0 };

/** The breaker as a batch wants to leave: `open` as before means that it must wait until then. */
export const breakerBefore = (breaker: Breaker, nowMs: number): Breaker =>
  breaker.state === "open" && nowMs >= breaker.untilMs ? { state: "halfOpen" } : breaker;

/** The breaker after a batch came back. A failure is one of the sink as a whole: a payload that it refused is none. */
export function breakerAfter(breaker: Breaker, failed: boolean, nowMs: number, policy: BreakerPolicy): Breaker {
  if (!failed) return closedBreaker;
  const failures = breaker.state === "closed" ? breaker.failures + 1 : policy.failuresMax;
  if (failures < policy.failuresMax) return { state: "closed", failures };
  return { state: "open", untilMs: nowMs + policy.openMs };
}
