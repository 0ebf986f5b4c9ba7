/** worker.yaml: what a remote worker takes and which command runs each job type. Errors name file, line and column. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { SetupError } from "../model/errors.ts";
import { YamlSource } from "../templates/yaml-source.ts";

const filled = v.pipe(v.string("text is needed: put it in quotes"), v.nonEmpty("it may not be empty"));
const names = v.array(filled, "a list of texts is needed");
const Command = v.union(
  [filled, v.pipe(names, v.minLength(1, "a command is needed"))],
  "a text or a list of texts is needed",
);

const Entry = v.union([
  v.strictObject({
    command: Command,
    cwd: v.optional(filled),
    env: v.optional(v.record(v.string(), v.string("a text is needed: put it in quotes"))),
    timeout_s: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(30 * 86_400))),
  }),
  Command,
]);

const File = v.strictObject({
  url: v.optional(filled),
  token: v.optional(filled),
  name: v.optional(filled),
  queues: v.optional(names),
  labels: v.optional(names),
  slots: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
  pass_env: v.optional(names),
  commands: v.optional(v.record(v.string(), Entry), {}),
});

export interface WorkerCommand {
  /** A list runs as it is, a text by `/bin/sh -c`. */
  readonly command: string | readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly timeout_s?: number | undefined;
}

export interface WorkerFile {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly name?: string | undefined;
  readonly queues?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly slots?: number | undefined;
  /** Names of variables that commands inherit, beside PATH, HOME and the like. */
  readonly passEnv: readonly string[];
  /** By job type. */
  readonly commands: ReadonlyMap<string, WorkerCommand>;
}

export const emptyWorkerFile: WorkerFile = { passEnv: [], commands: new Map() };

/** Paths in it are relative to its folder. */
export function readWorkerFile(path: string): WorkerFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SetupError(`Cannot read the worker's file ${path}: ${error instanceof Error ? error.message : error}`);
  }
  const yaml = new YamlSource(text, path);
  const result = v.safeParse(File, yaml.value ?? {});
  if (!result.success) {
    const [issue] = result.issues;
    const keys = (issue.path ?? []).map((item) => item.key as string | number); // our schemas have no other keys
    if (issue.type === "strict_object" && issue.expected === "never")
      throw yaml.error(
        keys,
        `unknown key "${keys.at(-1)}"${keys.length === 1 ? `: known keys are ${Object.keys(File.entries).join(", ")}` : ""}`,
      );
    throw yaml.error(keys, keys.length === 0 ? "keys are needed" : `cannot use ${keys.join(".")}: ${issue.message}`);
  }
  const { commands, pass_env, ...rest } = result.output;
  const folder = dirname(resolve(path));
  const commandOf = (entry: v.InferOutput<typeof Entry>): WorkerCommand =>
    typeof entry === "string" || Array.isArray(entry)
      ? { command: entry, cwd: folder }
      : { ...entry, cwd: resolve(folder, entry.cwd ?? ".") };
  return {
    ...rest,
    passEnv: pass_env ?? [],
    commands: new Map(Object.entries(commands).map(([type, entry]) => [type, commandOf(entry)])),
  };
}
