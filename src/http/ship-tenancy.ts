/** A ship as a tenant over HTTP: its quota and retention as they are sent and shown, and what it uses now. */
import type { z } from "@hono/zod-openapi";
import type { ShipRow } from "../model/pass.ts";
import { defaultRetention, noQuota, type ShipQuota, type ShipRetention } from "../model/tenancy.ts";
import { archiveUsage } from "../store/kept-passes.ts";
import type { AppParts } from "./parts.ts";
import type { QuotaParam, RetentionParam } from "./ship-schemas.ts";

/** Undefined, as it was sent: it stays as it is. */
export function quotaOf(given: z.output<typeof QuotaParam> | null | undefined): ShipQuota | undefined {
  if (given === undefined) return undefined;
  const { packets_per_s = null, bytes_kept = null, hot_bytes = null } = given ?? {};
  return given === null ? noQuota : { packetsPerS: packets_per_s, bytesKept: bytes_kept, hotBytes: hot_bytes };
}

export function retentionOf(given: z.output<typeof RetentionParam> | null | undefined): ShipRetention | undefined {
  if (given === undefined) return undefined;
  const { archive_days = null, hot_hours = null, snapshot_days = null } = given ?? {};
  if (given === null) return defaultRetention;
  return { archiveDays: archive_days, hotHours: hot_hours, snapshotDays: snapshot_days };
}

/** One sum over an index and one question to the hot store: nothing walks a directory. */
export async function shownTenancy(
  { database, telemetry, log }: Pick<AppParts, "database" | "telemetry" | "log">,
  { ship, quota, retention }: ShipRow,
): Promise<object> {
  const { bytes, archives } = await archiveUsage(database.sql, ship);
  const hot = await telemetry.trim(ship).catch((error: unknown) => {
    log.warn({ err: error, ship }, "the hot store does not say how much it holds of a ship");
    return null;
  });
  return {
    quota: { packets_per_s: quota.packetsPerS, bytes_kept: quota.bytesKept, hot_bytes: quota.hotBytes },
    retention: {
      archive_days: retention.archiveDays,
      hot_hours: retention.hotHours,
      snapshot_days: retention.snapshotDays,
    },
    usage: {
      bytes_kept: hot === null ? null : bytes + hot,
      archive_bytes: bytes,
      archives,
      hot_bytes: hot,
    },
  };
}
