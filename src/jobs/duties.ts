/** What a node that runs jobs does again and again: renews its leases, reaps those of others, looks for work, says that it lives, cleans up. */
import { hostname } from "node:os";
import type { Computes } from "../compute/compute.ts";
import type { Clock } from "../model/clock.ts";
import type { JobId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { dueLanes, promoteDueJobs } from "../store/due-jobs.ts";
import { forgetWorker, notePresence } from "../store/presence.ts";
import type { Database } from "../store/sql.ts";
import { vacuumJobs } from "../store/vacuum.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { Bundles } from "./bundles.ts";
import type { Claims } from "./claims.ts";
import { startHeartbeat } from "./heartbeat.ts";
import type { HeldJob } from "./held-job.ts";
import type { Lanes } from "./lanes.ts";
import { policyChannel } from "./policy-cache.ts";
import { reap } from "./reaper.ts";
import { type Repeating, repeat } from "./repeat.ts";
import { startRetention } from "./retention.ts";

const presenceMs = 5_000;
const promotedMax = 1000;
const vacuumMs = 3_000;
/** As many are gone in some 10 ms. */
const deadRowsMin = 20_000;
const lanesMax = 10_000;

export interface DutyParts {
  readonly database: Database;
  readonly supervisor: Pick<Supervisor, "submit">;
  readonly computes: Computes;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  readonly version: string;
  readonly labels: readonly string[];
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly concurrency: number;
  readonly retentionDays: number;
  readonly held: ReadonlyMap<JobId, HeldJob>;
  readonly bundles: Bundles;
  readonly claims: Claims;
  readonly lanes: Lanes;
  onLost(held: HeldJob, why: "cancelled" | "superseded"): void;
  /** Lanes were woken. */
  onWork(): void;
  onPresence(isDraining: boolean): void;
}

/** Resolves when each that matters at a start has been done once. */
export async function startDuties(parts: DutyParts): Promise<Repeating[]> {
  const { database, log, leaseMs, pollMs, claims, lanes, nodeId } = parts;
  const { sql } = database;

  /** Finds everything that no hint told of: time passed, a node died, a limit was lifted. */
  async function poll(): Promise<void> {
    while ((await promoteDueJobs(sql, promotedMax)) === promotedMax);
    await claims.reload();
    await claims.sweepHeld();
    lanes.forgetIdle();
    for (const lane of await dueLanes(sql, lanesMax)) lanes.wake(lane);
    parts.onWork();
  }
  async function presence(): Promise<void> {
    const { concurrency: slots, labels, version } = parts;
    const self = { workerId: nodeId, kind: "node", name: hostname(), host: hostname(), queues: null } as const;
    parts.onPresence(await notePresence(sql, { ...self, version, labels, slots, held: parts.held.size }));
  }

  async function vacuum(): Promise<void> {
    await vacuumJobs(sql, deadRowsMin);
  }

  const reaping = { ...parts, sql };
  await reap(reaping);
  await presence();
  const polling = repeat("poll", pollMs, log, poll);
  // A queue that is unpaused, or let run more at once, goes on at once.
  const unlisten = await database.listen(policyChannel, () => polling.now());
  await poll();
  const present = repeat("presence", presenceMs, log, presence);
  return [
    startHeartbeat(reaping),
    repeat("reaper", leaseMs / 3, log, async () => {
      if ((await reap(reaping)) > 0) polling.now();
    }),
    {
      ...polling,
      async stop() {
        await unlisten();
        await polling.stop();
      },
    },
    {
      ...present,
      async stop() {
        await present.stop();
        await forgetWorker(sql, nodeId).catch(() => undefined); // it is seen to be gone after a while
      },
    },
    startRetention(sql, log, parts.retentionDays),
    ...(database.kind === "postgres" ? [repeat("vacuum", vacuumMs, log, vacuum)] : []),
  ];
}
