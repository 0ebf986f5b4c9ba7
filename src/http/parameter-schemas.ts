/** The schemas of parameters, for the document. */
import { z } from "@hono/zod-openapi";
import { fieldTypes } from "../ground/packet-definition.ts";
import { date } from "./schemas.ts";
import { ParameterValue } from "./ship-schemas.ts";

const range = z.object({ low: z.number().optional(), high: z.number().optional() }).optional();

const alarm = z
  .object({ violations: z.int(), of: z.int().optional() })
  .optional()
  .openapi({ description: "Of how many of the last values so many must be beyond a level; absent: one of one" });

const Parameter = z
  .object({
    name: z.string(),
    type: z.enum(fieldTypes).openapi({ description: "As the packet definition says" }),
    unit: z.string().nullable(),
    description: z.string().nullable(),
    packet: z.string(),
    apid: z.int(),
    enumeration: z.array(z.object({ value: z.int(), text: z.string() })).nullable(),
    limits: z.object({ watch: range, warning: range, critical: range, alarm }).nullable(),
    has_history: z.boolean().openapi({ description: "Numbers have one, an enum by its raw values" }),
  })
  .openapi("Parameter");

export const Parameters = z.object({ ship: z.string(), rows: z.array(Parameter) }).openapi("Parameters");

export const LatestOfOne = ParameterValue.extend({ ship: z.string(), name: z.string() }).openapi("LatestOfOne");

export const HistoryQuery = z.object({
  start: z.string().optional().openapi({ format: "date-time", description: "Default: an hour before the end" }),
  end: z.string().optional().openapi({ format: "date-time", description: "Not in it. Default: now" }),
  buckets: z
    .string()
    .optional()
    .openapi({ type: "integer", minimum: 1, maximum: 10_000, default: 500, description: "Rows at most" }),
});

export const ParameterHistory = z
  .object({
    ship: z.string(),
    name: z.string(),
    unit: z.string().nullable(),
    start: date,
    end: date,
    bucket_ms: z.number().openapi({ description: "What a row spans, a power of two. 1: a row is a value" }),
    rows: z.array(
      z.object({
        at: date.openapi({ description: "When the first value of the row was taken" }),
        min: z.number(),
        max: z.number(),
        avg: z.number(),
        n: z.int(),
      }),
    ),
    cuts: z
      .object({
        older_passes: z.boolean().openapi({ description: "There are older passes in that time than were looked at" }),
        passes_elsewhere: z.int().openapi({ description: "Passes whose files are not on this node" }),
        passes_behind: z
          .int()
          .openapi({ description: "Passes under way that were not decoded to their end: ask again" }),
      })
      .openapi({ description: "What the rows do not show" }),
  })
  .openapi("ParameterHistory");
