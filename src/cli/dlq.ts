/** `orrery dlq …`: jobs that gave up, why, and giving them another chance. */
import process from "node:process";
import { type Command, Option } from "commander";
import { SetupError } from "../model/errors.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show, wholeNumber, withPaging } from "./api-command.ts";
import type { Client } from "./client.ts";
import { moreText, readPages } from "./pages.ts";
import { startProgress } from "./progress.ts";
import type { Job } from "./shapes.ts";
import { table } from "./table.ts";
import { relative } from "./words.ts";

const reasons = ["attempts_exhausted", "not_retryable", "lease_lost"];

interface Filter {
  readonly queue?: string;
  readonly type?: string;
  readonly reason?: string;
}

export function dlqCommand(): Command {
  return groupCommand(
    "dlq",
    "see dead letters, and redrive them",
    ["orrery dlq reasons", "orrery dlq redrive --reason attempts_exhausted --queue mail --dry-run"],
    [listCommand(), reasonsCommand(), redriveCommand()],
  );
}

function withFilter(command: Command): Command {
  return command
    .option("-q, --queue <name>", "of this queue")
    .option("-t, --type <name>", "of this job type")
    .addOption(new Option("--reason <reason>", `that ended for this reason: ${reasons.join(", ")}, …`));
}

function listCommand(): Command {
  const command = apiCommand("list", "list dead jobs that were not redriven", ["orrery dlq list --queue mail"]);
  return withFilter(withPaging(command)).action(
    async (flags: ApiFlags & Filter & { limit: number; cursor?: string }) => {
      const { queue, type, reason, limit, cursor } = flags;
      const page = await readPages<Job>(clientOf(flags), "/dlq", { queue, job_type: type, reason, limit, cursor });
      show(flags, page, () =>
        page.rows.length === 0
          ? "No dead letter matches.\n"
          : table(page.rows, [
              { title: "id", of: ({ id }) => id },
              { title: "queue", of: ({ queue }) => queue, shrinks: true },
              { title: "type", of: ({ job_type }) => job_type, shrinks: true },
              { title: "reason", of: ({ reason }) => reason, colour: () => "red" },
              { title: "attempts", of: ({ attempt }) => attempt },
              { title: "ended", of: ({ finished_at }) => relative(finished_at) },
              { title: "error", of: ({ error }) => error, shrinks: true },
            ]) + moreText(page),
      );
    },
  );
}

interface ReasonRow {
  readonly reason: string;
  readonly job_type: string;
  readonly queue: string;
  readonly count: number;
}

function reasonsCommand(): Command {
  return apiCommand("reasons", "count dead jobs by reason, type and queue", ["orrery dlq reasons"]).action(
    async (flags: ApiFlags) => {
      const rows = await clientOf(flags).get<ReasonRow[]>("/dlq/reason");
      show(flags, rows, () =>
        rows.length === 0
          ? "There is no dead letter.\n"
          : table(rows, [
              { title: "reason", of: ({ reason }) => reason, colour: () => "red" },
              { title: "type", of: ({ job_type }) => job_type },
              { title: "queue", of: ({ queue }) => queue },
              { title: "count", of: ({ count }) => count },
            ]),
      );
    },
  );
}

interface Redriven {
  readonly dry_run: boolean;
  readonly matched: number;
  readonly redriven: readonly { id: string; as: string | null }[];
  readonly skipped: readonly { id: string; why: string }[];
}

function redriveCommand(): Command {
  const command = apiCommand("redrive", "give dead jobs another chance: new jobs, or their products cleared", [
    "orrery dlq redrive $ID",
    "orrery dlq redrive --queue mail --reason attempts_exhausted --dry-run",
    "orrery dlq redrive --all --json | jq '.redriven | length'",
  ])
    .argument("[ids...]", "these jobs; a filter or --all instead redrives all that match")
    .option("--all", "all dead jobs")
    .option("--dry-run", "only say what would be redriven")
    .option("-n, --limit <number>", "at most so many", wholeNumber(1, 10_000_000));
  return withFilter(command).action(redrive);
}

interface RedriveFlags extends ApiFlags, Filter {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly limit?: number;
}

/** A request redrives so many at most: longer ones would hold their connection for too long. */
const sliceMax = 500;

async function redrive(ids: readonly string[], flags: RedriveFlags): Promise<void> {
  const { queue, type, reason } = flags;
  const hasFilter = queue !== undefined || type !== undefined || reason !== undefined;
  if (ids.length > 0 ? hasFilter || flags.all === true : !hasFilter && flags.all !== true)
    throw new SetupError("Cannot tell what to redrive: give ids, or a filter (--queue, --type, --reason), or --all");
  const client = clientOf(flags);
  const filter = { queue, job_type: type, reason };
  const total = ids.length > 0 ? ids.length : await countOf(client, filter, flags.limit);
  const done =
    flags.dryRun === true
      ? await ask(client, ids.length > 0 ? { ids } : { filter }, { dry_run: true, limit: Math.max(total, 1) })
      : await inSlices(client, ids, filter, total);
  show(flags, done, () => redrivenText(done));
  if (done.skipped.length > 0 && done.redriven.length === 0 && flags.dryRun !== true) process.exitCode = 1;
}

async function countOf(
  client: Client,
  filter: Record<string, string | undefined>,
  limit = Number.POSITIVE_INFINITY,
): Promise<number> {
  const { total, rows } = await client.get<{ total?: number; rows: readonly Job[] }>("/dlq", { ...filter, limit: 1 });
  return Math.min(total ?? rows.length, limit);
}

const ask = (client: Client, what: object, how: object): Promise<Redriven> =>
  client.send<Redriven>("POST", "/dlq/redrive", { body: { ...what, ...how } });

/** Until `total` are done or none is left that can be: what is skipped stays dead, and would be met again. */
async function inSlices(client: Client, ids: readonly string[], filter: object, total: number): Promise<Redriven> {
  const redriven: { id: string; as: string | null }[] = [];
  const skipped = new Map<string, string>();
  const bar = startProgress("Redriving", total);
  try {
    for (let at = 0; at < total; ) {
      const count = Math.min(sliceMax, total - at);
      const what = ids.length > 0 ? { ids: ids.slice(at, at + count) } : { filter };
      const slice = await ask(client, what, { dry_run: false, limit: count });
      redriven.push(...slice.redriven);
      for (const { id, why } of slice.skipped) skipped.set(id, why);
      at += ids.length > 0 ? count : slice.redriven.length;
      bar.at(at);
      if (ids.length === 0 && slice.redriven.length === 0) break;
    }
  } finally {
    bar.end();
  }
  return {
    dry_run: false,
    matched: redriven.length + skipped.size,
    redriven,
    skipped: [...skipped].map(([id, why]) => ({ id, why })),
  };
}

function redrivenText({ dry_run, matched, redriven, skipped }: Redriven): string {
  const head = dry_run ? `${matched} would be redriven.\n` : `${redriven.length} redriven.\n`;
  const shown = redriven.slice(0, 20).map(({ id, as }) => `  ${id}${as === null ? "" : ` as ${as}`}\n`);
  const more = redriven.length > 20 ? `  … and ${redriven.length - 20} more\n` : "";
  return head + shown.join("") + more + skipped.map(({ id, why }) => `  ${id} was left: ${why}\n`).join("");
}
