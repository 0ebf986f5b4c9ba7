/** Reads one template from its YAML text. Whatever is wrong is refused with file, line and column. */
import * as v from "valibot";
import { type Compute, type Computes, defaults, type ShellConfig } from "../compute/compute.ts";
import { findCycle } from "../model/graph.ts";
import { inlineComputeName, type Param, type Template, type TemplateTask } from "./templates.ts";
import { type Keys, YamlSource } from "./yaml-source.ts";

const idShape = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const idRule = "an id has letters, digits, _, . and - only, begins with a letter or digit, and is at most 64 long";
const text = v.string("text is needed: put it in quotes");
const filled = v.pipe(text, v.nonEmpty("it may not be empty"));
const id = v.pipe(text, v.regex(idShape, idRule));
const seconds = v.pipe(v.number("a number of seconds is needed"), v.gtValue(0), v.maxValue(86_400));

const Task = v.strictObject({
  id: v.optional(id),
  name: v.optional(filled),
  version: v.optional(filled, "1"),
  compute: v.optional(filled),
  command: v.optional(v.union([filled, v.pipe(v.array(text), v.minLength(1))], "text or a list of texts is needed")),
  depends_on: v.optional(v.array(text), []),
  eager: v.optional(v.boolean(), true),
  passthrough: v.optional(v.record(v.string(), v.unknown(), "a mapping is needed")),
  env: v.optional(v.record(v.string(), text)),
  timeout_secs: v.optional(seconds),
  retries: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99))),
});
type Task = v.InferOutput<typeof Task>;

const File = v.strictObject({
  id: v.optional(id),
  name: v.optional(filled),
  description: v.optional(text),
  params: v.optional(
    v.record(
      v.string(),
      v.nullable(
        v.strictObject({
          description: v.optional(text),
          default: v.optional(v.unknown()),
          required: v.optional(v.boolean(), false),
        }),
      ),
    ),
    {},
  ),
  tasks: v.pipe(
    v.array(Task, "a list of tasks is needed"),
    v.minLength(1, "at least one task is needed"),
    v.maxLength(10_000),
  ),
});

/** Makes the compute of a task's command; it runs in the template's folder. */
export type MakeShell = (config: Omit<ShellConfig, "kind" | "cwd">) => Compute;

/** `fallbackId`: the file's name, for a template that names no id. */
export function readTemplate(
  source: { readonly text: string; readonly path: string; readonly fallbackId: string },
  computes: Computes,
  makeShell: MakeShell,
): Template {
  const yaml = new YamlSource(source.text, source.path);
  const result = v.safeParse(File, yaml.value);
  if (!result.success) throw issueError(yaml, result.issues[0]);
  const file = result.output;
  const templateId = file.id ?? source.fallbackId;
  if (!idShape.test(templateId))
    throw yaml.error([], `cannot name the template "${templateId}" after its file: ${idRule}`);

  const places = new Map<string, number>();
  const tasks = file.tasks.map((task, at) => {
    const taskId = task.id ?? task.name;
    if (taskId === undefined) throw yaml.error(["tasks", at], "a task needs an id or a name");
    if (places.has(taskId)) throw yaml.error(["tasks", at, task.id ? "id" : "name"], `there are two tasks "${taskId}"`);
    places.set(taskId, at);
    const compute = computeOf(yaml, ["tasks", at], task, inlineComputeName(templateId, taskId), computes, makeShell);
    return taskOf(taskId, task, compute);
  });
  checkDependencies(yaml, tasks, places);
  return {
    id: templateId,
    name: file.name ?? templateId,
    description: file.description ?? null,
    params: new Map(Object.entries(file.params).map(([name, param]) => [name, paramOf(param)])),
    tasks,
  };
}

function taskOf(taskId: string, task: Task, compute: string): TemplateTask {
  return {
    id: taskId,
    name: task.name ?? taskId,
    version: task.version,
    compute,
    eager: task.eager,
    dependsOn: task.depends_on,
    passthrough: task.passthrough ?? null,
  };
}

function paramOf(param: v.InferOutput<typeof File>["params"][string]): Param {
  const given = param?.default;
  return {
    description: param?.description ?? null,
    default: given === undefined ? null : JSON.stringify(given),
    required: param?.required ?? false,
  };
}

function computeOf(
  yaml: YamlSource,
  at: Keys,
  task: Task,
  inlineName: string,
  computes: Computes,
  makeShell: MakeShell,
): string {
  if (task.command !== undefined) {
    if (task.compute !== undefined) throw yaml.error([...at, "compute"], "a task has a compute or a command, not both");
    const { command, env, timeout_secs: timeout_s, retries } = task;
    const attempts = retries === undefined ? defaults.attemptsMax : retries + 1;
    computes.addInline(inlineName, makeShell({ command, env, timeout_s, attempts }));
    return inlineName;
  }
  if (task.compute === undefined) throw yaml.error(at, "a task needs a compute or a command");
  if (!computes.isKnown(task.compute)) {
    const known = computes.names().join(", ");
    throw yaml.error(
      [...at, "compute"],
      `unknown compute "${task.compute}": name one of ${known}, or add it to orrery.yaml`,
    );
  }
  for (const key of ["env", "timeout_secs", "retries"] as const) {
    if (task[key] !== undefined)
      throw yaml.error([...at, key], `${key} is for a command: a compute's own is set in orrery.yaml`);
  }
  return task.compute;
}

function checkDependencies(
  yaml: YamlSource,
  tasks: readonly TemplateTask[],
  places: ReadonlyMap<string, number>,
): void {
  tasks.forEach((task, at) => {
    task.dependsOn.forEach((parent, i) => {
      const keys = ["tasks", at, "depends_on", i];
      if (!places.has(parent))
        throw yaml.error(keys, `task "${task.id}" depends on "${parent}", which is no task here`);
      if (task.dependsOn.indexOf(parent) < i) throw yaml.error(keys, `task "${task.id}" names "${parent}" twice`);
    });
  });
  const cycle = findCycle(tasks.flatMap((task) => task.dependsOn.map((parentId) => ({ parentId, childId: task.id }))));
  if (cycle !== null) {
    const at = places.get(cycle[0] ?? "") ?? 0;
    throw yaml.error(["tasks", at, "depends_on"], `the tasks are cyclical: ${cycle.join(" -> ")}`);
  }
}

function issueError(yaml: YamlSource, issue: v.BaseIssue<unknown>): Error {
  const keys = (issue.path ?? []).map((item) => item.key as string | number); // our schemas have no other keys
  const key = keys.at(-1);
  if (issue.type === "strict_object" && issue.expected === "never") {
    const known = Object.keys((keys[0] === "tasks" ? Task : File).entries);
    return yaml.error(
      keys,
      `unknown key "${key}"${keys[0] === "params" ? "" : `: known keys are ${known.join(", ")}`}`,
    );
  }
  if (issue.received === "undefined") return yaml.error(keys, `missing key "${key}"`);
  return yaml.error(keys, keys.length === 0 ? "a mapping is needed" : `cannot use ${keys.join(".")}: ${issue.message}`);
}
