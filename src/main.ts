#!/usr/bin/env bun
/** The command line: `orrery` serves, the other commands are in cli/, one file each. */
import process from "node:process";
import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import { backfillCommand } from "./cli/backfill.ts";
import { checkCommand } from "./cli/check.ts";
import { completionCommand } from "./cli/completion.ts";
import { dbCommand } from "./cli/db.ts";
import { dlqCommand } from "./cli/dlq.ts";
import { exitCodesText } from "./cli/exit.ts";
import { fail } from "./cli/fail.ts";
import { passesCommand, shipsCommand } from "./cli/ground.ts";
import { hashCommand } from "./cli/hash.ts";
import { jobsCommand } from "./cli/jobs.ts";
import { keyCommand } from "./cli/keys.ts";
import { logsCommand } from "./cli/logs.ts";
import { auditCommand, explainCommand, retryFailedCommand, statusCommand, workersCommand } from "./cli/operations.ts";
import { plansCommand } from "./cli/plans.ts";
import { queuesCommand } from "./cli/queues.ts";
import { runCommand, runsCommand } from "./cli/runs.ts";
import { serveCommand } from "./cli/serve.ts";
import { simCommand } from "./cli/sim.ts";
import { submitCommand, templateCommand, triggerCommand } from "./cli/templates.ts";
import { tokenCommand } from "./cli/token.ts";
import { workerCommand } from "./cli/worker.ts";
import type { Config } from "./config.ts";
import type { Log } from "./observe/log.ts";
import type { Runtime } from "./runtime.ts";

const hint = "(`orrery --help` lists the commands)";

const program = new Command("orrery")
  .description("Receives spacecraft passes and computes data products from them. Without a command: serve.")
  .version(manifest.version)
  .exitOverride()
  .showHelpAfterError(hint)
  .helpCommand(false)
  .addHelpText(
    "after",
    `
Examples:
  orrery                                   serve on http://127.0.0.1:3000, with the example mission
  orrery serve --port 8080 --no-example    serve on another port, empty
  DATABASE_URL=postgres://db/orrery orrery serve on Postgres
  orrery check                             see whether everything that is configured can be reached
  orrery status                            see how the server is
  orrery jobs enqueue demo-delivery --wait run a job, and see what became of it
  orrery worker --queues default -- ./job  run jobs on this machine
  source <(orrery completion bash)         complete commands with TAB

Settings come from flags, then the environment, then .env, then orrery.yaml. docs/configuration.md lists them, docs/cli.md
all commands. Those that talk to a server find it by --url, ORRERY_URL or a context, and are somebody by --token or ORRERY_TOKEN.
${exitCodesText}`,
  );

/** In the help's order, under headings. */
const groups: readonly (readonly [string, readonly Command[]])[] = [
  ["A node:", [serveCommand(startNode), checkCommand(), dbCommand(), hashCommand(), tokenCommand(), simCommand()]],
  [
    "Plans and templates:",
    [
      submitCommand(),
      triggerCommand(),
      templateCommand(),
      runsCommand(),
      runCommand(),
      backfillCommand(),
      plansCommand(),
      explainCommand(),
      retryFailedCommand(),
    ],
  ],
  ["Jobs:", [jobsCommand(), logsCommand(), queuesCommand(), dlqCommand(), workersCommand(), workerCommand()]],
  ["Ground segment:", [passesCommand(), shipsCommand()]],
  ["A server:", [statusCommand(), keyCommand(), auditCommand()]],
  ["This program:", [completionCommand(() => program)]],
];
for (const [heading, commands] of groups) {
  for (const command of commands) {
    const isDefault = command.name() === "serve";
    program.addCommand(endsByThrowing(command).helpGroup(heading), { isDefault });
  }
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = fail(error);
}

/** So that every way a command ends passes by `fail`, at any depth. */
function endsByThrowing(command: Command): Command {
  for (const child of command.commands) endsByThrowing(child);
  return command.exitOverride().showHelpAfterError(hint);
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
