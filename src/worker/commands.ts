/** Job types as commands: each becomes a shell compute, with the rules of stdin, environment and passback that nodes keep too. */
import type { Compute } from "../compute/compute.ts";
import { createShell, type Environment } from "../compute/shell.ts";
import type { WorkerCommand } from "./worker-file.ts";

/** The lease says how long an attempt may take; this bound is only for a command that names none of its own. */
const timeoutSMax = 30 * 86_400;

/** `fallback` runs any type that has no command of its own. `passEnv`: variables of ours that commands inherit. */
export function createCommands(
  commands: ReadonlyMap<string, WorkerCommand>,
  fallback: WorkerCommand | null,
  passEnv: readonly string[],
  environment: Environment,
): (jobType: string) => Compute | null {
  const inherited: Record<string, string> = {};
  for (const name of passEnv) {
    const value = environment[name];
    if (value !== undefined) inherited[name] = value;
  }
  const shellOf = ({ command, cwd, env, timeout_s = timeoutSMax }: WorkerCommand): Compute =>
    createShell({ command, cwd, timeout_s, env: { ...inherited, ...env } }, environment);
  const shells = new Map([...commands].map(([type, command]) => [type, shellOf(command)]));
  const fallbackShell = fallback === null ? null : shellOf(fallback);
  return (jobType) => shells.get(jobType) ?? fallbackShell;
}
