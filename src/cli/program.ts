/** The whole command line: every command under its heading, each in a file of its own. */
import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { alarmsCommand } from "./alarms.ts";
import { backfillCommand } from "./backfill.ts";
import { checkCommand } from "./check.ts";
import { completionCommand } from "./completion.ts";
import { dbCommand } from "./db.ts";
import { dlqCommand } from "./dlq.ts";
import { exitCodesText } from "./exit.ts";
import { flowsCommand } from "./flows.ts";
import { passesCommand, shipsCommand } from "./ground.ts";
import { hashCommand } from "./hash.ts";
import { jobsCommand } from "./jobs.ts";
import { keyCommand } from "./keys.ts";
import { logsCommand } from "./logs.ts";
import { auditCommand, explainCommand, retryFailedCommand, statusCommand, workersCommand } from "./operations.ts";
import { packetsCommand } from "./packets.ts";
import { replayCommand } from "./passes-late.ts";
import { plansCommand } from "./plans.ts";
import { queuesCommand } from "./queues.ts";
import { runCommand, runsCommand } from "./runs.ts";
import { type StartNode, serveCommand } from "./serve.ts";
import { simCommand } from "./sim.ts";
import { contactsCommand, stationsCommand } from "./stations.ts";
import { submitCommand, templateCommand, triggerCommand } from "./templates.ts";
import { tokenCommand } from "./token.ts";
import { workerCommand } from "./worker.ts";

const hint = "(`orrery --help` lists the commands)";

export function createProgram(startNode: StartNode): Command {
  const program = new Command("orrery")
    .description("Receives spacecraft passes and computes data products from them. Without a command: serve.")
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError(hint)
    .addHelpCommand(
      new Command("help").argument("[command]").description("show a command's help").helpGroup("This program:"),
    )
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
    ["Message flows:", [flowsCommand()]],
    ["Jobs:", [jobsCommand(), logsCommand(), queuesCommand(), dlqCommand(), workersCommand(), workerCommand()]],
    [
      "Ground segment:",
      [
        passesCommand(),
        replayCommand(),
        shipsCommand(),
        packetsCommand(),
        stationsCommand(),
        contactsCommand(),
        alarmsCommand(),
      ],
    ],
    ["A server:", [statusCommand(), keyCommand(), auditCommand()]],
    ["This program:", [completionCommand(() => program)]],
  ];
  for (const [heading, commands] of groups) {
    for (const command of commands) {
      const isDefault = command.name() === "serve";
      program.addCommand(endsByThrowing(command).helpGroup(heading), { isDefault });
    }
  }
  return program;
}

/** So that every way a command ends passes by `fail`, at any depth. */
function endsByThrowing(command: Command): Command {
  for (const child of command.commands) endsByThrowing(child);
  return command.exitOverride().showHelpAfterError(hint);
}
