/** Reads Orrery's own dialect, which FlowForge's flat one is a part of. */
import * as v from "valibot";
import { defaults, type RetryRule } from "../compute/compute.ts";
import type { Draft, DraftParam, DraftSchedule, DraftTask, DraftWork } from "./draft.ts";
import { durationRule, secondsOf } from "./duration.ts";
import { requirement } from "./requirement.ts";
import { idRule, idShape } from "./template-id.ts";
import { httpMethods, missedPolicies, overlapPolicies, paramTypes } from "./templates.ts";
import type { Keys, YamlSource } from "./yaml-source.ts";

const text = v.string("text is needed: put it in quotes");
const filled = v.pipe(text, v.nonEmpty("it may not be empty"));
const id = v.pipe(text, v.regex(idShape, idRule));
const label = v.pipe(text, v.regex(/^[\w.:/-]{1,64}$/, "letters, digits and _ . : / - only, at most 64"));
const seconds = v.pipe(v.number("a number of seconds is needed"), v.gtValue(0), v.maxValue(604_800));
const duration = v.pipe(
  v.union([v.number(), v.string()], durationRule),
  v.transform((given) => secondsOf(given) ?? -1),
  v.minValue(0, durationRule),
);
const texts = v.union([filled, v.pipe(v.array(text), v.minLength(1))], "text or a list of texts is needed");
const variable = v.pipe(text, v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable has letters, digits and _ only"));
const scalarText = v.pipe(
  v.union([text, v.number(), v.boolean()], "text is needed: put it in quotes"),
  v.transform((given) => String(given)),
);

const Backoff = v.union([
  v.picklist(["exponential", "linear", "fixed"], "one of exponential, linear, fixed is needed"),
  v.strictObject({
    kind: v.optional(v.picklist(["exponential", "linear", "fixed"]), "exponential"),
    base: v.optional(duration),
    max: v.optional(duration),
    jitter: v.optional(v.boolean(), true),
  }),
]);

const Wait = v.union([
  duration,
  v.strictObject({ seconds: duration }),
  v.strictObject({ until: filled, timezone: v.optional(filled) }),
]);

const taskEntries = {
  id: v.optional(id),
  name: v.optional(filled),
  version: v.optional(filled, "1"),
  compute: v.optional(filled),
  command: v.optional(texts),
  script: v.optional(filled),
  interpreter: v.optional(texts),
  container: v.optional(
    v.strictObject({
      image: filled,
      command: v.optional(v.array(text), []),
      args: v.optional(v.array(text), []),
      network: v.optional(filled, "none"),
      cpus: v.optional(v.pipe(v.number(), v.gtValue(0))),
      memory_mb: v.optional(v.pipe(v.number(), v.integer(), v.minValue(4))),
    }),
  ),
  http: v.optional(
    v.strictObject({
      url: filled,
      method: v.optional(v.picklist(httpMethods, `one of ${httpMethods.join(", ")} is needed`), "POST"),
      headers: v.optional(v.record(v.string(), text), {}),
      body: v.optional(v.unknown()),
      allow_private: v.optional(v.boolean(), false),
    }),
  ),
  wait: v.optional(Wait),
  condition: v.optional(filled),
  when: v.optional(filled),
  require: v.optional(requirement),
  depends_on: v.optional(v.array(text), []),
  eager: v.optional(v.boolean(), true),
  passthrough: v.optional(v.record(v.string(), v.unknown(), "a mapping is needed")),
  env: v.optional(v.record(variable, scalarText)),
  timeout_secs: v.optional(seconds),
  retries: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99))),
  backoff: v.optional(Backoff),
  queue: v.optional(label),
  priority: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-100), v.maxValue(100)), 0),
  requires: v.optional(v.pipe(v.array(label), v.maxLength(32)), []),
  check: v.optional(v.record(v.string(), v.unknown(), "a JSON Schema is needed")),
  deadline: v.optional(duration),
};
const Task = v.strictObject(taskEntries);
type Task = v.InferOutput<typeof Task>;

const ScheduleFile = v.union([
  filled,
  v.strictObject({
    cron: v.optional(filled),
    every: v.optional(v.pipe(duration, v.minValue(1, "at least a second is needed"))),
    timezone: v.optional(filled),
    missed: v.optional(v.picklist(missedPolicies, `one of ${missedPolicies.join(", ")} is needed`)),
    window: v.optional(duration),
    overlap: v.optional(v.picklist(overlapPolicies, `one of ${overlapPolicies.join(", ")} is needed`)),
    max_runs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
    params: v.optional(v.record(v.string(), v.unknown()), {}),
  }),
]);

const File = v.strictObject({
  id: v.optional(id),
  name: v.optional(filled),
  description: v.optional(text),
  labels: v.optional(v.record(v.string(), text), {}),
  schedule: v.optional(v.nullable(ScheduleFile)),
  timezone: v.optional(v.nullable(filled)),
  default_retries: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99))),
  deadline: v.optional(duration),
  params: v.optional(
    v.record(
      v.string(),
      v.nullable(
        v.union([
          v.picklist(paramTypes, `one of ${paramTypes.join(", ")}, or a mapping, is needed`),
          v.strictObject({
            type: v.optional(v.picklist(paramTypes, `one of ${paramTypes.join(", ")} is needed`)),
            values: v.optional(v.pipe(v.array(scalarText), v.minLength(1), v.maxLength(1000))),
            description: v.optional(text),
            default: v.optional(v.unknown()),
            required: v.optional(v.boolean(), false),
          }),
        ]),
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
type File = v.InferOutput<typeof File>;

export function readOwn(yaml: YamlSource): Draft {
  const result = v.safeParse(File, yaml.value);
  if (!result.success) throw issueError(yaml, result.issues[0]);
  const file = result.output;
  return {
    id: file.id,
    idAt: ["id"],
    name: file.name,
    description: file.description,
    labels: file.labels,
    params: Object.entries(file.params).map(([name, param]) => paramOf(name, param)),
    schedule: scheduleOf(yaml, file),
    deadlineS: file.deadline ?? null,
    tasks: file.tasks.map((task, i) => taskOf(yaml, task, ["tasks", i], file.default_retries)),
  };
}

function paramOf(name: string, given: File["params"][string]): DraftParam {
  const param = typeof given === "string" ? { type: given, values: undefined, required: false } : given;
  return {
    name,
    at: ["params", name],
    type: param?.type,
    values: param?.values ?? [],
    description: param !== null && "description" in param ? param.description : undefined,
    default: param !== null && "default" in param ? param.default : undefined,
    required: param?.required ?? false,
  };
}

function scheduleOf(yaml: YamlSource, { schedule, timezone }: File): DraftSchedule | null {
  if (schedule === undefined || schedule === null) return null;
  const given = typeof schedule === "string" ? { cron: schedule, params: {} } : schedule;
  const at: Keys = ["schedule"];
  if ((given.cron === undefined) === (given.every === undefined))
    throw yaml.error(at, "a schedule has either cron or every");
  const ownZone = given.timezone;
  return {
    at,
    cron: given.cron ?? null,
    everyS: given.every ?? null,
    timezone: ownZone ?? timezone ?? undefined,
    timezoneAt: ownZone === undefined ? ["timezone"] : ["schedule", "timezone"],
    missed: given.missed,
    windowS: given.window,
    overlap: given.overlap,
    runsMax: given.max_runs,
    params: given.params,
    paramsAt: ["schedule", "params"],
  };
}

const workKeys = ["compute", "command", "script", "container", "http", "wait", "condition"] as const;

function taskOf(yaml: YamlSource, task: Task, at: Keys, defaultRetries: number | undefined): DraftTask {
  const taskId = task.id ?? task.name;
  if (taskId === undefined) throw yaml.error(at, "a task needs an id or a name");
  const [kind, second] = workKeys.filter((key) => task[key] !== undefined);
  if (kind === undefined)
    throw yaml.error(at, "a task needs a compute or a command (or a script, container, http, wait or condition)");
  if (second !== undefined) throw yaml.error([...at, kind], `a task has a ${kind} or a ${second}, not both`);
  const retries = task.retries ?? defaultRetries;
  return {
    at,
    id: taskId,
    idAt: [...at, task.id === undefined ? "name" : "id"],
    name: task.name,
    version: task.version,
    work: workOf(task),
    workAt: [...at, kind],
    dependsOn: task.depends_on,
    dependsOnAt: [...at, "depends_on"],
    eager: task.eager,
    passthrough: task.passthrough ?? null,
    env: task.env ?? {},
    envAt: [...at, "env"],
    timeoutS: task.timeout_secs ?? null,
    attempts: retries === undefined ? null : retries + 1,
    retry: task.backoff === undefined ? null : retryOf(task.backoff),
    queue: task.queue ?? null,
    requires: task.requires,
    priority: task.priority,
    when: task.when ?? null,
    whenAt: [...at, "when"],
    require: task.require ?? null,
    requireAt: [...at, "require"],
    check: task.check,
    deadlineS: task.deadline ?? null,
  };
}

function workOf(task: Task): DraftWork {
  const { script, container, http, wait, condition } = task;
  if (task.command !== undefined) return { kind: "command", command: task.command };
  if (script !== undefined) return { kind: "script", text: script, interpreter: listOf(task.interpreter ?? "sh") };
  if (container !== undefined) {
    const { image, command, args, network, cpus = null, memory_mb: memoryMb = null } = container;
    return { kind: "container", image, args: [...command, ...args], network, cpus, memoryMb };
  }
  if (http !== undefined) {
    const body = http.body === undefined ? null : typeof http.body === "string" ? http.body : JSON.stringify(http.body);
    return {
      kind: "http",
      url: http.url,
      method: http.method,
      headers: http.headers,
      body,
      allowPrivate: http.allow_private,
    };
  }
  if (condition !== undefined) return { kind: "condition", text: condition };
  if (wait !== undefined) {
    if (typeof wait === "number") return { kind: "wait", seconds: wait, until: null, timezone: null };
    if ("seconds" in wait) return { kind: "wait", seconds: wait.seconds, until: null, timezone: null };
    return { kind: "wait", seconds: null, until: wait.until, timezone: wait.timezone ?? null };
  }
  return { kind: "compute", name: task.compute ?? "" };
}

/** `python3 -u` is two arguments; a list is taken as it is. */
const listOf = (given: string | readonly string[]): string[] =>
  typeof given === "string" ? given.split(/\s+/).filter((part) => part !== "") : [...given];

function retryOf(given: v.InferOutput<typeof Backoff>): RetryRule {
  if (typeof given === "string") return { ...defaults.retry, kind: given };
  const { kind, base, max, jitter } = given;
  const baseMs = base === undefined ? defaults.retry.baseMs : Math.round(base * 1000);
  return {
    kind,
    baseMs,
    maxMs: max === undefined ? Math.max(defaults.retry.maxMs, baseMs) : Math.round(max * 1000),
    jitter,
  };
}

function issueError(yaml: YamlSource, given: v.BaseIssue<unknown>): Error {
  // Of a union the alternative that was meant: a mapping's own fault says more than "neither".
  const issue = given.issues?.find((inner) => inner.path !== undefined || inner.type === "strict_object") ?? given;
  const keys = [...(given.path ?? []), ...(issue === given ? [] : (issue.path ?? []))].map(
    (item) => item.key as string | number, // our schemas have no other keys
  );
  const key = keys.at(-1);
  if (issue.type === "strict_object" && issue.expected === "never") {
    const known = knownKeys(keys.slice(0, -1));
    return yaml.error(keys, `unknown key "${key}"${known === null ? "" : `: known keys are ${known.join(", ")}`}`);
  }
  if (issue.received === "undefined" && issue.type !== "check") return yaml.error(keys, `missing key "${key}"`);
  return yaml.error(keys, keys.length === 0 ? "a mapping is needed" : `cannot use ${keys.join(".")}: ${issue.message}`);
}

function knownKeys(parents: readonly (string | number)[]): string[] | null {
  if (parents.length === 0) return Object.keys(File.entries);
  return parents[0] === "tasks" && parents.length === 2 ? Object.keys(taskEntries) : null;
}
