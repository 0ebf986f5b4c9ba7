/** A draft checked as a whole, and made a template: names, dependencies, parameters, placeholders, conditions, computes. */
import { findCycle } from "../model/graph.ts";
import { schemaFlaw } from "../model/json-schema-flaw.ts";
import { paramsOfDraft, scheduleOfDraft } from "./declared.ts";
import type { Draft, DraftTask } from "./draft.ts";
import { parseExpression } from "./expression.ts";
import { withGates } from "./gates.ts";
import { paramVariable } from "./params.ts";
import { eachText, hasBraces, placeholdersOf } from "./placeholders.ts";
import type { ReadOptions } from "./read.ts";
import { idRule, idShape } from "./template-id.ts";
import {
  conditionCompute,
  inlineComputeName,
  type Param,
  requireCompute,
  type TaskWork,
  type Template,
  type TemplateTask,
  waitCompute,
} from "./templates.ts";
import type { Keys, YamlSource } from "./yaml-source.ts";
import { isZone } from "./zone.ts";

export interface TemplateOfOptions extends Required<ReadOptions> {
  readonly fallbackId: string | null;
}

export function templateOf(draft: Draft, yaml: YamlSource, options: TemplateOfOptions): Template {
  const id = draft.id ?? options.fallbackId;
  if (id === null) throw yaml.error([], 'missing key "id": a template that is no file needs one');
  if (!idShape.test(id))
    throw yaml.error(
      draft.id === undefined ? [] : draft.idAt,
      draft.id === undefined
        ? `cannot name the template "${id}" after its file: ${idRule}`
        : `cannot use "${id}" as an id: ${idRule}`,
    );
  const params = paramsOfDraft(draft, yaml);
  const tasks = withGates(draft, yaml);
  checkNames(yaml, tasks);
  checkDependencies(yaml, tasks);
  return {
    id,
    version: options.version,
    name: draft.name ?? id,
    description: draft.description ?? null,
    labels: draft.labels,
    params,
    schedule: scheduleOfDraft(draft, params, yaml),
    deadlineS: draft.deadlineS,
    tasks: tasks.map((task) => {
      checkPlaceholders(yaml, task, params);
      return taskOf(yaml, task, id, params, options);
    }),
  };
}

function checkNames(yaml: YamlSource, tasks: readonly DraftTask[]): void {
  const seen = new Set<string>();
  for (const { id, idAt } of tasks) {
    if (seen.has(id)) throw yaml.error(idAt, `there are two tasks "${id}"`);
    seen.add(id);
  }
}

function checkDependencies(yaml: YamlSource, tasks: readonly DraftTask[]): void {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const task of tasks) {
    const seen = new Set<string>();
    task.dependsOn.forEach((parent, i) => {
      const keys = [...task.dependsOnAt, i];
      if (!byId.has(parent)) throw yaml.error(keys, `task "${task.id}" depends on "${parent}", which is no task here`);
      if (seen.has(parent)) throw yaml.error(keys, `task "${task.id}" names "${parent}" twice`);
      seen.add(parent);
    });
  }
  const cycle = findCycle(tasks.flatMap((task) => task.dependsOn.map((parentId) => ({ parentId, childId: task.id }))));
  if (cycle !== null)
    throw yaml.error(byId.get(cycle[0] ?? "")?.dependsOnAt ?? [], `the tasks are cyclical: ${cycle.join(" -> ")}`);
}

/** In values only, and of declared parameters only. A shell's line is no place for a value: it would be read as commands. */
function checkPlaceholders(yaml: YamlSource, task: DraftTask, params: ReadonlyMap<string, Param>): void {
  const check = (text: string, at: Keys) => {
    for (const { scope, path, text: shown } of placeholdersOf(text)) {
      if (scope !== "params") throw yaml.error(at, `unknown placeholder ${shown}: {{ params.x }} is there`);
      const name = path[0] ?? "";
      if (!params.has(name)) throw yaml.error(at, `${shown} names no parameter: declare ${name || "it"} under params`);
    }
  };
  const refuse = (text: string, what: string) => {
    if (!hasBraces(text)) return;
    const [found] = placeholdersOf(text);
    if (found === undefined || found.scope !== "params") return;
    const name = paramVariable(found.path[0] ?? "x");
    throw yaml.error(
      task.workAt,
      `${found.text} may not stand in ${what}: its value would be read as code. Use "$${name}", or give the command as a list`,
    );
  };
  eachText(task.passthrough, (text, keys) => check(text, [...task.at, "passthrough", ...keys]));
  for (const [name, text] of Object.entries(task.env)) check(text, [...task.envAt, name]);
  const { work, workAt } = task;
  if (work.kind === "command") {
    if (typeof work.command === "string") refuse(work.command, "a command of one text");
    else for (const [i, text] of work.command.entries()) check(text, [...workAt, i]);
  } else if (work.kind === "script") refuse(work.text, "a script");
  else if (work.kind === "container") {
    if (hasBraces(work.image)) throw yaml.error(workAt, "an image takes no placeholder: name it in full");
    for (const text of work.args) check(text, workAt);
  } else if (work.kind === "http") {
    for (const text of [work.url, work.body ?? "", ...Object.values(work.headers)]) check(text, workAt);
  } else if (work.kind === "wait" && work.until !== null) check(work.until, workAt);
}

/** As JSON; its fault is shown where it stands. */
function checkOf(yaml: YamlSource, { check, at }: DraftTask): string | null {
  if (check === undefined) return null;
  const schema = JSON.stringify(check);
  const flaw = schemaFlaw(schema);
  if (flaw === null) return schema;
  const keys = flaw.at === "" ? [] : flaw.at.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  throw yaml.error([...at, "check", ...keys], `cannot check by ${["check", ...keys].join(".")}: ${flaw.why}`);
}

function taskOf(
  yaml: YamlSource,
  task: DraftTask,
  templateId: string,
  params: ReadonlyMap<string, Param>,
  { computes, version }: TemplateOfOptions,
): TemplateTask {
  const { work } = task;
  const shared = {
    id: task.id,
    name: task.name ?? task.id,
    version: task.version,
    kind: work.kind,
    eager: task.eager,
    dependsOn: task.dependsOn,
    check: checkOf(yaml, task),
    deadlineS: task.deadlineS,
  };
  if (work.kind === "wait") {
    const { seconds, until, timezone } = work;
    checkUntil(yaml, task, until, timezone);
    const passthrough = seconds !== null ? { wait_s: seconds } : { until, ...(timezone === null ? {} : { timezone }) };
    return { ...shared, compute: waitCompute, passthrough: { ...task.passthrough, ...passthrough }, work: null };
  }
  if (work.kind === "condition") {
    checkCondition(yaml, task, work.text, params);
    return {
      ...shared,
      compute: conditionCompute,
      passthrough: { ...task.passthrough, condition: work.text },
      work: null,
    };
  }
  if (work.kind === "require") {
    const { completeness, apids } = work;
    const require = { completeness, ...(apids !== null && { apids }) };
    return { ...shared, compute: requireCompute, passthrough: { require }, work: null };
  }
  const settings = settingsOf(task);
  const inline = inlineComputeName(templateId, version, task.id);
  if (work.kind !== "compute")
    return { ...shared, compute: inline, passthrough: task.passthrough, work: { what: work, ...settings } };

  if (computes !== null && !computes.isKnown(work.name)) {
    const known = computes.names().join(", ");
    throw yaml.error(task.workAt, `unknown compute "${work.name}": name one of ${known}, or add it to orrery.yaml`);
  }
  const key = givenSetting(task);
  // A compute reads its environment in its passthrough: it may be a function, or run elsewhere.
  const hasEnv = Object.keys(task.env).length > 0;
  const passthrough = hasEnv ? { ...task.passthrough, env: task.env } : task.passthrough;
  if (key === null) return { ...shared, compute: work.name, passthrough, work: null };
  if (computes !== null && !computes.dispatches(work.name))
    throw yaml.error([...task.at, key], `${key} is for what Orrery runs: compute "${work.name}" is external`);
  return { ...shared, compute: inline, passthrough, work: { what: work, ...settings } };
}

const settingsOf = (task: DraftTask): Omit<TaskWork, "what"> => ({
  env: task.env,
  timeoutS: task.timeoutS,
  attempts: task.attempts,
  retry: task.retry,
  queue: task.queue,
  requires: task.requires,
  priority: task.priority,
});

/** The key of a setting that makes a compute the task's own; null: it is used as configured. */
function givenSetting(task: DraftTask): string | null {
  if (task.timeoutS !== null) return "timeout_secs";
  if (task.attempts !== null) return "retries";
  if (task.retry !== null) return "backoff";
  if (task.queue !== null) return "queue";
  if (task.requires.length > 0) return "requires";
  return task.priority === 0 ? null : "priority";
}

function checkUntil(yaml: YamlSource, task: DraftTask, until: string | null, timezone: string | null): void {
  if (until === null || hasBraces(until)) return;
  if (!/^\d\d:\d\d(:\d\d)?$/.test(until) && Number.isNaN(Date.parse(until)))
    throw yaml.error(
      task.workAt,
      `cannot wait until "${until}": a time of day such as 06:00, or 2026-01-31T06:00:00Z, is needed`,
    );
  if (timezone !== null && !isZone(timezone)) throw yaml.error(task.workAt, `unknown timezone "${timezone}"`);
}

function checkCondition(yaml: YamlSource, task: DraftTask, text: string, params: ReadonlyMap<string, Param>): void {
  let names: ReturnType<typeof parseExpression>["names"];
  try {
    names = parseExpression(text).names;
  } catch (error) {
    throw yaml.error(task.workAt, `not a condition: ${error instanceof Error ? error.message : error}`);
  }
  for (const { scope, name } of names) {
    if (scope === "params" && !params.has(name))
      throw yaml.error(
        task.workAt,
        `the condition asks for params.${name}, which is no parameter: declare it under params`,
      );
    if (scope === "parents" && !task.dependsOn.includes(name))
      throw yaml.error(
        task.workAt,
        `the condition asks for parents.${name}, which task "${task.id}" does not depend on`,
      );
  }
}
