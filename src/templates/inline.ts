/** The computes that a template brings along: one for each task that is run by its own text, or with settings of its own. */
import {
  type Compute,
  type Computes,
  defaults,
  dispatchOf,
  type Outcome,
  type Stop,
  type Task,
} from "../compute/compute.ts";
import { createContainer } from "../compute/container.ts";
import { createShell, type Environment } from "../compute/shell.ts";
import { parseJson } from "../model/json.ts";
import { runRequest } from "./http-task.ts";
import { paramEnvironment } from "./params.ts";
import { filled, plainText, type Scopes } from "./placeholders.ts";
import { runScript } from "./script-task.ts";
import {
  type ContainerWork,
  type HttpWork,
  type TaskWork,
  type Template,
  unversionedComputeName,
} from "./templates.ts";

export interface InlineParts {
  readonly computes: Computes;
  /** Where commands run. */
  readonly cwd: string;
  readonly environment: Environment;
}

/** Adds the computes of a version; of the latest one also under the names of plans from before there were versions. */
export function addInlineComputes(parts: InlineParts, template: Template, isLatest: boolean): void {
  for (const task of template.tasks) {
    if (task.work === null) continue;
    const compute = inlineCompute(parts, task.work);
    parts.computes.addInline(task.compute, compute);
    if (isLatest) parts.computes.addInline(unversionedComputeName(template.id, task.id), compute);
  }
}

export function inlineCompute(parts: InlineParts, work: TaskWork): Compute {
  const { what } = work;
  const base = what.kind === "compute" ? parts.computes.get(what.name) : undefined;
  const config = {
    attempts: work.attempts ?? base?.attemptsMax,
    queue: work.queue ?? base?.queue,
    requires: work.requires.length > 0 ? work.requires : base?.requires,
  };
  const kind = kindOf(what, base);
  return {
    kind,
    ...dispatchOf(config, base?.concurrency ?? defaults.shellConcurrency),
    retry: work.retry ?? base?.retry ?? defaults.retry,
    timeoutMs: work.timeoutS === null ? (base?.timeoutMs ?? defaults.timeoutMs) : work.timeoutS * 1000,
    noRetry: base?.noRetry ?? new Set<string>(),
    priority: work.priority,
    run: (task, stop) => {
      const scopes = scopesOf(task);
      switch (what.kind) {
        case "compute":
          return runOther(parts, what.name, work, task, stop);
        case "command":
          return runCommand(parts, work, what.command, scopes, task, stop);
        case "script":
          return runScript({ ...what, ...placeOf(parts, work, scopes) }, parts.environment, task, stop);
        case "container": {
          const command = what.args.map((text) => plainText(text, scopes));
          return inContainer(parts, work, what, command, scopes).run(task, stop);
        }
        case "http":
          return runHttp(work, what, scopes, task, stop.signal);
        default:
          throw what satisfies never;
      }
    },
  };
}

function inContainer(
  parts: InlineParts,
  work: TaskWork,
  what: ContainerWork,
  command: readonly string[],
  scopes: Scopes,
): Compute {
  const { cwd, env, timeoutS } = placeOf(parts, work, scopes);
  const { image, network, cpus, memoryMb } = what;
  const limits = {
    network,
    cpus: cpus ?? undefined,
    memory_mb: memoryMb ?? undefined,
    timeout_s: timeoutS ?? undefined,
  };
  return createContainer(
    { image, env, configDir: cwd, ...limits, ...(command.length > 0 && { command }) },
    parts.environment,
  );
}

function kindOf(what: TaskWork["what"], base: Compute | undefined): Compute["kind"] {
  switch (what.kind) {
    case "compute":
      return base?.kind ?? "internal";
    case "command":
    case "script":
      return "shell";
    default:
      return what.kind;
  }
}

/** A compute of another name: asked for when it runs, as it may be configured anew meanwhile. */
async function runOther(
  { computes }: InlineParts,
  name: string,
  { timeoutS }: TaskWork,
  task: Task,
  stop: Stop,
): Promise<Outcome> {
  const compute = computes.get(name);
  if (compute === undefined)
    return { outcome: "failed", error: `compute "${name}" is not configured here`, isFinal: true, output: "" };
  const timeoutMs =
    timeoutS === null ? task.timeoutMs : Math.min(task.timeoutMs ?? Number.POSITIVE_INFINITY, timeoutS * 1000);
  return await compute.run({ ...task, timeoutMs }, stop);
}

function runCommand(
  parts: InlineParts,
  work: TaskWork,
  command: string | readonly string[],
  scopes: Scopes,
  task: Task,
  stop: Stop,
): Outcome | Promise<Outcome> {
  const { cwd, env, timeoutS } = placeOf(parts, work, scopes);
  // A shell's line is never touched. Of a list each argument stays one argument, whatever a value holds.
  const argv = typeof command === "string" ? command : command.map((text) => plainText(text, scopes));
  const nul = [...(typeof argv === "string" ? [] : argv), ...Object.values(env)].find((text) =>
    text.includes("\u0000"),
  );
  if (nul !== undefined)
    return {
      outcome: "failed",
      error: "a parameter holds a NUL, which no command can be given",
      isFinal: true,
      output: "",
    };
  return createShell({ command: argv, cwd, env, timeout_s: timeoutS ?? undefined }, parts.environment).run(task, stop);
}

function placeOf({ cwd }: InlineParts, { env, timeoutS }: TaskWork, scopes: Scopes) {
  const own = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, plainText(text, scopes)]));
  const params = scopes.params as Record<string, unknown>; // scopesOf made it one
  return { cwd, timeoutS, env: { ...own, ...paramEnvironment(params) } };
}

function runHttp(work: TaskWork, what: HttpWork, scopes: Scopes, task: Task, signal: AbortSignal): Promise<Outcome> {
  const headers = Object.entries(what.headers).map(([name, text]) => [name, oneLine(plainText(text, scopes))]);
  const request = {
    ...what,
    // In an address a value is one segment or one value, never an address of its own.
    url: plainText(what.url, scopes, encodeURIComponent),
    headers: Object.fromEntries(headers),
    body: what.body === null ? null : filledBody(what.body, scopes),
    timeoutMs: work.timeoutS === null ? defaults.timeoutMs : work.timeoutS * 1000,
  };
  return runRequest(request, task, signal);
}

/** Of a body that is JSON each value is filled as its type is; in any other text as text. */
function filledBody(body: string, scopes: Scopes): string {
  let value: unknown;
  try {
    value = parseJson(body);
  } catch {
    return plainText(body, scopes);
  }
  return JSON.stringify(filled(value, scopes));
}

/** A value may not begin a header of its own. */
const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, " ");

/** The run's parameters, as they stand beside the task's own passthrough. */
function scopesOf(task: Task): { readonly params: unknown } {
  const value = task.payload === null ? null : parseJson(task.payload);
  const params = typeof value === "object" && value !== null && "params" in value ? value.params : null;
  return { params: typeof params === "object" && params !== null && !Array.isArray(params) ? params : {} };
}
