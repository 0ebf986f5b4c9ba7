/** The schemas of ships and their telemetry, for the document and for the check of a registration. */
import { z } from "@hono/zod-openapi";
import { limitNames } from "../ground/decode.ts";
import { shipFormats } from "../model/pass.ts";
import { anyJson } from "./check.ts";

const date = z.string().openapi({ format: "date-time", example: "2026-01-31T10:20:30.123456+00:00" });
const id = z.string().openapi({ format: "uuid" });

export const ShipFormatName = z.enum(shipFormats).openapi("ShipFormat", {
  description: "What a datagram holds: CCSDS space packets, one raw record, or one JSON object",
});

export const ShipParam = z
  .object({
    format: ShipFormatName,
    packets: anyJson.openapi({ description: "The packet definition, or the array of its packets; ccsds only" }),
  })
  .openapi("ShipParam");

const summary = { ship: z.string(), format: ShipFormatName, modified_by: z.string(), modified_date: date };

export const ShipSummary = z.object(summary).openapi("ShipSummary");

export const Ship = z
  .object({ ...summary, packets: anyJson.openapi({ description: "null: packets are stored undecoded" }) })
  .openapi("Ship", { required: ["ship", "format", "packets", "modified_by", "modified_date"] });

export const ShipList = z.object({
  after: z.string().optional().openapi({ description: "The `next_after` of the page before" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 1000, default: 200 }),
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
