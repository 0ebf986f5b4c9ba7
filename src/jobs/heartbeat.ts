/** Renews every lease of this node, in few statements, a third of the lease apart, and tells the holders of lost ones to stop. */
import type { JobId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { renewLeases } from "../store/jobs.ts";
import type { Sql } from "../store/sql.ts";
import type { Bundles } from "./bundles.ts";
import type { HeldJob } from "./held-job.ts";
import { type Repeating, repeat } from "./repeat.ts";

/** Leases renewed in one statement. */
const batchMax = 1000;

export interface HeartbeatParts {
  readonly sql: Sql;
  readonly log: Log;
  readonly leaseMs: number;
  readonly held: ReadonlyMap<JobId, HeldJob>;
  readonly bundles: Pick<Bundles, "renew">;
  onLost(held: HeldJob, why: "cancelled" | "superseded"): void;
}

export function startHeartbeat(parts: HeartbeatParts): Repeating {
  return repeat("heartbeat", parts.leaseMs / 3, parts.log, () => beat(parts));
}

async function beat({ sql, leaseMs, held, bundles, onLost }: HeartbeatParts): Promise<void> {
  await bundles.renew(leaseMs);
  const all = [...held.values()].filter(({ bundleId }) => bundleId === null);
  for (let start = 0; start < all.length; start += batchMax) {
    const leases = all.slice(start, start + batchMax).map(({ job: { jobId, token } }) => ({ jobId, token }));
    for (const lost of await renewLeases(sql, leases, leaseMs)) {
      // It may have ended by its own outcome, or been leased anew, while the statement was under way.
      const one = held.get(lost.jobId);
      if (one?.job.token === lost.token) onLost(one, lost.why);
    }
  }
}
