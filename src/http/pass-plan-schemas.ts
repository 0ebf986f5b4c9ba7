/** The schemas of planning: what is asked for, what became of it, what clashes. */
import { z } from "@hono/zod-openapi";
import { type ConflictPolicy, conflictPolicies } from "../model/pass-conflicts.ts";
import { dateTime } from "./date.ts";
import { contactWindow, Pass, PassParam, PassSummary, passSecondsMax } from "./pass-schemas.ts";
import { id } from "./schemas.ts";

export const passesAtOnceMax = 1_000;
export const extendPolicies = ["reject", "priority"] as const satisfies readonly ConflictPolicy[];

export const PassesParam = PassParam.or(z.array(PassParam).min(1).max(passesAtOnceMax)).openapi({
  description: "One pass, or a list: all of them are planned or none",
});

export const PlanQuery = z.object({
  on_conflict: z.enum(conflictPolicies).optional().openapi({
    description:
      "reject, the default: 409 with every pass that is in the way. priority: the lower one is cancelled; of two alike, the one asked for. trim: the longest free part is planned. split: every free part is",
    default: "reject",
  }),
  dry_run: z
    .enum(["true", "false"])
    .optional()
    .openapi({ description: "true: nothing is stored, the answer tells what would be" }),
});

const Conflict = z
  .object({
    index: z.int().openapi({ description: "Which of the passes asked for, from 0" }),
    on: z.array(z.enum(["ship", "station", "port"])),
    pass_id: id,
    with_index: z.int().nullable().openapi({ description: "Not null: the other one stands in the same request" }),
    ...contactWindow,
    priority: z.int(),
  })
  .openapi("PassConflict");

const report = {
  cancelled: z.array(PassSummary).openapi({ description: "Passes that were cancelled to make room" }),
  conflicts: z.array(Conflict),
};

/** One pass, as it is stored; where others were in its way, they are named. */
export const PlannedPass = Pass.extend({
  cancelled: report.cancelled.optional(),
  conflicts: report.conflicts.optional(),
}).openapi("PlannedPass");

export const PassReport = z
  .object({
    dry_run: z.boolean(),
    accepted: z.boolean().openapi({ description: "false: without dry_run it would be refused with 409" }),
    passes: z.array(PassSummary),
    ...report,
  })
  .openapi("PassReport");

export const ExtendParam = z
  .object({
    los: dateTime.nullish().openapi({ description: "The new LOS, later than the one it has; this or by_s" }),
    by_s: z.number().positive().max(passSecondsMax).nullish().openapi({ description: "So much later" }),
  })
  .openapi("ExtendParam");

export const ExtendQuery = z.object({
  on_conflict: z.enum(extendPolicies).optional().openapi({
    description: "reject, the default, or priority: passes of lower priority are cancelled",
    default: "reject",
  }),
});
