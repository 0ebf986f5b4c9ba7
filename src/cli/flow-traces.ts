/** `orrery flows trace` and `probe`: what became of messages, and what would become of one. */
import { type Command, Option } from "commander";
import { traceOutcomes } from "../store/flow-traces.ts";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, show, withPaging } from "./api-command.ts";
import { fileText } from "./input.ts";
import { moreText, readPages } from "./pages.ts";
import { table } from "./table.ts";
import { clean, colourOfState, relative } from "./words.ts";

interface TraceRow {
  readonly partition: string;
  readonly id: string;
  readonly at: string;
  readonly took_ms: number | null;
  readonly outcome: string;
  readonly fault: { readonly stage: string; readonly error: string } | null;
  readonly task_count: number;
  readonly delivery_count: number;
  readonly node?: string;
}

interface TraceFlags extends ApiFlags {
  readonly stored?: boolean;
  readonly partition?: string;
  readonly id?: string;
  readonly outcome?: string;
  readonly slowerThan?: number;
  readonly limit: number;
  readonly cursor?: string;
}

export function traceCommand(): Command {
  return withPaging(
    apiCommand("trace", "show what became of messages, the newest first; with --json each attempt and delivery", [
      "orrery flows trace readings --outcome dead",
      "orrery flows trace readings --stored --slower-than 500 --json",
    ]),
  )
    .argument("<name>", "the flow")
    .option("--stored", "what all nodes have stored of failed and slow ones, not what one node remembers")
    .option("--partition <name>", "of this partition")
    .option("--id <position>", "at this position in it")
    .addOption(new Option("--outcome <outcome>", "that ended so").choices(traceOutcomes))
    .option("--slower-than <ms>", "that took so many milliseconds", positiveNumber(1e9))
    .action(
      async (name: string, { stored, partition, id, outcome, slowerThan, limit, cursor, ...flags }: TraceFlags) => {
        const query = {
          partition,
          id,
          outcome,
          slower_than_ms: slowerThan,
          from: stored ? "store" : "memory",
          limit,
          cursor,
        };
        const page = await readPages<TraceRow>(clientOf(flags), `/flow/${encodeURIComponent(name)}/trace`, query);
        show(flags, page, () =>
          page.rows.length === 0 ? "No message matches.\n" : traceText(page.rows) + moreText(page),
        );
      },
    );
}

const traceText = (rows: readonly TraceRow[]): string =>
  table(rows, [
    { title: "partition", of: ({ partition }) => clean(partition) },
    { title: "position", of: ({ id }) => clean(id) },
    { title: "outcome", of: ({ outcome }) => outcome, colour: ({ outcome }) => colourOfState(outcome) },
    { title: "ms", of: ({ took_ms }) => took_ms },
    { title: "tasks", of: ({ task_count }) => task_count },
    { title: "deliveries", of: ({ delivery_count }) => delivery_count },
    { title: "taken", of: ({ at }) => relative(at) },
    {
      title: "fault",
      of: ({ fault }) => (fault === null ? "" : clean(`${fault.stage}: ${fault.error}`)),
      shrinks: true,
    },
  ]);

export function probeCommand(): Command {
  return apiCommand("probe", "run a message dry: its tasks run, nothing goes to the sinks", [
    "orrery flows probe readings message.json",
    `echo '{"n":1}' | orrery flows probe readings -`,
  ])
    .argument("<name>", "the flow")
    .argument("<file>", "the message as it would come; - for standard input")
    .action(async (name: string, file: string, flags: ApiFlags) => {
      const text = fileText(file).replace(/\n$/, "");
      const path = `/flow/${encodeURIComponent(name)}/probe`;
      const probed = await clientOf(flags).send<object>("POST", path, { body: { text } });
      show(flags, probed, () => JSON.stringify(probed, null, 2));
    });
}
