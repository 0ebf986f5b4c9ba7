/** The command of a task: the flow's, with its arguments filled from the input, or the task's own. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { findProgram } from "../../compute/container.ts";
import { type Environment, inheritedFrom } from "../../compute/shell.ts";
import { SetupError } from "../../model/errors.ts";
import type { FlowTask } from "../executor.ts";
import { argumentOf, fillArgument } from "./argument.ts";

export interface Command {
  /** The program's path first. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

interface CommandConfig {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly env_from?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
}

/**
 * What gives a task its command; throws when that task cannot have one. A task's own is taken as it stands: braces in it are braces.
 * Throws `SetupError` when the flow's program or its folder is not there.
 */
export function createCommands(
  flow: string,
  config: CommandConfig,
  configDir: string,
  environment: Environment,
): (task: FlowTask) => Command {
  const cannot = `Cannot use executor of flow "${flow}"`;
  const cwd = resolve(configDir, config.cwd ?? ".");
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new SetupError(`${cannot}: its folder ${cwd} is not there`);
  const [name = [], ...args] = config.command.map(argumentOf);
  const env = { ...inheritedFrom(environment, config.env_from), ...config.env };
  const program = fillArgument(name, null);
  const path = findProgram(program, env, cwd);
  if (path === null) throw new SetupError(`${cannot}: its program ${program} is not found, or cannot be executed`);

  return ({ command, env: ownEnv, input }) => {
    const full = ownEnv === undefined ? env : { ...env, ...ownEnv };
    if (command === undefined) return { argv: [path, ...args.map((one) => fillArgument(one, input))], cwd, env: full };
    const [ownProgram = "", ...ownArgs] = command;
    const ownPath = findProgram(ownProgram, full, cwd);
    if (ownPath === null) throw new Error(`its program ${ownProgram} is not found, or cannot be executed`);
    return { argv: [ownPath, ...ownArgs], cwd, env: full };
  };
}
