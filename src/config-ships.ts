/** `ships` of orrery.yaml: ships that are registered at start. */
import * as v from "valibot";
import { type ShipFormat, shipFormats, shipNamePattern } from "./model/pass.ts";
import { type ShipQuota, type ShipRetention, tenancyBounds } from "./model/tenancy.ts";

export interface ShipConfig {
  readonly format: ShipFormat;
  /** The file with their definition, as written: relative to orrery.yaml. */
  readonly packets: string | null;
  /** Null: as the definition says. */
  readonly crc: boolean | null;
  /** Null, as is the next one: as the API says. */
  readonly quota: ShipQuota | null;
  readonly retention: ShipRetention | null;
}

export function within(what: keyof typeof tenancyBounds) {
  const [min, max] = tenancyBounds[what];
  return v.pipe(v.number(), v.minValue(min), v.maxValue(max));
}
const octets = (what: "bytesKept" | "hotBytes") => v.nullish(v.pipe(within(what), v.integer()));
const Quota = v.strictObject({
  packets_per_s: v.nullish(within("packetsPerS")),
  bytes_kept: octets("bytesKept"),
  hot_bytes: octets("hotBytes"),
});
const Retention = v.strictObject({
  archive_days: v.nullish(within("days")),
  hot_hours: v.nullish(within("hours")),
  snapshot_days: v.nullish(within("days")),
});

const ShipFields = v.strictObject({
  format: v.optional(v.picklist(shipFormats), "ccsds"),
  packets: v.optional(v.pipe(v.string(), v.nonEmpty())),
  crc: v.optional(v.boolean()),
  quota: v.optional(Quota),
  retention: v.optional(Retention),
});
export const Ships = v.record(
  v.pipe(
    v.string(),
    v.regex(shipNamePattern, "a name is 1 to 64 letters, digits or . _ -, the first a letter or a digit"),
  ),
  v.pipe(
    ShipFields,
    v.check(({ format, packets }) => format === "ccsds" || packets === undefined, "only ccsds has packets to define"),
    v.check(({ packets, crc }) => packets !== undefined || crc === undefined, "crc is of packets, and there are none"),
  ),
);

/** `path`: of keys, from `ships` on. */
export function shipKeys(path: readonly (string | number)[]): string[] {
  if (path.length === 2) return Object.keys(ShipFields.entries);
  return Object.keys((path[2] === "quota" ? Quota : Retention).entries);
}

export function shipsOf(ships: v.InferOutput<typeof Ships>): Record<string, ShipConfig> {
  return Object.fromEntries(
    Object.entries(ships).map(([name, { format, packets, crc, quota, retention }]) => [
      name,
      {
        ...{ format, packets: packets ?? null, crc: crc ?? null },
        quota: quota === undefined ? null : quotaOf(quota),
        retention: retention === undefined ? null : retentionOf(retention),
      },
    ]),
  );
}

const quotaOf = (quota: v.InferOutput<typeof Quota>): ShipQuota => ({
  packetsPerS: quota.packets_per_s ?? null,
  bytesKept: quota.bytes_kept ?? null,
  hotBytes: quota.hot_bytes ?? null,
});

const retentionOf = (retention: v.InferOutput<typeof Retention>): ShipRetention => ({
  archiveDays: retention.archive_days ?? null,
  hotHours: retention.hot_hours ?? null,
  snapshotDays: retention.snapshot_days ?? null,
});
