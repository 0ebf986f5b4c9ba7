/** The schemas of contacts, for the document and for the check of one. */
import { z } from "@hono/zod-openapi";
import { text } from "./check.ts";
import { PassParam, passSecondsMax } from "./pass-schemas.ts";
import { date } from "./schemas.ts";

export const aheadDaysDefault = 7;

const { ship, station, host, port, template, flows, prepass_margin_s, drain_margin_s, priority } = PassParam.shape;

export const ContactParam = z
  .object({
    ...{ ship, station, host, port },
    cron: text
      .max(200)
      .openapi({ description: "[second] minute hour day month weekday; AOS is each tick", example: "30 6 * * *" }),
    timezone: text.max(100).nullish().openapi({ description: "Of the IANA database; UTC if absent" }),
    duration_s: z.number().min(1).max(passSecondsMax),
    ahead_days: z
      .int()
      .min(1)
      .max(60)
      .nullish()
      .openapi({
        description: `Passes are planned so many days ahead; ${aheadDaysDefault} if absent`,
      }),
    ...{ template, flows, prepass_margin_s, drain_margin_s, priority },
  })
  .openapi("ContactParam");

export const Contact = z
  .object({
    contact: z.string(),
    ship: z.string(),
    station: z.string().nullable(),
    host: z.string().nullable(),
    port: z.union([z.int(), z.literal("auto")]),
    cron: z.string(),
    timezone: z.string(),
    duration_s: z.number(),
    ahead_days: z.int(),
    template: z.string().nullable(),
    flows: z.array(z.string()),
    prepass_margin_s: z.number().nullable(),
    drain_margin_s: z.number().nullable(),
    priority: z.int(),
    planned_until: date.openapi({ description: "The last tick that became a pass" }),
    next_planning_date: date.nullable().openapi({ description: "null: its pattern has no tick any more" }),
    modified_by: z.string(),
    modified_date: date,
  })
  .openapi("Contact");

export const ContactList = z.object({ rows: z.array(Contact), next_after: z.string().nullable() });
