/** `orrery hash`: the bcrypt hash of a key, or a whole entry for REMOTE_APIS. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { hash } from "bcryptjs";
import { Command, Option } from "commander";
import { SetupError } from "../model/errors.ts";
import { type Role, roles } from "../model/service.ts";

/** bcrypt ignores what is beyond. */
const keyBytesMax = 72;

export function hashCommand(): Command {
  return new Command("hash")
    .description("hash a service's key for REMOTE_APIS")
    .argument("[key]", "the key; read from standard input without it, so that it stays out of the shell's history")
    .option("-s, --service <name>", "print a whole entry for this service")
    .addOption(
      new Option("-r, --roles <roles>", `of the entry, separated by commas: ${roles.join(", ")}`).default(
        roles.join(","),
      ),
    )
    .addOption(new Option("--cost <number>", "bcrypt's cost: each step doubles the time of a login").default("10"))
    .addHelpText(
      "after",
      `
Examples:
  orrery hash "$KEY"
  REMOTE_APIS="[$(orrery hash "$KEY" --service planner --roles publish,update)]"
  openssl rand -base64 24 | tee key | orrery hash`,
    )
    .action(printHash);
}

async function printHash(
  given: string | undefined,
  options: { service?: string; roles: string; cost: string },
): Promise<void> {
  const key = given ?? readFileSync(process.stdin.fd, "utf8").replace(/\r?\n$/, "");
  if (key === "") throw new SetupError("Cannot hash an empty key: give one as an argument or on standard input");
  if (Buffer.byteLength(key) > keyBytesMax) {
    throw new SetupError(
      `Cannot hash a key of ${Buffer.byteLength(key)} bytes as bcrypt takes ${keyBytesMax} at most: use a shorter one`,
    );
  }
  const cost = Number(options.cost);
  if (!Number.isInteger(cost) || cost < 4 || cost > 15)
    throw new SetupError("Cannot use --cost as a number from 4 to 15 is needed");
  const hashed = await hash(key, cost);
  const { service } = options;
  console.log(
    service === undefined ? hashed : JSON.stringify({ service, hash: hashed, roles: rolesOf(options.roles) }),
  );
}

function rolesOf(text: string): Role[] {
  const names = text.split(",").filter((name) => name !== "");
  const known = roles.filter((role) => names.includes(role));
  const unknown = names.find((name) => !known.some((role) => role === name));
  if (unknown !== undefined)
    throw new SetupError(`Cannot give the role "${unknown}": the roles are ${roles.join(", ")}`);
  return known;
}
