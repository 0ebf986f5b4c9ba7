/** A task that is a script's text: written to a file of its own for each attempt, run by its interpreter, and deleted. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome, Stop, Task } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import { createShell, type Environment } from "../compute/shell.ts";

export interface ScriptOrder {
  readonly text: string;
  /** Its program and arguments; the file's path comes after them. */
  readonly interpreter: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutS: number | null;
}

export async function runScript(
  order: ScriptOrder,
  environment: Environment,
  task: Task,
  stop: Stop,
): Promise<Outcome> {
  let folder: string | null = null;
  try {
    // Only we may enter it: another user of this machine could swap the file.
    folder = await mkdtemp(join(tmpdir(), "orrery-script-"));
    const path = join(folder, "script");
    await writeFile(path, order.text, { mode: 0o700 });
    const { cwd, env, timeoutS } = order;
    const command = [...order.interpreter, path];
    const shell = createShell({ command, cwd, env, timeout_s: timeoutS ?? undefined }, environment);
    return await shell.run(task, stop);
  } catch (error) {
    return { outcome: "failed", error: `cannot write the script: ${messageOf(error)}`, output: "" };
  } finally {
    if (folder !== null) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
