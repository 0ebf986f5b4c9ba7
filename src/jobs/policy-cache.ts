/** The policies as this node knows them: read again when a hint says that they changed, and every second that they are asked for. */
import type { Policies } from "../model/policy.ts";
import { readPolicies } from "../store/policies.ts";
import { readPolicyVersion } from "../store/policy-rows.ts";
import type { Database } from "../store/sql.ts";

/** Tells all nodes that a policy changed. */
export const policyChannel = "orrery_policy";

export interface PolicyCache {
  /** At most some seconds old; at once, mostly. */
  current(): Policies | Promise<Policies>;
  /** After a change of our own: the next `current` reads them again; other nodes are told. */
  changed(): void;
  stop(): Promise<void>;
}

/** Older: looked after in the background. */
const checkMs = 1000;
/** Older: not used any more without looking. */
const trustedMs = 5000;

export async function createPolicyCache(database: Database, monotonicMs: () => number): Promise<PolicyCache> {
  const { sql } = database;
  let known: Policies | null = null;
  let checkedMs = 0;
  let reading: Promise<Policies> | null = null;
  /** Grows when what is being read may be old already. */
  let changes = 0;

  function refresh(): Promise<Policies> {
    reading ??= (async () => {
      try {
        for (;;) {
          const before = changes;
          const startMs = monotonicMs();
          const isSame = known !== null && (await readPolicyVersion(sql)) === known.version;
          const read: Policies = isSame && known !== null ? known : await readPolicies(sql);
          if (before !== changes) continue;
          known = read;
          checkedMs = startMs;
          return read;
        }
      } finally {
        reading = null;
      }
    })();
    return reading;
  }

  function forget(): void {
    changes += 1;
    checkedMs = Number.NEGATIVE_INFINITY;
  }

  const unlisten = await database.listen(policyChannel, forget);
  return {
    current() {
      const ageMs = monotonicMs() - checkedMs;
      if (known === null || ageMs > trustedMs) return refresh();
      if (ageMs > checkMs) refresh().catch(() => undefined); // the next one that asks tries again
      return known;
    },
    changed() {
      forget();
      database.notify(policyChannel, "");
    },
    stop: unlisten,
  };
}
