/** `orrery stations` and `orrery contacts`: where passes are received, and those that come again and again. */
import type { Command } from "commander";
import { parseJson } from "../model/json.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show } from "./api-command.ts";
import { fileText } from "./input.ts";
import { table } from "./table.ts";
import { clean, relative } from "./words.ts";

interface StationRow {
  readonly station: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly height_m: number;
  readonly mask: number | readonly (readonly number[])[];
  readonly description: string | null;
}

interface ContactRow {
  readonly contact: string;
  readonly ship: string;
  readonly station: string | null;
  readonly cron: string;
  readonly timezone: string;
  readonly duration_s: number;
  readonly ahead_days: number;
  readonly planned_until: string;
}

export function stationsCommand(): Command {
  return groupCommand(
    "stations",
    "see, save and delete stations",
    ["orrery stations list", "orrery stations save kiruna kiruna.json"],
    [
      listCommand<StationRow>("station", (rows) =>
        table(rows, [
          { title: "station", of: ({ station }) => station },
          { title: "latitude", of: ({ latitude }) => latitude },
          { title: "longitude", of: ({ longitude }) => longitude },
          { title: "height m", of: ({ height_m }) => height_m },
          { title: "mask", of: ({ mask }) => (typeof mask === "number" ? `${mask}°` : `${mask.length} azimuths`) },
          { title: "description", of: ({ description }) => description, shrinks: true },
        ]),
      ),
      saveCommand("station", "latitude, longitude, height_m, mask"),
      deleteCommand("station", "its passes stay"),
    ],
  ).alias("station");
}

export function contactsCommand(): Command {
  return groupCommand(
    "contacts",
    "see, save and delete contacts that come again and again",
    ["orrery contacts list", "orrery contacts save nightly nightly.json"],
    [
      listCommand<ContactRow>("contact", (rows) =>
        table(rows, [
          { title: "contact", of: ({ contact }) => contact },
          { title: "ship", of: ({ ship }) => ship },
          { title: "station", of: ({ station }) => station },
          { title: "when", of: ({ cron, timezone }) => `${cron} ${timezone}` },
          { title: "seconds", of: ({ duration_s }) => duration_s },
          { title: "days ahead", of: ({ ahead_days }) => ahead_days },
          { title: "planned until", of: ({ planned_until }) => relative(planned_until) },
        ]),
      ),
      saveCommand("contact", "ship, station, cron, timezone, duration_s, …"),
      deleteCommand("contact", "its passes that have not begun are cancelled"),
    ],
  ).alias("contact");
}

type What = "station" | "contact";

function listCommand<Row>(what: What, text: (rows: readonly Row[]) => string): Command {
  return apiCommand("list", `list the ${what}s`, [`orrery ${what}s list`]).action(async (flags: ApiFlags) => {
    const page = await clientOf(flags).get<{ rows: readonly Row[] }>(`/${what}`);
    show(flags, page, () => (page.rows.length === 0 ? `There is no ${what} yet.\n` : text(page.rows)));
  });
}

function saveCommand(what: What, fields: string): Command {
  return apiCommand("save", `save a ${what}, or say anew what it is`, [`orrery ${what}s save NAME ${what}.json`])
    .argument("<name>", `the ${what}`)
    .argument("<file>", `JSON: ${fields}; - for standard input`)
    .action(async (name: string, file: string, flags: ApiFlags) => {
      const body = parseJson(fileText(file));
      const saved = await clientOf(flags).send<object>("PUT", `/${what}/${encodeURIComponent(name)}`, { body });
      show(flags, saved, () => `The ${what} ${clean(name)} is saved.\n`);
    });
}

function deleteCommand(what: What, then: string): Command {
  return apiCommand("delete", `delete a ${what}; ${then}`, [`orrery ${what}s delete NAME`])
    .argument("<name>", `the ${what}`)
    .action(async (name: string, flags: ApiFlags) => {
      const deleted = await clientOf(flags).send<object>("DELETE", `/${what}/${encodeURIComponent(name)}`);
      show(flags, deleted, () => `The ${what} ${clean(name)} is deleted.\n`);
    });
}
