/**
 * Reads FlowForge's dialect of `apiVersion: flowforge.io/v1`, kind Workflow: metadata and spec. Its keys are taken in camelCase and
 * in snake_case, as its own versions differ; keys that FlowForge does not read either (annotations, say) are passed over.
 */
import type { Draft, DraftParam, DraftSchedule, DraftTask, DraftWork } from "./draft.ts";
import { secondsOf } from "./duration.ts";
import { type Retry, retryOf } from "./flowforge-retry.ts";
import { Place } from "./place.ts";
import { idShape } from "./template-id.ts";
import { httpMethods } from "./templates.ts";
import type { YamlSource } from "./yaml-source.ts";

/** As FlowForge has it, of a task that names none. */
const timeoutS = 300;

export const isFlowForge = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && "apiVersion" in value;

export function readFlowForge(yaml: YamlSource): Draft {
  const root = new Place(yaml, yaml.value, []);
  const version = root.at("apiVersion");
  if (!/^flowforge\.io\/v1/.test(version.text()))
    throw version.error(`unknown apiVersion "${version.text()}": flowforge.io/v1 is read`);
  const kind = root.at("kind");
  if (kind.isThere && !/^(workflow|dag|pipeline)$/i.test(kind.text()))
    throw kind.error(`unknown kind "${kind.text()}": Workflow is read`);
  const metadata = root.at("metadata").mapping();
  const spec = root.at("spec").mapping();
  const name = metadata.at("name");
  const rule = retryOf(spec.at("retries", "retryPolicy"));
  const tasks = spec.at("tasks").list();
  if (tasks.length === 0) throw spec.at("tasks").error("at least one task is needed");
  return {
    // A name may be one for people: then the id is made of it.
    id: idShape.test(name.text()) ? name.text() : slugOf(name.text()),
    idAt: name.keys,
    name: metadata.at("displayName", "title").textOr(name.text()),
    description: metadata.at("description").textOr(spec.at("description").textOr(undefined)),
    labels: labelsOf(metadata.at("labels")),
    params: paramsOf(spec.at("parameters", "params")),
    schedule: scheduleOf(spec),
    deadlineS: deadlineOf(spec.at("sla")),
    tasks: tasks.map((task) => taskOf(task.mapping(), rule)),
  };
}

const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, "-")
    .replace(/^[^a-z0-9]+|-+$/g, "")
    .slice(0, 64);

function labelsOf(place: Place): Record<string, string> {
  if (!place.isThere) return {};
  return Object.fromEntries(place.entries().map(([key, value]) => [key, value.scalarText()]));
}

const typeNames: Readonly<Record<string, string>> = {
  int: "integer",
  long: "integer",
  float: "number",
  double: "number",
  bool: "boolean",
  object: "json",
  array: "json",
  list: "json",
  any: "json",
  text: "string",
  timestamp: "datetime",
};

/** A mapping by name, or a list of `{name, …}`. */
function paramsOf(place: Place): DraftParam[] {
  if (!place.isThere) return [];
  const named: [string, Place][] = place.isList
    ? place.list().map((item) => [item.at("name").text(), item.mapping()])
    : place.entries();
  return named.map(([name, param]) => {
    const type = (param.at("type", "paramType", "param_type").textOr(undefined) ?? "json").toLowerCase();
    const values = param.at("values", "enum", "options");
    return {
      name,
      at: param.keys,
      type: values.isThere ? "enum" : (typeNames[type] ?? type),
      values: values.isThere ? values.list().map((value) => value.scalarText()) : [],
      description: param.at("description").textOr(undefined),
      default: param.at("default").value ?? undefined,
      required: param.at("required").booleanOr(false),
    };
  });
}

function scheduleOf(spec: Place): DraftSchedule | null {
  const place = spec.at("schedule");
  const runs = spec.at("concurrency");
  const runsMax = runs.isThere
    ? runs.isMapping
      ? runs.at("maxRuns", "max_runs").countOr(undefined)
      : runs.countOr(undefined)
    : undefined;
  if (!place.isThere) return null;
  const isText = typeof place.value === "string";
  const cron = isText ? place : place.at("cron");
  const every = isText ? null : place.at("intervalSecs", "interval_secs");
  if (!cron.isThere && !every?.isThere) return null;
  const zone = isText ? spec.at("timezone") : place.at("timezone");
  const at = (name: string) => (isText ? undefined : place.at(name).textOr(undefined)?.toLowerCase());
  return {
    at: cron.isThere ? cron.keys : (every?.keys ?? place.keys),
    cron: cron.isThere ? cron.text() : null,
    everyS: cron.isThere ? null : (every?.countOr(undefined) ?? null),
    timezone: zone.textOr(undefined),
    timezoneAt: zone.keys,
    missed: at("catchup") === undefined ? at("missed") : undefined,
    windowS: undefined,
    // The limit is kept by waiting: no run that was asked for is lost.
    overlap: at("overlap") ?? (runsMax === undefined ? undefined : "queue"),
    runsMax,
    params: {},
    paramsAt: place.keys,
  };
}

function deadlineOf(sla: Place): number | null {
  if (!sla.isThere) return null;
  const place = sla.isMapping ? sla.at("completionTime", "completion_time", "deadline", "maxDuration") : sla;
  if (!place.isThere) return null;
  return place.duration();
}

function taskOf(task: Place, of: Retry): DraftTask {
  const own = retryOf(task.at("retries", "retryPolicy", "retry"));
  const id = task.at("id").isThere ? task.at("id") : task.at("name");
  const { work, at } = workOf(task);
  const depends = task.at("dependsOn", "depends_on");
  const env = task.at("env");
  const when = task.at("condition", "when");
  const isCondition = work.kind === "condition";
  return {
    at: task.keys,
    id: id.text(),
    idAt: id.keys,
    name: task.at("name").textOr(undefined),
    version: "1",
    work,
    workAt: at.keys,
    dependsOn: depends.isThere ? depends.list().map((item) => item.text()) : [],
    dependsOnAt: depends.keys,
    eager: true,
    passthrough: null,
    env: env.isThere ? Object.fromEntries(env.entries().map(([key, value]) => [key, value.scalarText()])) : {},
    envAt: env.keys,
    timeoutS: secondsOf(task.at("timeoutSecs", "timeout_secs", "timeout").value) ?? timeoutS,
    attempts: own.attempts ?? of.attempts,
    retry: own.rule ?? of.rule,
    queue: task.at("queue").textOr(undefined) ?? null,
    requires: requiresOf(task.at("labels", "requires")),
    priority: Math.max(-100, Math.min(100, Number(task.at("priority").value ?? 0) || 0)),
    when: isCondition || !when.isThere ? null : when.text(),
    whenAt: when.keys,
    require: null,
    requireAt: [],
    check: undefined,
    deadlineS: deadlineOf(task.at("sla")),
  };
}

/** Labels of a worker: a list, or a mapping as `key=value`. */
function requiresOf(place: Place): string[] {
  if (!place.isThere) return [];
  if (place.isList) return place.list().map((item) => item.text());
  return place.entries().map(([key, value]) => `${key}=${value.scalarText()}`);
}

function workOf(task: Place): { work: DraftWork; at: Place } {
  const type = task.at("type");
  const given = type.textOr(undefined)?.toLowerCase();
  const command = task.at("command");
  const kind = given ?? (command.isThere ? "shell" : task.at("image").isThere ? "container" : undefined);
  switch (kind) {
    case "shell":
    case "command":
    case "bash":
      return { work: { kind: "command", command: commandOf(command) }, at: command };
    case "script":
    case "python": {
      const script = task.at("script").isThere ? task.at("script") : command;
      const language = task.at("interpreter", "language").textOr(kind === "python" ? "python3" : "sh");
      const interpreter = { python: "python3", node: "node", bash: "bash" }[language] ?? language;
      return { work: { kind: "script", text: script.text(), interpreter: interpreter.split(/\s+/) }, at: script };
    }
    case "container":
    case "docker": {
      const image = task.at("image");
      // A command of one text is a shell's, inside the container.
      const text = command.isThere ? commandOf(command) : [];
      const args = typeof text === "string" ? ["sh", "-c", text] : text;
      const more = task.at("args").isThere
        ? task
            .at("args")
            .list()
            .map((item) => item.scalarText())
        : [];
      // The engine's own network, as FlowForge has it.
      const limits = { network: "bridge", cpus: null, memoryMb: null };
      return { work: { kind: "container", image: image.text(), args: [...args, ...more], ...limits }, at: image };
    }
    case "http": {
      const url = task.at("url");
      const headers = task.at("headers");
      const body = task.at("body");
      const asked = task.at("method").textOr("GET").toUpperCase();
      const method = httpMethods.find((one) => one === asked);
      if (method === undefined) throw task.at("method").error(`unknown method "${asked}": ${httpMethods.join(", ")}`);
      const http = {
        kind: "http" as const,
        url: url.text(),
        method,
        headers: headers.isThere
          ? Object.fromEntries(headers.entries().map(([key, value]) => [key, value.scalarText()]))
          : {},
        body: !body.isThere ? null : typeof body.value === "string" ? body.value : JSON.stringify(body.value),
        allowPrivate: false,
      };
      return { work: http, at: url };
    }
    case "wait": {
      const wait = task.at("waitSecs", "wait_secs", "duration");
      return { work: { kind: "wait", seconds: wait.duration(), until: null, timezone: null }, at: wait };
    }
    case "condition": {
      const condition = task.at("condition", "expression");
      return { work: { kind: "condition", text: condition.text() }, at: condition };
    }
    case "compute": {
      const compute = task.at("compute");
      return { work: { kind: "compute", name: compute.text() }, at: compute };
    }
    default:
      throw type.error(
        kind === undefined
          ? 'missing key "type": shell, script, container, http, wait or condition'
          : `unknown type "${kind}": shell, script, python, container, docker, http, wait and condition are read`,
      );
  }
}

function commandOf(place: Place): string | string[] {
  return place.isList ? place.list().map((item) => item.scalarText()) : place.text();
}
