/** `orrery passes plan|predict|extend|cancel` and `orrery ships tle`: what passes are made of. */
import { type Command, Option } from "commander";
import { parseJson } from "../model/json.ts";
import { conflictPolicies } from "../model/pass-conflicts.ts";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, show } from "./api-command.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { fileText } from "./input.ts";
import { table } from "./table.ts";
import { clean, colourOfState, moment } from "./words.ts";

interface Planned {
  readonly id: string;
  readonly ship: string;
  readonly station: string | null;
  readonly port: number;
  readonly aos: string;
  readonly los: string;
  readonly state: string;
  readonly reason: string | null;
}

interface Report {
  readonly dry_run: boolean;
  readonly accepted: boolean;
  readonly passes: readonly Planned[];
  readonly cancelled: readonly Planned[];
  readonly conflicts: readonly { readonly index: number; readonly on: readonly string[]; readonly pass_id: string }[];
}

interface Prediction {
  readonly warnings: readonly string[];
  readonly passes: readonly {
    readonly aos: string;
    readonly los: string;
    readonly duration_s: number;
    readonly aos_azimuth: number;
    readonly los_azimuth: number;
    readonly max_elevation: number;
    readonly pass_id: string | null;
  }[];
}

interface PlanFlags extends ApiFlags {
  readonly onConflict?: string;
  readonly dryRun?: boolean;
}

const withRules = (command: Command): Command =>
  command
    .addOption(new Option("--on-conflict <rule>", "what gives way (default: reject)").choices(conflictPolicies))
    .option("--dry-run", "tell what would be planned, and plan nothing");

export const planningCommands = (): Command[] => [planCommand(), predictCommand(), extendCommand(), cancelCommand()];

function planCommand(): Command {
  return withRules(
    apiCommand("plan", "plan the passes of a file, all of them or none", ["orrery passes plan week.csv --dry-run"]),
  )
    .argument("<file>", "CSV with a header, or a JSON list; - for standard input")
    .action(async (file: string, { onConflict, dryRun, ...flags }: PlanFlags) => {
      const text = fileText(file);
      const isJson = /^\s*[[{]/.test(text);
      const query = { on_conflict: onConflict, dry_run: dryRun };
      const call = isJson ? { query, body: [parseJson(text)].flat() } : { query, csv: text };
      const report = await clientOf(flags).send<Report>("POST", "/pass", call);
      showReport(flags, report);
    });
}

interface PredictFlags extends PlanFlags {
  readonly from?: string;
  readonly to?: string;
  readonly minElevation?: number;
  readonly plan?: boolean;
  readonly template?: string;
  readonly flow?: readonly string[];
}

function predictCommand(): Command {
  return withRules(
    apiCommand("predict", "when a station sees a ship, by the ship's two-line elements", [
      "orrery passes predict demo kiruna --min-elevation 10",
      "orrery passes predict demo kiruna --plan --template pass-products",
    ]),
  )
    .argument("<ship>", "its name")
    .argument("<station>", "its name")
    .option("--from <date>", "now, if absent")
    .option("--to <date>", "7 days later, if absent")
    .option("--min-elevation <degrees>", "where the station's mask is lower, this counts", positiveNumber(90))
    .option("--plan", "plan them; those that are planned already are left out")
    .option("--template <id>", "with --plan: becomes a plan at each LOS")
    .option("--flow <name...>", "with --plan: message flows that are told what the products of these plans do")
    .action(async (ship: string, station: string, flags: PredictFlags) => {
      const { from, to, minElevation, plan, template, flow, onConflict, dryRun, ...rest } = flags;
      const ask = { ship, station, from, to, min_elevation: minElevation };
      const client = clientOf(rest);
      if (plan === true) {
        const query = { on_conflict: onConflict, dry_run: dryRun };
        const report = await client.send<Report>("POST", "/pass/predict", {
          query,
          body: { ...ask, template, flows: flow },
        });
        showReport(rest, report);
        return;
      }
      const found = await client.get<Prediction>("/pass/predict", ask);
      show(rest, found, () => predictionText(found));
    });
}

function extendCommand(): Command {
  return apiCommand("extend", "move the LOS of a pass to later", ["orrery passes extend $PASS --by 120"])
    .argument("<id>", "the pass")
    .requiredOption("--by <seconds>", "so much later", positiveNumber(31 * 86_400))
    .addOption(new Option("--on-conflict <rule>", "what gives way (default: reject)").choices(["reject", "priority"]))
    .action(async (id: string, { by, onConflict, ...flags }: PlanFlags & { readonly by: number }) => {
      const call = { query: { on_conflict: onConflict }, body: { by_s: by } };
      const pass = await clientOf(flags).send<Planned>("PUT", `/pass/${encodeURIComponent(id)}/extend`, call);
      show(flags, pass, () => `Pass ${pass.id} goes on until ${moment(pass.los)}.\n`);
    });
}

function cancelCommand(): Command {
  return apiCommand("cancel", "cancel a pass that has not ended", ["orrery passes cancel $PASS"])
    .argument("<id>", "the pass")
    .action(async (id: string, flags: ApiFlags) => {
      const pass = await clientOf(flags).send<Planned>("PUT", `/pass/${encodeURIComponent(id)}/cancel`);
      show(flags, pass, () => `Pass ${pass.id} is cancelled.\n`);
    });
}

export function orbitCommand(): Command {
  return apiCommand("tle", "say where a ship is, by its two-line elements", ["orrery ships tle demo demo.tle"])
    .argument("<ship>", "its name")
    .argument("<file>", "two lines, or three with a name above; - for standard input")
    .action(async (ship: string, file: string, flags: ApiFlags) => {
      const body = { tle: fileText(file) };
      const path = `/ship/${encodeURIComponent(ship)}/tle`;
      const { tle } = await clientOf(flags).send<{ tle: { catalog_number: string; epoch: string } }>("PUT", path, {
        body,
      });
      show(
        flags,
        tle,
        () => `Ship ${clean(ship)} is ${tle.catalog_number}, its elements are of ${moment(tle.epoch)}.\n`,
      );
    });
}

/** A dry run that planning would refuse fails as planning would, whichever way it is shown. */
function showReport(flags: ApiFlags, report: Report): void {
  if (report.accepted || flags.json === true) show(flags, report, () => reportText(report));
  if (report.accepted) return;
  const lines = report.conflicts.map(
    ({ index, on, pass_id }) => `pass ${index}: ${on.join(", ")} taken by pass ${pass_id}\n`,
  );
  throw new CommandError(`These passes would be refused:\n${lines.join("")}`, exitCodes.failed);
}

function reportText({ dry_run, passes, cancelled }: Report): string {
  const would = dry_run ? "would be " : "";
  const made = passes.length === 0 ? `Nothing ${dry_run ? "would be" : "is"} planned.\n` : passTable(passes);
  return cancelled.length === 0 ? made : `${made}\nThese ${would}cancelled to make room:\n${passTable(cancelled)}`;
}

const passTable = (passes: readonly Planned[]): string =>
  table(passes, [
    { title: "pass", of: ({ id }) => id },
    { title: "ship", of: ({ ship }) => ship },
    { title: "station", of: ({ station }) => station },
    { title: "aos", of: ({ aos }) => moment(aos) },
    { title: "los", of: ({ los }) => moment(los) },
    { title: "port", of: ({ port }) => port },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
    { title: "why", of: ({ reason }) => reason, shrinks: true },
  ]);

function predictionText({ warnings, passes }: Prediction): string {
  const said = warnings.map((warning) => `${clean(warning)}.\n`).join("");
  if (passes.length === 0) return `${said}The station does not see the ship in that time.\n`;
  const rows = table(passes, [
    { title: "aos", of: ({ aos }) => moment(aos) },
    { title: "los", of: ({ los }) => moment(los) },
    { title: "seconds", of: ({ duration_s }) => Math.round(duration_s) },
    { title: "highest", of: ({ max_elevation }) => `${max_elevation.toFixed(1)}°` },
    { title: "from", of: ({ aos_azimuth }) => `${Math.round(aos_azimuth)}°` },
    { title: "to", of: ({ los_azimuth }) => `${Math.round(los_azimuth)}°` },
    { title: "planned as", of: ({ pass_id }) => pass_id },
  ]);
  return said + rows;
}
