/** `orrery passes` and `orrery ships`: the ground segment's lists, and one pass with its loss ledger. */
import { type Command, Option } from "commander";
import { passStates } from "../model/pass.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show, wholeNumber } from "./api-command.ts";
import { importCommand } from "./packets.ts";
import { addPacketsCommand } from "./passes-late.ts";
import { orbitCommand, planningCommands } from "./passes-planning.ts";
import { details, table } from "./table.ts";
import { clean, colourOfState, moment, painted, percent, relative } from "./words.ts";

interface PassRow {
  readonly id: string;
  readonly ship: string;
  readonly station: string | null;
  readonly host: string;
  readonly port: number;
  readonly aos: string;
  readonly los: string;
  readonly template: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly dataset_id: string | null;
  readonly counters: { readonly received: number; readonly stored: number; readonly missing: number } | null;
}

interface Ledger {
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly missing: number;
  readonly idle: number;
  readonly queue_drops: number;
  readonly store_drops: number;
  readonly kernel_drops: number | null;
  readonly rejected: Readonly<Record<string, number>>;
  readonly completeness: number;
}

export function passesCommand(): Command {
  return groupCommand(
    "passes",
    "plan passes, see them, and what they received and lost",
    ["orrery passes list --ship demo", "orrery passes show $PASS", "orrery passes plan week.csv --dry-run"],
    [listCommand(), showCommand(), ...planningCommands(), addPacketsCommand()],
  ).alias("pass");
}

interface ListFlags extends ApiFlags {
  readonly ship?: string;
  readonly state?: string;
  readonly limit: number;
}

function listCommand(): Command {
  return apiCommand("list", "list passes", ["orrery passes list --state receiving"])
    .option("--ship <name>", "of this ship")
    .addOption(new Option("--state <state>", "in this state").choices(passStates))
    .option("-n, --limit <number>", "at most so many rows", wholeNumber(1, 200), 50)
    .action(async ({ ship, state, limit, ...flags }: ListFlags) => {
      const page = await clientOf(flags).get<{ rows: PassRow[]; next_page: number | null }>("/pass", {
        ship,
        state,
        limit,
      });
      show(flags, page, () =>
        page.rows.length === 0
          ? "No pass matches.\n"
          : table(page.rows, [
              { title: "pass", of: ({ id }) => id },
              { title: "ship", of: ({ ship }) => ship },
              { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
              { title: "port", of: ({ port }) => port },
              { title: "aos", of: ({ aos }) => relative(aos) },
              { title: "stored", of: ({ counters }) => counters?.stored },
              { title: "missing", of: ({ counters }) => counters?.missing },
              { title: "why", of: ({ reason }) => reason, shrinks: true },
            ]),
      );
    });
}

function showCommand(): Command {
  return apiCommand("show", "show a pass and its loss ledger", ["orrery passes show $PASS"])
    .argument("<id>", "the pass")
    .action(async (id: string, flags: ApiFlags) => {
      const pass = await clientOf(flags).get<PassRow & { ledger: Ledger | null }>(`/pass/${encodeURIComponent(id)}`);
      show(flags, pass, () => passText(pass));
    });
}

function passText({ ledger, ...pass }: PassRow & { ledger: Ledger | null }): string {
  const rejected = Object.entries(ledger?.rejected ?? {})
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`);
  return details([
    ["pass", pass.id],
    ["ship", clean(pass.ship)],
    ["station", clean(pass.station)],
    ["listens on", `${pass.host}:${pass.port}`],
    ["aos", moment(pass.aos)],
    ["los", moment(pass.los)],
    ["state", painted(pass.state, colourOfState(pass.state))],
    ["reason", clean(pass.reason)],
    ["plan", pass.dataset_id],
    ["complete", ledger && percent(ledger.completeness)],
    ["received", ledger?.received],
    ["stored", ledger?.stored],
    ["missing", ledger?.missing],
    ["duplicates", ledger?.duplicates],
    ["out of order", ledger?.out_of_order],
    ["idle", ledger?.idle],
    ["rejected", rejected.join(", ")],
    [
      "dropped",
      ledger &&
        `${ledger.kernel_drops ?? "unknown"} by the kernel, ${ledger.queue_drops} at the queue, ${ledger.store_drops} at the store`,
    ],
  ]);
}

interface ShipRow {
  readonly ship: string;
  readonly format: string;
  readonly modified_by: string;
  readonly modified_date: string;
}

export function shipsCommand(): Command {
  return groupCommand(
    "ships",
    "see the ships that are registered, register them, say where they are",
    [
      "orrery ships list",
      "orrery ships latest demo",
      "orrery ships import aurora sat.xml",
      "orrery ships tle demo demo.tle",
    ],
    [
      apiCommand("list", "list the ships", ["orrery ships list"]).action(async (flags: ApiFlags) => {
        const page = await clientOf(flags).get<{ rows: ShipRow[] } | ShipRow[]>("/ship");
        const rows = "rows" in page ? page.rows : page;
        show(flags, page, () =>
          rows.length === 0
            ? "No ship is registered.\n"
            : table(rows, [
                { title: "ship", of: ({ ship }) => ship },
                { title: "format", of: ({ format }) => format },
                { title: "changed", of: ({ modified_date }) => relative(modified_date) },
                { title: "by", of: ({ modified_by }) => modified_by },
              ]),
        );
      }),
      latestCommand(),
      importCommand(),
      orbitCommand(),
    ],
  );
}

interface Latest {
  readonly ship: string;
  readonly parameters: Readonly<
    Record<
      string,
      { value: number | string | null; unit: string | null; limit: string | null; packet: string; at: string }
    >
  >;
}

function latestCommand(): Command {
  return apiCommand("latest", "show the latest value of each parameter of a ship", ["orrery ships latest demo"])
    .argument("<ship>", "its name")
    .action(async (ship: string, flags: ApiFlags) => {
      const latest = await clientOf(flags).get<Latest>(`/ship/${encodeURIComponent(ship)}/telemetry/latest`);
      show(flags, latest, () =>
        Object.keys(latest.parameters).length === 0
          ? "Nothing was received yet.\n"
          : table(Object.entries(latest.parameters), [
              { title: "parameter", of: ([name]) => name },
              { title: "value", of: ([, { value }]) => value },
              { title: "unit", of: ([, { unit }]) => unit },
              {
                title: "limit",
                of: ([, { limit }]) => limit,
                colour: ([, { limit }]) => (limit === null || limit === "ok" ? "plain" : "red"),
              },
              { title: "packet", of: ([, { packet }]) => packet },
              { title: "at", of: ([, { at }]) => relative(at) },
            ]),
      );
    });
}
