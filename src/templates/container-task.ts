/**
 * A task that is a container: run by the command line of podman or docker, whichever this node has. Values of its environment are
 * handed over by name, so that none shows in a list of processes. What the command line leaves behind is removed by name.
 */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Outcome, Task } from "../compute/compute.ts";
import { createShell, type Environment } from "../compute/shell.ts";

export interface ContainerOrder {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutS: number | null;
  readonly cwd: string;
}

const programs = ["podman", "docker"] as const;
const removeMs = 10_000;
/** Where programs are looked for. */
const searched = "PATH";
const removerNames = [searched, "HOME"];

/** The first of them on the PATH; null: there is none. */
export async function containerProgram(environment: Environment): Promise<string | null> {
  for (const program of programs) {
    for (const folder of (environment[searched] ?? "").split(delimiter)) {
      if (folder === "") continue;
      const path = join(folder, program);
      const runs = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs) return path;
    }
  }
  return null;
}

/** What of a task a container is told, beside its input on stdin. */
const toldNames = [
  "ORRERY_JOB_ID",
  "ORRERY_ATTEMPT",
  "ORRERY_QUEUE",
  "ORRERY_JOB_TYPE",
  "ORRERY_DATASET_ID",
  "ORRERY_PRODUCT_ID",
  "ORRERY_URL",
];

export async function runContainer(
  order: ContainerOrder,
  environment: Environment,
  task: Task,
  signal: AbortSignal,
): Promise<Outcome> {
  const program = await containerProgram(environment);
  if (program === null) {
    const error = `this node has neither ${programs.join(" nor ")} on its PATH: install one, or let the task require a label`;
    return { outcome: "failed", error, code: "no_container_program", output: "" };
  }
  // Unique to the attempt: a second one may begin before the first is gone.
  const name = `orrery-${task.jobId}-${task.attempt}`;
  const names = [...toldNames, ...Object.keys(order.env)];
  const command = [
    ...[program, "run", "--rm", "-i", "--name", name],
    ...names.flatMap((variable) => ["--env", variable]),
    ...["--", order.image, ...order.args],
  ];
  const { cwd, env, timeoutS } = order;
  const shell = createShell({ command, cwd, env, timeout_s: timeoutS ?? undefined }, environment);
  const outcome = await shell.run(task, signal);
  // The program was killed, perhaps before it could tell the container to end.
  if (outcome.outcome === "timed_out" || outcome.outcome === "cancelled") await remove(program, name, environment);
  return outcome;
}

function remove(program: string, name: string, environment: Environment): Promise<void> {
  return new Promise((resolve) => {
    const env = Object.fromEntries(removerNames.map((variable) => [variable, environment[variable] ?? ""]));
    try {
      execFile(program, ["rm", "--force", name], { timeout: removeMs, env }, () => resolve());
    } catch {
      resolve(); // it could not be started: there is no container either
    }
  });
}
