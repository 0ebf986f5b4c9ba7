/** `orrery key …`: API keys, for programs that should not log in each hour. */
import { type Command, InvalidArgumentError } from "commander";
import { roles } from "../model/service.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, listOf, show } from "./api-command.ts";
import { table } from "./table.ts";
import { clean, relative } from "./words.ts";

interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly ships?: readonly string[] | null;
  readonly created_at: string;
  readonly expires_at?: string | null;
  readonly last_used_at?: string | null;
  /** Only in the answer to its making. */
  readonly key?: string;
}

export function keyCommand(): Command {
  return groupCommand(
    "key",
    "make, list and revoke API keys",
    ["orrery key create gpu-worker --roles update", "orrery key list", "orrery key revoke $KEY_ID"],
    [createCommand(), listCommand(), revokeCommand()],
  );
}

interface CreateFlags extends ApiFlags {
  readonly roles: readonly string[];
  readonly ship?: readonly string[];
  readonly expires?: string;
}

const forShips = ({ ships }: KeyRow): string => (ships == null ? "" : ` for ${ships.map(clean).join(", ")} only`);

function createCommand(): Command {
  return apiCommand("create", "make an API key; it is shown this once", [
    "orrery key create planner --roles publish,operate",
    "orrery key create aurora-team --roles publish --ship aurora",
    "export ORRERY_TOKEN=$(orrery key create ci --roles publish --json | jq -r .key)",
  ])
    .argument("<name>", "what lists and stamps call it")
    .requiredOption("-r, --roles <roles>", `what it may do, separated by commas: ${roles.join(", ")}`, rolesOf)
    .option("--ship <ships>", "it may write for these ships only, separated by commas", listOf)
    .option("--expires <date>", "it ends by itself, such as 2027-01-31T00:00:00Z")
    .action(async (name: string, flags: CreateFlags) => {
      const body = { name, roles: flags.roles, ships: flags.ship, expires_at: flags.expires };
      const made = await clientOf(flags).send<KeyRow>("POST", "/key", { body });
      show(
        flags,
        made,
        () =>
          `${made.key}\nKey ${made.id} of ${clean(made.name)} may ${made.roles.join(", ")}${forShips(made)}. Keep it now: it is not shown again.\n`,
      );
    });
}

function rolesOf(text: string, before?: readonly string[]): string[] {
  const given = listOf(text, before);
  const unknown = given.find((name) => !roles.some((role) => role === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is no role: they are ${roles.join(", ")}.`);
  return given;
}

function listCommand(): Command {
  return apiCommand("list", "list the API keys", ["orrery key list"]).action(async (flags: ApiFlags) => {
    const rows = await clientOf(flags).get<KeyRow[]>("/key");
    show(flags, rows, () =>
      rows.length === 0
        ? "There is no API key.\n"
        : table(rows, [
            { title: "id", of: ({ id }) => id },
            { title: "name", of: ({ name }) => name, shrinks: true },
            { title: "roles", of: (key) => key.roles.join(", ") },
            { title: "ships", of: ({ ships }) => (ships == null ? null : ships.join(", ")), shrinks: true },
            { title: "created", of: ({ created_at }) => relative(created_at) },
            { title: "expires", of: ({ expires_at }) => relative(expires_at) },
            { title: "last used", of: ({ last_used_at }) => relative(last_used_at) },
          ]),
    );
  });
}

function revokeCommand(): Command {
  return apiCommand("revoke", "end an API key, now", ["orrery key revoke $KEY_ID"])
    .argument("<id>", "the key's id")
    .action(async (id: string, flags: ApiFlags) => {
      const answer = await clientOf(flags).send<object>("DELETE", `/key/${encodeURIComponent(id)}`);
      show(flags, answer, () => `Key ${id} is revoked.\n`);
    });
}
