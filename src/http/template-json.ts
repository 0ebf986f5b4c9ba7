/** How a template is shown. Commands, scripts, passthroughs and addresses stay with the server: they may hold what is not for everybody. */
import type { z } from "@hono/zod-openapi";
import { parseJson } from "../model/json.ts";
import type { TemplateHead } from "../store/templates.ts";
import { requirementOf } from "../templates/completeness-gate.ts";
import type { Param, Schedule, Template, TemplateTask } from "../templates/templates.ts";
import type { TemplateSchema } from "./template-schemas.ts";

type Shown = z.output<typeof TemplateSchema>;

/** `head` null: it is not stored. */
export function shownTemplate(template: Template, head: TemplateHead | null): Shown {
  const { id, version, name, description, labels, params, schedule, deadlineS, tasks } = template;
  return {
    ...{ id, version, name, description, labels },
    params: [...params].map(([name, param]) => shownParam(name, param)),
    schedule: schedule === null ? null : shownSchedule(schedule),
    deadline_s: deadlineS,
    paused: head?.paused ?? false,
    tasks: tasks.map(shownTask),
    modified_by: head?.modifiedBy ?? null,
    modified_date: head?.modifiedAt ?? null,
  };
}

function shownParam(
  name: string,
  { type, values, description, default: given, required }: Param,
): Shown["params"][number] {
  return {
    ...{ name, type, description, required },
    ...(values.length > 0 && { values: [...values] }),
    ...(given !== null && { default: parseJson(given) }),
  };
}

function shownSchedule({
  cron,
  everyS,
  timezone,
  missed,
  windowS,
  overlap,
  runsMax,
}: Schedule): NonNullable<Shown["schedule"]> {
  return { cron, every_s: everyS, timezone, missed, window_s: windowS, overlap, max_runs: runsMax };
}

function shownTask(task: TemplateTask): Shown["tasks"][number] {
  const { id, name, version, kind, compute, eager, dependsOn, deadlineS, work } = task;
  const gate = kind === "require" ? requirementOf(task.passthrough) : null;
  return {
    ...{ id, name, version, kind, compute, eager },
    depends_on: [...dependsOn],
    retries: work?.attempts ? work.attempts - 1 : null,
    timeout_s: work?.timeoutS ?? null,
    deadline_s: deadlineS,
    ...(gate !== null && { require: gate }),
  };
}

/** Whether it runs code of its own text: only an administrator may bring such a one in. */
export const holdsCommands = (template: Template): boolean => template.tasks.some(({ kind }) => codeKinds.has(kind));

const codeKinds: ReadonlySet<string> = new Set(["command", "script", "container", "http"]);
