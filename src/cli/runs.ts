/** `orrery runs` and `orrery run ID`: runs of templates, and one of them watched until it ends. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, show, withPaging } from "./api-command.ts";
import type { Client } from "./client.ts";
import { moreText, readPages } from "./pages.ts";
import { planTree } from "./plan-tree.ts";
import { startProgress } from "./progress.ts";
import { failuresText } from "./run-failures.ts";
import { endedRunStates, type Plan, type Run } from "./shapes.ts";
import { details, table } from "./table.ts";
import { clean, colourOfState, duration, excerpt, moment, painted, relative } from "./words.ts";

const runStates = ["running", "success", "failed", "paused", "cancelled"];

interface ListFlags extends ApiFlags {
  readonly template?: string;
  readonly state?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export function runsCommand(): Command {
  return withPaging(
    apiCommand("runs", "list runs of templates, the newest first", ["orrery runs --template etl --state failed"]),
  )
    .option("-t, --template <id>", "of this template")
    .addOption(new Option("--state <state>", "in this state").choices(runStates))
    .action(async (flags: ListFlags) => {
      const { template, state, limit, cursor } = flags;
      const page = await readPages<Run>(clientOf(flags), "/run", { template, state, limit, cursor });
      show(flags, page, () => runTable(page.rows) + moreText(page));
    });
}

export function runTable(rows: readonly Run[]): string {
  if (rows.length === 0) return "No run matches.\n";
  return table(rows, [
    { title: "run", of: ({ id }) => id },
    { title: "template", of: ({ template }) => template, shrinks: true },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
    { title: "tasks", of: ({ tasks }) => countsText(tasks), shrinks: true },
    { title: "by", of: ({ triggered_by, source }) => triggered_by ?? source, shrinks: true },
    { title: "created", of: ({ created_at }) => relative(created_at) },
    { title: "took", of: (run) => tookText(run) },
  ]);
}

export const countsText = (tasks: Run["tasks"]): string =>
  Object.entries(tasks)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(", ");

const tookText = ({ created_at, finished_at }: Run): string =>
  finished_at === null ? "-" : duration(Date.parse(finished_at) - Date.parse(created_at));

export function runCommand(): Command {
  return apiCommand("run", "show one run, or watch it until it ends", [
    "orrery run $RUN",
    "orrery run $RUN --watch && echo done",
    "orrery run $RUN --cancel",
  ])
    .argument("<id>", "the run: the id of its dataset")
    .option("-w, --watch", "wait for its end; exit code 1 when it did not succeed")
    .option("--cancel", "cancel it: every attempt is stopped")
    .addOption(new Option("--every <seconds>", "between two looks").argParser(positiveNumber(3600)).default(1))
    .action(async (id: string, flags: ApiFlags & { watch?: boolean; cancel?: boolean; every: number }) => {
      const client = clientOf(flags);
      const path = `/run/${encodeURIComponent(id)}`;
      if (flags.cancel === true) await client.send("PUT", `${path}/cancel`);
      if (flags.watch === true) return watchRun(client, id, flags, flags.every);
      const run = await client.get<Run>(path);
      const plan = flags.json === true ? null : await client.get<Plan>(`/plan/${encodeURIComponent(run.dataset_id)}`);
      const why = plan === null ? "" : planTree(plan) + (await failuresText(client, plan));
      show(flags, run, () => runText(run) + why);
    });
}

function runText(run: Run): string {
  return details([
    ["run", run.id],
    ["template", `${clean(run.template)}${run.version === null ? "" : `, version ${clean(run.version)}`}`],
    ["state", painted(run.state, colourOfState(run.state))],
    ["tasks", countsText(run.tasks)],
    ["triggered by", `${clean(run.triggered_by)}${run.source ? ` (${clean(run.source)})` : ""}`],
    ["created", moment(run.created_at)],
    ["finished", run.finished_at && moment(run.finished_at)],
    ["took", tookText(run)],
    ["params", excerpt(run.params)],
  ]);
}

/** Shows a bar on a terminal; to a program one line a change with `--json`. Ends with 1 unless the run succeeds. */
export async function watchRun(client: Client, id: string, flags: ApiFlags, everyS: number): Promise<void> {
  let bar: ReturnType<typeof startProgress> | null = null;
  let known = "";
  for (;;) {
    const run = await client.get<Run>(`/run/${encodeURIComponent(id)}`);
    const counts = countsText(run.tasks);
    const total = Object.values(run.tasks).reduce((sum, count) => sum + count, 0);
    bar ??= startProgress(`Run ${id}`, total);
    bar.at((run.tasks.success ?? 0) + (run.tasks.failed ?? 0) + (run.tasks.disabled ?? 0));
    const now = `${run.state} ${counts}`;
    if (now !== known) {
      if (flags.json === true) process.stdout.write(`${JSON.stringify(run)}\n`);
      else if (process.stdout.isTTY !== true) process.stdout.write(`${run.state}: ${counts}\n`);
    }
    known = now;
    if (endedRunStates.includes(run.state)) {
      bar.end();
      if (flags.json !== true) process.stdout.write(runText(run) + (await whyFailed(client, run)));
      if (run.state !== "success") process.exitCode = 1;
      return;
    }
    await sleep(everyS * 1000);
  }
}

async function whyFailed(client: Client, { state, dataset_id: id }: Run): Promise<string> {
  return state === "failed" ? await failuresText(client, await client.get<Plan>(`/plan/${id}`)) : "";
}
