/** Limits of queues, job types and datasets, as data: who may start how many, how fast, and what may come in. */

export const policyScopes = ["queue", "job_type", "dataset"] as const;
export type PolicyScope = (typeof policyScopes)[number];

/** Each limit may be null: there is none. */
export interface Policy {
  readonly scope: PolicyScope;
  /** `*` stands for each one that has no row of its own. */
  readonly subject: string;
  /** Nothing of it is leased; what runs goes on. */
  readonly paused: boolean;
  /** At once, over all nodes and workers. */
  readonly concurrencyMax: number | null;
  /** At once for each concurrency key of the queue; 1 if null. */
  readonly keyConcurrencyMax: number | null;
  /** Starts a second, and how many may come together (the rate, at least 1, if null). */
  readonly ratePerS: number | null;
  readonly rateBurst: number | null;
  readonly enqueuePerS: number | null;
  readonly enqueueBurst: number | null;
  readonly depthMax: number | null;
  readonly payloadBytesMax: number | null;
  /** Beyond them a failed job waits until there is budget. */
  readonly retriesPerMin: number | null;
}

export interface Policies {
  /** Grows with each change. */
  readonly version: number;
  readonly all: readonly Policy[];
}

/** The policy of a subject: its own, else the one of `*`, else null. */
export function policyOf(policies: Policies, scope: PolicyScope, subject: string): Policy | null {
  const byName = namesOf(policies);
  return byName.get(`${scope} ${subject}`) ?? byName.get(`${scope} *`) ?? null;
}

/** Made once for each set that was read: there may be thousands, and every job that comes in asks. */
const indexes = new WeakMap<Policies, ReadonlyMap<string, Policy>>();

function namesOf(policies: Policies): ReadonlyMap<string, Policy> {
  let index = indexes.get(policies);
  if (index === undefined) {
    index = new Map(policies.all.map((policy) => [`${policy.scope} ${policy.subject}`, policy]));
    indexes.set(policies, index);
  }
  return index;
}
