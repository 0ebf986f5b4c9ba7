/** The schemas of alarms, for the document and for the check of an acknowledgement. */
import { z } from "@hono/zod-openapi";
import { acknowledgeCommentMax, alarmKinds, alarmStates, severities } from "../model/alarm.ts";
import { anyJson, text } from "./check.ts";
import { date, id } from "./schemas.ts";

const Severity = z.enum(severities).openapi("Severity");

export const AlarmQuery = z.object({
  dataset: z.string().optional().openapi({ format: "uuid" }),
  ship: z.string().optional(),
  pass: z.string().optional().openapi({ format: "uuid" }),
  kind: z.enum(alarmKinds).optional(),
  severity: Severity.optional(),
  state: z
    .enum(alarmStates)
    .optional()
    .openapi({ description: "active: not yet both cleared and acknowledged. Default: all" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().optional(),
});

export const Acknowledgement = z
  .object({
    comment: text
      .transform((given) => given.trim())
      .refine((given) => given !== "", "a comment is needed: what was seen, or done")
      .refine(
        (given) => given.length <= acknowledgeCommentMax,
        `at most ${acknowledgeCommentMax} characters are needed`,
      )
      .openapi({ type: "string", minLength: 1, maxLength: acknowledgeCommentMax }),
  })
  .openapi("AlarmAcknowledgement");

export const Alarm = z
  .object({
    id,
    kind: z.string().openapi({ example: "parameter.limit" }),
    severity: Severity.openapi({ description: "The gravest since it was raised" }),
    active: z.boolean().openapi({ description: "Until it is both cleared and acknowledged" }),
    ship: z.string().nullable(),
    pass_id: id.nullable(),
    subject: z
      .string()
      .openapi({ description: "The parameter or the packet; empty: the pass as a whole, or the product" }),
    dataset_id: id.nullable(),
    product_id: id.nullable(),
    at: date.openapi({ description: "When it was raised first" }),
    raised: z.int().openapi({ description: "How often it was raised while it was active" }),
    cleared_at: date.nullable().openapi({ description: "Since when its condition is over" }),
    resolution: z.string().nullable().openapi({ description: "Why, where the condition did not just go away" }),
    acknowledged_at: date.nullable(),
    acknowledged_by: z.string().nullable(),
    comment: z.string().nullable(),
    detail: anyJson,
    sent_at: date.nullable().openapi({ description: "When the webhook took what it was told last" }),
  })
  .openapi("Alarm");
