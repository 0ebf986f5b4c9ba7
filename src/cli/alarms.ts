/** `orrery alarms list|acknowledge`: what is wrong, and that somebody has seen it. */
import { type Command, Option } from "commander";
import { alarmKinds, alarmStates, severities } from "../model/alarm.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show, withPaging } from "./api-command.ts";
import { moreText, readPages } from "./pages.ts";
import { table } from "./table.ts";
import { type Colour, clean, relative } from "./words.ts";

interface Alarm {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly ship: string | null;
  readonly subject: string;
  readonly at: string;
  readonly cleared_at: string | null;
  readonly acknowledged_by: string | null;
  readonly comment: string | null;
  readonly detail: unknown;
}

export function alarmsCommand(): Command {
  return groupCommand(
    "alarms",
    "see alarms, acknowledge them",
    ["orrery alarms list --ship demo", 'orrery alarms acknowledge $ALARM --comment "heater switched off"'],
    [listCommand(), acknowledgeCommand()],
  ).alias("alarm");
}

interface ListFlags extends ApiFlags {
  readonly ship?: string;
  readonly pass?: string;
  readonly kind?: string;
  readonly severity?: string;
  readonly state: string;
  readonly limit: number;
  readonly cursor?: string;
}

function listCommand(): Command {
  return withPaging(apiCommand("list", "list alarms, the newest first", ["orrery alarms list --severity critical"]))
    .option("--ship <name>", "of this ship")
    .option("--pass <id>", "of this pass")
    .addOption(new Option("--kind <kind>", "of this kind").choices(alarmKinds))
    .addOption(new Option("--severity <severity>", "of this severity").choices(severities))
    .addOption(
      new Option("--state <state>", "active: not yet both over and acknowledged")
        .choices(alarmStates)
        .default("active"),
    )
    .action(async ({ ship, pass, kind, severity, state, limit, cursor, ...flags }: ListFlags) => {
      const query = { ship, pass, kind, severity, state, limit, cursor };
      const page = await readPages<Alarm>(clientOf(flags), "/alarm", query);
      show(flags, page, () =>
        page.rows.length === 0 ? "No alarm matches.\n" : alarmsText(page.rows) + moreText(page),
      );
    });
}

const colours: Readonly<Record<string, Colour>> = { critical: "red", warning: "yellow", watch: "blue" };

const alarmsText = (rows: readonly Alarm[]): string =>
  table(rows, [
    { title: "alarm", of: ({ id }) => id },
    { title: "severity", of: ({ severity }) => severity, colour: ({ severity }) => colours[severity] ?? "plain" },
    { title: "kind", of: ({ kind }) => kind },
    { title: "ship", of: ({ ship }) => ship },
    { title: "of", of: ({ subject }) => subject },
    { title: "raised", of: ({ at }) => relative(at) },
    { title: "over", of: ({ cleared_at }) => relative(cleared_at) },
    { title: "acknowledged by", of: ({ acknowledged_by }) => acknowledged_by },
    { title: "detail", of: ({ detail }) => clean(detail), shrinks: true },
  ]);

function acknowledgeCommand(): Command {
  return apiCommand("acknowledge", "say that an alarm was seen, under your name", [
    'orrery alarms acknowledge $ALARM --comment "heater switched off"',
  ])
    .argument("<id>", "the alarm")
    .requiredOption("--comment <text>", "what was seen, or done")
    .action(async (id: string, { comment, ...flags }: ApiFlags & { readonly comment: string }) => {
      const path = `/alarm/${encodeURIComponent(id)}/acknowledge`;
      const alarm = await clientOf(flags).send<Alarm>("PUT", path, { body: { comment } });
      const then = alarm.cleared_at === null ? "It is active until its condition is over, too." : "It is closed.";
      show(flags, alarm, () => `Acknowledged by ${clean(alarm.acknowledged_by)}. ${then}\n`);
    });
}
