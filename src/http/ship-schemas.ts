/** The schemas of ships and their telemetry, for the document and for the check of a registration. */
import { z } from "@hono/zod-openapi";
import { limitNames } from "../ground/decode.ts";
import { shipFormats } from "../model/pass.ts";
import { tenancyBounds } from "../model/tenancy.ts";
import { anyJson, text } from "./check.ts";
import { date, id } from "./schemas.ts";

export const ShipFormatName = z.enum(shipFormats).openapi("ShipFormat", {
  description: "What a datagram holds: CCSDS space packets, one raw record, or one JSON object",
});

const within = (what: keyof typeof tenancyBounds) =>
  z.number().min(tenancyBounds[what][0]).max(tenancyBounds[what][1]).nullable();
const octets = (what: "bytesKept" | "hotBytes") =>
  z.int().min(tenancyBounds[what][0]).max(tenancyBounds[what][1]).nullable();

const quota = {
  packets_per_s: within("packetsPerS").openapi({ description: "More are dropped and counted as over_quota" }),
  bytes_kept: octets("bytesKept").openapi({ description: "In the hot store and in archives: the oldest go first" }),
  hot_bytes: octets("hotBytes").openapi({ description: "In the hot store; null: ground.hot_bytes_max" }),
};
const Quota = z.strictObject(quota).openapi("ShipQuota");
export const QuotaParam = z.strictObject(quota).partial().openapi("ShipQuotaParam");

const retention = {
  archive_days: within("days").openapi({ description: "Archives and all beside them; null: for ever" }),
  hot_hours: within("hours").openapi({ description: "In the hot store, once archived; null: 24 in Redis" }),
  snapshot_days: within("days").openapi({ description: "A pass's counters over time; null: 90" }),
};
const Retention = z.strictObject(retention).openapi("ShipRetention");
export const RetentionParam = z.strictObject(retention).partial().openapi("ShipRetentionParam");

const Usage = z
  .object({
    bytes_kept: z.int().nullable().openapi({ description: "The sum of the two below" }),
    archive_bytes: z.int(),
    archives: z.int().openapi({ description: "Passes that have one" }),
    hot_bytes: z.int().nullable().openapi({ description: "null: the hot store does not answer" }),
  })
  .openapi("ShipUsage");

export const ShipParam = z
  .object({
    format: ShipFormatName,
    packets: anyJson.openapi({
      description:
        "The packet definition, or the array of its packets, or { xtce, crc }: the text of an XTCE file, and whether packets end in a CRC-16; ccsds only",
    }),
    completeness_min: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .optional()
      .openapi({ description: "A pass that is less complete raises an alarm. null: none does; absent: as it was" }),
    quota: QuotaParam.nullish().openapi({ description: "Absent: as it was. null, or a null in it: none" }),
    retention: RetentionParam.nullish().openapi({ description: "Absent: as it was. null: the defaults" }),
  })
  .openapi("ShipParam");

export const XtceFile = z.strictObject({ xtce: z.string(), crc: z.boolean().default(false) });

export const OrbitParam = z
  .object({
    tle: z
      .union([text.max(500), z.array(text.max(200)).max(3)], "a text, or a list of lines, is needed")
      .nullable()
      .openapi({ description: "Two lines, or three with a name above; as a text or as a list. null: it is forgotten" }),
  })
  .openapi("OrbitParam");

export const Orbit = z
  .object({
    name: z.string().nullable(),
    catalog_number: z.string(),
    epoch: date.openapi({ description: "When the elements fit best" }),
    lines: z.array(z.string()),
  })
  .openapi("Orbit");

export const ShipOrbit = z.object({ ship: z.string(), tle: Orbit.nullable() }).openapi("ShipOrbit");

const summary = { ship: z.string(), format: ShipFormatName, modified_by: z.string(), modified_date: date };

export const ShipSummary = z.object(summary).openapi("ShipSummary");

const LeftOut = z
  .object({
    line: z.int(),
    path: z.string().openapi({ example: "SpaceSystem[Sat]/TelemetryMetaData/AlgorithmSet" }),
    reason: z.string(),
    count: z.int().openapi({ description: "Elements left out for this reason; line and path are those of the first" }),
  })
  .openapi("LeftOut");

export const Ship = z
  .object({
    ...summary,
    packets: anyJson.openapi({ description: "null: packets are stored undecoded" }),
    tle: Orbit.nullable().openapi({ description: "null: its orbit is unknown" }),
    quota: Quota,
    retention: Retention,
    usage: Usage,
    completeness_min: z.number().nullable().openapi({ description: "A pass that is less complete raises an alarm" }),
    left_out: z
      .array(LeftOut)
      .optional()
      .openapi({ description: "Of an XTCE file that was just sent: what is not in the definition" }),
  })
  .openapi("Ship", {
    required: [
      "ship",
      "format",
      "packets",
      "tle",
      "quota",
      "retention",
      "usage",
      "completeness_min",
      "modified_by",
      "modified_date",
    ],
  });

export const TelemetryCountSchema = z
  .object({ ship: z.string(), count: z.int().openapi({ description: "Packets" }), bytes: z.int() })
  .openapi("TelemetryCount");

export const ParameterValue = z
  .object({
    value: z.union([z.number(), z.string()]).nullable(),
    raw: z.number().nullable(),
    unit: z.string().nullable(),
    limit: z.enum(limitNames).nullable(),
    packet: z.string(),
    at: date.openapi({ description: "When its packet arrived" }),
    taken: date.optional().openapi({ description: "When the value was taken, by the packet's own time" }),
  })
  .openapi("ParameterValue");

export const LatestTelemetry = z
  .object({ ship: z.string(), parameters: z.record(z.string(), ParameterValue) })
  .openapi("LatestTelemetry");

const Packet = z
  .object({
    pass_id: id,
    arrived_date: date,
    size_bytes: z.int(),
    conflict: z.boolean().openapi({ description: "Its sequence count was seen before with other bytes" }),
    header: z
      .object({
        type: z.int(),
        apid: z.int(),
        sequence_flags: z.int(),
        sequence_count: z.int(),
        secondary_header: z.boolean(),
      })
      .nullable()
      .openapi({ description: "The CCSDS primary header; null for other formats" }),
    data: z.string().openapi({ description: "The whole packet, in the encoding asked for" }),
  })
  .openapi("Packet");

export const TelemetryPackets = z
  .object({ ship: z.string(), rows: z.array(Packet), next_before: z.string().nullable() })
  .openapi("TelemetryPackets");
