#!/usr/bin/env bun
/** The command line: `orrery` serves, the other commands are in cli/, one file each. */
import process from "node:process";
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { checkCommand } from "./cli/check.ts";
import { dbCommand } from "./cli/db.ts";
import { fail } from "./cli/fail.ts";
import { hashCommand } from "./cli/hash.ts";
import { serveCommand } from "./cli/serve.ts";
import { simCommand } from "./cli/sim.ts";
import { tokenCommand } from "./cli/token.ts";
import type { Config } from "./config.ts";
import type { Log } from "./observe/log.ts";
import type { Runtime } from "./runtime.ts";

const hint = "(`orrery --help` lists the commands)";

const program = new Command("orrery")
  .description("Receives spacecraft passes and computes data products from them. Without a command: serve.")
  .version(manifest.version)
  .exitOverride()
  .showHelpAfterError(hint)
  .addHelpText(
    "after",
    `
Examples:
  orrery                                   serve on http://127.0.0.1:3000, with the example mission
  orrery serve --port 8080 --no-example    serve on another port, empty
  DATABASE_URL=postgres://db/orrery orrery serve on Postgres
  orrery check                             see whether everything that is configured can be reached
  orrery token developer                   a token for the API

Settings come from flags, then the environment, then .env, then orrery.yaml. docs/configuration.md lists them.`,
  );

for (const command of [
  serveCommand(startNode),
  simCommand(),
  checkCommand(),
  dbCommand(),
  hashCommand(),
  tokenCommand(),
]) {
  program.addCommand(
    command.exitOverride().showHelpAfterError(hint),
    command.name() === "serve" ? { isDefault: true } : {},
  );
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = fail(error);
}

/** Loaded late: no other command needs a node. */
async function startNode(config: Config, log: Log): Promise<Runtime> {
  const { open } = await import("./runtime.ts");
  const runtime = await open(config, { log });
  if (config.example) {
    const { runExample } = await import("./example.ts");
    void runExample(runtime);
  }
  return runtime;
}
