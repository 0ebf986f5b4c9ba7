/** The schemas of passes and listeners, for the document and for the check of a new pass. */
import { isIP } from "node:net";
import { z } from "@hono/zod-openapi";
import { flowNamePattern } from "../model/flow-name.ts";
import { passStates, shipFormats, shipNamePattern } from "../model/pass.ts";
import { text, uuid } from "./check.ts";
import { dateTime } from "./date.ts";
import { Replay } from "./pass-replay-schemas.ts";
import { date, id } from "./schemas.ts";

const seconds = (max: number) => z.number().min(0).max(max);

/** A pass may be as long as a link to a geostationary ship is kept up, within reason. */
export const passSecondsMax = 31 * 86_400;
export const marginSecondsMax = 86_400;

const hostAddress = text.refine((host) => host === "localhost" || isIP(host) !== 0, "an IP address is needed");

export const PassParam = z
  .object({
    id: uuid.nullish().openapi({ description: "A new one if absent. The same id and body again gives the same pass" }),
    ship: z.string().regex(shipNamePattern, "it is no name of a ship"),
    station: text.max(200).nullish(),
    host: hostAddress.nullish().openapi({ description: "The address to listen on; the configured one if absent" }),
    port: z
      .union([z.int().min(1).max(65_535), z.literal("auto")], 'a whole number from 1 to 65535, or "auto", is needed')
      .nullish()
      .openapi({ description: "auto, the default: a free one of the configured range" }),
    aos: dateTime,
    los: dateTime.nullish().openapi({ description: "This or duration_s" }),
    duration_s: z.number().positive().max(passSecondsMax).nullish(),
    template: text.nullish().openapi({ description: "Becomes a plan when the pass is over" }),
    flows: z.array(text.regex(flowNamePattern, "it is no name of a flow")).max(20).nullish().openapi({
      description: "Message flows that are told what the products of its plan do, beside those that its template names",
    }),
    prepass_margin_s: seconds(marginSecondsMax).nullish().openapi({ description: "The port opens so long before AOS" }),
    drain_margin_s: seconds(marginSecondsMax)
      .nullish()
      .openapi({ description: "It is read for at most so long after LOS" }),
    priority: z.int().min(-1000).max(1000).nullish(),
  })
  .openapi("PassParam");

const State = z.enum(passStates).openapi("PassState");

const Counters = z
  .object({
    datagrams: z.int(),
    bytes: z.int(),
    received: z.int(),
    stored: z.int(),
    duplicates: z.int(),
    out_of_order: z.int(),
    rejected: z.int(),
    missing: z.int(),
    kernel_drops: z.int().nullable(),
    queue_drops: z.int(),
    store_drops: z.int(),
  })
  .openapi("PassCounters");

const count = z.int();

const Gap = z.object({ after: count, count, at: date, ambiguous: z.boolean(), outage: z.boolean() }).openapi("Gap");

const Apid = z
  .object({
    apid: count,
    received: count,
    stored: count,
    duplicates: count,
    conflicts: count,
    out_of_order: count,
    missing: count,
    gaps: z.array(Gap),
    gaps_omitted: count,
    first_count: count.nullable(),
    last_count: count.nullable(),
  })
  .openapi("ApidLedger");

const Late = z
  .object({
    received: count.openapi({ description: "idle + rejected + duplicates + stored" }),
    stored: count,
    duplicates: count,
    conflicts: count,
    rejected: count,
    idle: count,
    bytes: count,
    uploads: count,
    last_at: date,
  })
  .openapi("LateLedger");

export const Ledger = z
  .object({
    received: count.openapi({ description: "idle + rejected + duplicates + queue_drops + store_drops + stored" }),
    stored: count,
    duplicates: count,
    out_of_order: count,
    rejected: z.record(z.string(), count),
    missing: count.openapi({ description: "By sequence, all APIDs" }),
    conflicts: count,
    idle: count,
    datagrams: count,
    kernel_drops: count.nullable().openapi({ description: "null: unknown on this system" }),
    queue_drops: count,
    store_drops: count,
    outage: count,
    upstream: count,
    unattributed: count,
    outage_ms: count,
    completeness: z.number().openapi({ description: "0–1" }),
    bytes: count,
    late: Late.nullable().openapi({ description: "Of all the above, what came after the pass; null: nothing did" }),
    apids: z.array(Apid),
  })
  .openapi("Ledger");

const Archive = z
  .object({
    path: z.string(),
    format: z.enum(shipFormats),
    sha256: z.string(),
    size_bytes: count,
    packets: count,
  })
  .openapi("PassArchive");

/** Whose, where and when it is. */
export const contactWindow = {
  ship: z.string(),
  station: z.string().nullable(),
  host: z.string(),
  port: z.int(),
  aos: date,
  los: date,
};

const summary = {
  id,
  ...contactWindow,
  prepass_margin_s: z.number(),
  drain_margin_s: z.number(),
  template: z.string().nullable(),
  flows: z.array(z.string()).openapi({ description: "That are told what the products of its plan do" }),
  priority: z.int(),
  state: State,
  reason: z.string().nullable().openapi({ description: "Why it ended as it did, or why its port is not open now" }),
  node: z.string().nullable(),
  opened_date: date.nullable(),
  receive_buffer_bytes: count.nullable(),
  dataset_id: id.nullable().openapi({ description: "The plan that the pass's template became" }),
  contact: z.string().nullable().openapi({ description: "The contact that it was planned from" }),
  counters: Counters.nullable(),
  created_by: z.string(),
  created_date: date,
  modified_date: date,
};

export const PassSummary = z.object(summary).openapi("PassSummary");

export const Pass = z
  .object({
    ...summary,
    ledger: Ledger.nullable().openapi({ description: "null: its port was not open yet" }),
    ledger_date: date.nullable(),
    archive: Archive.nullable().openapi({ description: "As it was written, whether or not it was removed" }),
    archive_removed_date: date.nullable().openapi({ description: "When its ship's retention or quota took its files" }),
    archive_removed_reason: z.string().nullable(),
    replays: z.array(Replay).openapi({ description: "The last 100" }),
  })
  .openapi("Pass");

export const PassList = z.object({ rows: z.array(PassSummary), next_page: z.int().nullable() }).openapi("PassList");

export const PassQuery = z.object({
  state: State.optional(),
  ship: z.string().optional(),
  contact: z.string().optional(),
  page: z.string().optional().openapi({ type: "integer", minimum: 0, default: 0 }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
});

const Listener = z
  .object({
    pass_id: id,
    ship: z.string(),
    station: z.string().nullable(),
    host: z.string(),
    port: z.int(),
    state: State,
    node: z.string().nullable(),
    aos: date,
    los: date,
    opened_date: date.nullable(),
    received: count.nullable().openapi({ description: "Packets so far, as far as it is known here" }),
  })
  .openapi("Listener");

export const Listeners = z
  .object({ count, listeners: z.array(Listener).openapi({ description: "Up to 1,000 of them" }) })
  .openapi("Listeners");
