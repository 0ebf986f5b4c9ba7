/** `orrery token`: a token for a configured service, minted by the secret key. */
import { Command } from "commander";
import type { Flags } from "../config.ts";
import { createAuth } from "../http/auth.ts";
import { SetupError } from "../model/errors.ts";
import { configOf, withConfigOptions } from "./options.ts";

export function tokenCommand(): Command {
  return withConfigOptions(new Command("token"))
    .description("print a token for a service (valid for an hour)")
    .argument("[service]", "its name; not needed when there is only one")
    .option("--json", "print all that a login answers")
    .addHelpText(
      "after",
      `
Examples:
  orrery token planner
  curl -X PUT -H "Authorization: Bearer $(orrery token)" http://127.0.0.1:3000/api/plan/$ID/pause`,
    )
    .action(printToken);
}

function printToken(name: string | undefined, flags: Flags & { json?: boolean }): void {
  const { services, secretKey } = configOf(flags);
  const names = services.map(({ service }) => service);
  const service = name ?? (names.length === 1 ? names[0] : undefined);
  if (service === undefined) throw new SetupError(`Name a service: ${names.join(", ") || "REMOTE_APIS lists none"}`);
  if (!names.includes(service)) {
    throw new SetupError(
      `Cannot make a token for "${service}" as it is not configured: REMOTE_APIS lists ${names.join(", ") || "none"}`,
    );
  }
  const auth = createAuth({ services, secretKey });
  try {
    const authenticated = auth.issue(service);
    console.log(flags.json ? JSON.stringify(authenticated) : authenticated.access_token);
  } finally {
    auth.stop();
  }
}
