/** Limits as they are stored, shown and applied to what comes in. */
import type { Instant } from "./clock.ts";
import { type Policies, type Policy, type PolicyScope, policyOf } from "./policy.ts";

/** Stands for each subject of its scope that has no policy of its own. */
export const everySubject = "*";

export type PolicyLimits = Omit<Policy, "scope" | "subject">;

export interface PolicyRow extends Policy {
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

export const noLimits: PolicyLimits = {
  paused: false,
  concurrencyMax: null,
  keyConcurrencyMax: null,
  ratePerS: null,
  rateBurst: null,
  enqueuePerS: null,
  enqueueBurst: null,
  depthMax: null,
  payloadBytesMax: null,
  retriesPerMin: null,
};

/** Jobs of one concurrency key that run at once, where the queue's policy does not say. */
export const keyConcurrencyDefault = 1;

/** Guardrails of a queue whose policy says nothing of them. */
export const defaultGuardrails = { depthMax: 1_000_000, payloadBytesMax: 1024 * 1024 } as const;

/** What limits a subject, if only by nothing. */
export const limitsOf = (policies: Policies, scope: PolicyScope, subject: string): PolicyLimits =>
  policyOf(policies, scope, subject) ?? noLimits;

/** How many may come together under a rate: what is set, else a second's worth. */
export const burstOf = (perS: number, burst: number | null): number => burst ?? Math.max(1, perS);
