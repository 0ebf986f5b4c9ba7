/**
 * What ships keep is bounded: by age (`archive_days`, `snapshot_days`) and by size (`bytes_kept`). A pass's archive goes with all that
 * lies beside it; its row and its ledger stay. Every node looks, each removes what is in its own data directory.
 *
 * In this order, so that a stop at any point harms nothing: the row is marked, and nobody is promised a file any more; the files go, the
 * archive last; the row notes that they are gone. A pass that is marked and whose archive is still there is gone on with.
 */
import { type Repeating, repeat } from "../jobs/repeat.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import {
  archiveUsage,
  type BoundedShip,
  type KeptPass,
  listBounded,
  listExpired,
  listHalfRemoved,
  listOldest,
  markRemoved,
  noteRemoved,
  pruneSnapshots,
} from "../store/kept-passes.ts";
import type { Sql } from "../store/sql.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { isArchiveHere, removeArchive } from "./archive-files.ts";

export interface ShipRetentionParts {
  readonly sql: Sql;
  readonly telemetry: Telemetry;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: a minute. */
  readonly everyMs?: number;
}

const batchMax = 500;
/** In one round: a backlog takes several. */
const batchesMax = 20;
const firstId = "00000000-0000-0000-0000-000000000000";

export function startShipRetention(parts: ShipRetentionParts): Repeating {
  const { everyMs = 60_000, log } = parts;
  let isStopped = false;
  const repeating = repeat("retention of ships", everyMs, log, () => retain(parts, () => isStopped));
  return {
    ...repeating,
    stop() {
      isStopped = true;
      return repeating.stop();
    },
  };
}

/** One round. Bears repetition, and others doing the same at once. */
export async function retain(parts: ShipRetentionParts, isStopped: () => boolean = () => false): Promise<void> {
  const { sql, log } = parts;
  await eachOf(listHalfRemoved, parts, isStopped, async (pass) => {
    await end(parts, pass);
  });
  await eachOf(listExpired, parts, isStopped, async (pass) => {
    await remove(parts, pass, "it was kept for as long as its ship's archive_days say");
  });
  for (const ship of await listBounded(sql)) {
    if (isStopped()) return;
    await keepWithin(parts, ship, isStopped).catch((error: unknown) => {
      log.warn({ err: error, ship: ship.ship }, "what a ship keeps could not be bounded: the next round tries again");
    });
  }
  for (let batch = 0; batch < batchesMax && !isStopped(); batch++) {
    if ((await pruneSnapshots(sql, batchMax)) < batchMax) break;
  }
}

/** What is not here stays in the list: pages go past it. */
async function eachOf(
  list: (sql: Sql, after: string, countMax: number) => Promise<KeptPass[]>,
  { sql, log }: ShipRetentionParts,
  isStopped: () => boolean,
  visit: (pass: KeptPass) => Promise<void>,
): Promise<void> {
  let after = firstId;
  for (let batch = 0; batch < batchesMax; batch++) {
    const passes = await list(sql, after, batchMax);
    for (const pass of passes) {
      if (isStopped()) return;
      after = pass.passId;
      await visit(pass).catch((error: unknown) => {
        log.warn(
          { err: error, passId: pass.passId },
          "the archive of a pass could not be removed: the next round tries again",
        );
      });
    }
    if (passes.length < batchMax) return;
  }
}

/**
 * Copies in the hot store of what is archived go first, as nothing is lost with them, then the oldest archives. Those that another
 * node has are that node's to remove: they count as gone here, so that no younger one goes in their stead.
 */
async function keepWithin(
  parts: ShipRetentionParts,
  { ship, bytesKept }: BoundedShip,
  isStopped: () => boolean,
): Promise<void> {
  const { sql, telemetry, log } = parts;
  const hot = await telemetry.trim(ship);
  if (bytesKept === null) return;
  let { bytes: kept } = await archiveUsage(sql, ship);
  if (kept + hot <= bytesKept) return;
  let left = await telemetry.trim(ship, Math.max(0, bytesKept - kept));
  let removed = 0;
  let last: KeptPass | null = null;
  for (let batch = 0; batch < batchesMax && kept + left > bytesKept; batch++) {
    const passes: KeptPass[] = await listOldest(sql, ship, last, batchMax);
    for (const pass of passes) {
      if (kept + left <= bytesKept || isStopped()) break;
      if (await remove(parts, pass, "its ship had more than its quota.bytes_kept")) removed += 1;
      kept -= pass.bytes;
      left = await telemetry.trim(ship);
      last = pass;
    }
    if (passes.length < batchMax) break;
  }
  const about = { ship, bytesKept, archiveBytes: kept, hotBytes: left, removed };
  if (removed > 0) log.info(about, "the oldest archives of a ship were removed as it had more than its quota");
  if (kept + left > bytesKept)
    log.warn(
      about,
      "a ship keeps more than its quota, in passes under way or that unfinished plans still read: raise bytes_kept, or end them",
    );
}

/** False: its files are not here, or it is in use. */
async function remove(parts: ShipRetentionParts, pass: KeptPass, why: string): Promise<boolean> {
  const { sql, dataDir, clock, log } = parts;
  const { passId, path } = pass;
  if (!(await isArchiveHere(dataDir, passId, path))) return false;
  if (!(await markRemoved(sql, { passId, why, at: clock.now() }))) return false;
  log.info({ passId, ship: pass.ship, path, why }, "the archive of a pass is removed");
  await end(parts, pass);
  return true;
}

/** It is marked. */
async function end({ sql, telemetry, dataDir }: ShipRetentionParts, pass: KeptPass): Promise<void> {
  const { ship, passId, token, path } = pass;
  if (!(await isArchiveHere(dataDir, passId, path))) return;
  await telemetry.drop({ ship, passId, token });
  await removeArchive(passId, path);
  await noteRemoved(sql, [passId]);
}
