/** What templates, runs and backfills look like over HTTP: for the document, and for checking bodies. */
import { z } from "@hono/zod-openapi";
import { runSources, runStates } from "../store/template-runs.ts";
import { missedPolicies, overlapPolicies, paramTypes, taskKinds } from "../templates/templates.ts";
import { text, uuid } from "./check.ts";
import { dateTime } from "./date.ts";
import { date, id } from "./schemas.ts";

export const templateBytesMax = 1024 * 1024;

const params = z.record(z.string(), z.unknown());

export const Trigger = z
  .object({
    params: params
      .nullish()
      .openapi({ description: "Added to the dataset's extra and to the passthrough of every product" }),
    dataset_id: uuid
      .nullish()
      .openapi({ description: "A new one if absent. Of a dataset that exists, the plan is returned as it is" }),
  })
  .openapi("TriggerParam");

const TemplateTask = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.string(),
    kind: z.enum(taskKinds),
    compute: z.string(),
    eager: z.boolean(),
    depends_on: z.array(z.string()),
    retries: z.int().nullable().openapi({ description: "After the first attempt; null: as the compute is configured" }),
    timeout_s: z.number().nullable(),
    deadline_s: z.number().nullable(),
    require: z
      .object({ completeness: z.number(), apids: z.array(z.int()).optional() })
      .optional()
      .openapi({ description: "Of a gate: how complete the pass must be; without apids as a whole" }),
  })
  .openapi("TemplateTask");

const Schedule = z
  .object({
    cron: z.string().nullable(),
    every_s: z.number().nullable(),
    timezone: z.string(),
    missed: z.enum(missedPolicies),
    window_s: z.number(),
    overlap: z.enum(overlapPolicies),
    max_runs: z.int(),
  })
  .openapi("TemplateSchedule");

export const TemplateSchema = z
  .object({
    id: z.string(),
    version: z.int().openapi({ description: "0: it is not stored" }),
    name: z.string(),
    description: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    params: z.array(
      z.object({
        name: z.string(),
        type: z.enum(paramTypes),
        values: z.array(z.string()).optional(),
        description: z.string().nullable(),
        default: z.unknown().optional(),
        required: z.boolean(),
      }),
    ),
    schedule: Schedule.nullable(),
    deadline_s: z.number().nullable(),
    paused: z.boolean(),
    tasks: z.array(TemplateTask),
    modified_by: z.string().nullable(),
    modified_date: date.nullable(),
  })
  .openapi("Template");

export const TemplateVersion = z
  .object({
    version: z.int(),
    origin: z.enum(["file", "api"]),
    digest: z.string(),
    created_by: z.string(),
    created_at: date,
  })
  .openapi("TemplateVersion");

export const TemplateSource = z
  .object({ id: z.string(), version: z.int(), source: z.string() })
  .openapi("TemplateSource");

export const TemplateTicks = z
  .object({
    next_at: date.nullable(),
    ticks: z.array(
      z.object({ at: date, state: z.enum(["fired", "queued", "skipped", "missed"]), run_id: id.nullable() }),
    ),
  })
  .openapi("TemplateTicks");

export const Run = z
  .object({
    id,
    template: z.string(),
    version: z.int(),
    triggered_by: z.string(),
    source: z.enum(runSources),
    state: z.enum(runStates),
    tasks: z.record(z.string(), z.int()).openapi({ description: "How many products are in each state" }),
    at: date.nullable().openapi({ description: "The time that it is for: its tick's, or a date of a backfill" }),
    created_at: date,
    finished_at: date.nullable(),
    dataset_id: id,
    params,
  })
  .openapi("Run");

export const RunList = z.object({ rows: z.array(Run), next_cursor: z.string().nullable() }).openapi("RunList");

export const RunQuery = z.object({
  template: z.string().optional(),
  state: z.enum(runStates).optional(),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().optional(),
});

export const BackfillParam = z
  .object({
    template: text.min(1),
    from: dateTime
      .or(z.iso.date())
      .optional()
      .openapi({ description: "With `to`: a run for each time between, both included" }),
    to: dateTime.or(z.iso.date()).optional(),
    step: z
      .union([z.number(), text])
      .optional()
      .openapi({ description: 'Seconds, or such as "1d". As the schedule ticks if absent, a day without one' }),
    params: z
      .union([z.array(params).min(1).max(10_000), params])
      .optional()
      .openapi({ description: "A list: a run for each. With a range: an object, of every run" }),
    concurrency: z.int().min(1).max(100).default(1),
    dry_run: z.boolean().default(false),
  })
  .openapi("BackfillParam");

const Planned = z.object({ params, at: date.nullable() });

export const BackfillMade = z
  .object({
    id: id.nullable().openapi({ description: "Null of a dry run" }),
    template: z.string(),
    version: z.int(),
    count: z.int(),
    runs: z.array(Planned).openapi({ description: "The first 1,000" }),
    dry_run: z.boolean(),
  })
  .openapi("BackfillMade");

export const Backfill = z
  .object({
    id,
    template: z.string(),
    version: z.int(),
    concurrency: z.int(),
    state: z.enum(["running", "finished", "cancelling", "cancelled"]),
    count: z.int(),
    runs: z
      .record(z.string(), z.int())
      .openapi({ description: "How many runs are in each state, `waiting` not started" }),
    created_by: z.string(),
    created_at: date,
    finished_at: date.nullable(),
  })
  .openapi("Backfill");

export const BackfillRuns = z
  .object({
    rows: z.array(Planned.extend({ seq: z.int(), run_id: id.nullable(), state: z.string() })),
    next_cursor: z.string().nullable(),
  })
  .openapi("BackfillRuns");
