/** `orrery backfill`: a template over a range of dates or a list of parameters; a dry run shows the runs first. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { SetupError } from "../model/errors.ts";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, show, wholeNumber } from "./api-command.ts";
import type { Client } from "./client.ts";
import { readJson } from "./input.ts";
import { startProgress } from "./progress.ts";
import { countsText } from "./runs.ts";
import { endedRunStates } from "./shapes.ts";
import { table } from "./table.ts";
import { clean, excerpt } from "./words.ts";

interface BackfillFlags extends ApiFlags {
  readonly from?: string;
  readonly to?: string;
  readonly step?: string;
  readonly params?: string;
  readonly concurrency: number;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly every: number;
}

/** What the order answers; `runs` has the first 1,000. */
interface Made {
  readonly id: string | null;
  readonly count: number;
  readonly runs: readonly { readonly params: unknown; readonly at: string | null }[];
  readonly dry_run: boolean;
}

interface Backfill {
  readonly id: string;
  readonly state: string;
  readonly count: number;
  /** How many are in each state. */
  readonly runs: Readonly<Record<string, number>>;
}

export function backfillCommand(): Command {
  return apiCommand("backfill", "run a template for each time of a range, or for each set of parameters", [
    "orrery backfill etl --from 2026-01-01 --to 2026-01-31 --step 1d --dry-run",
    "orrery backfill etl --from 2026-01-01 --to 2026-01-31 --concurrency 4 --wait",
    'orrery backfill etl --params \'[{"region":"eu"},{"region":"us"}]\'',
  ])
    .argument("<template>", "the template")
    .option("--from <date>", "the first time")
    .option("--to <date>", "the last time")
    .option("--step <text>", "between two times, such as 1d; the template's schedule without it")
    .option("--params <json>", "a list of parameter sets: JSON, @file or -")
    .option("--concurrency <number>", "runs at once", wholeNumber(1, 1000), 1)
    .option("--dry-run", "only show the runs")
    .option("-w, --wait", "wait until all have ended; exit code 1 when one did not succeed")
    .option("--every <seconds>", "between two looks while it waits", positiveNumber(3600), 2)
    .action(backfill);
}

async function backfill(template: string, flags: BackfillFlags): Promise<void> {
  const hasRange = flags.from !== undefined && flags.to !== undefined;
  if (hasRange === (flags.params !== undefined) || (flags.from === undefined) !== (flags.to === undefined))
    throw new SetupError("Cannot tell what to run: give --from and --to, or --params");
  const client = clientOf(flags);
  const done = await client.send<Made>("POST", "/backfill", {
    body: {
      template,
      from: flags.from,
      to: flags.to,
      step: flags.step,
      params: readJson(flags.params, "--params"),
      concurrency: flags.concurrency,
      dry_run: flags.dryRun === true,
    },
  });
  if (flags.wait !== true || flags.dryRun === true) return show(flags, done, () => backfillText(done, template));
  const ended = await waitForEnd(client, done, flags.every);
  const succeeded = ended.runs.success ?? 0;
  show(flags, ended, () => `${succeeded} of ${ended.count} runs succeeded (${countsText(ended.runs)}).\n`);
  if (succeeded < ended.count) process.exitCode = 1;
}

function backfillText({ count, runs, dry_run }: Made, template: string): string {
  const head = dry_run
    ? `${count} runs would be made.\n`
    : `${count} runs are made. See them: orrery runs --template ${clean(template)}\n`;
  if (runs.length === 0) return head;
  return (
    head +
    table(runs.slice(0, 50), [
      { title: "at", of: ({ at }) => at },
      { title: "params", of: ({ params }) => excerpt(params), shrinks: true },
    ]) +
    (runs.length > 50 ? `… and ${runs.length - 50} more\n` : "")
  );
}

async function waitForEnd(client: Client, { id, count }: Made, everyS: number): Promise<Backfill> {
  const bar = startProgress("Backfilling", count);
  try {
    for (;;) {
      const backfill = await client.get<Backfill>(`/backfill/${id}`);
      bar.at(endedRunStates.reduce((sum, state) => sum + (backfill.runs[state] ?? 0), 0));
      if (backfill.state === "finished" || backfill.state === "cancelled") return backfill;
      await sleep(everyS * 1000);
    }
  } finally {
    bar.end();
  }
}
