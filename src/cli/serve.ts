/** `orrery serve`: one node, until it is told to stop. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { Config, Flags } from "../config.ts";
import { closeLog, createLog, type Log } from "../observe/log.ts";
import { collectEarly } from "../observe/memory.ts";
import { SqlError } from "../store/sql.ts";
import { configOf, withConfigOptions } from "./options.ts";

/** Opens a node, and starts the example mission where the configuration wants it. Handed in: the runtime lies above the command line. */
export type StartNode = (config: Config, log: Log) => Promise<{ stop(): Promise<void> }>;

export function serveCommand(startNode: StartNode): Command {
  return withConfigOptions(new Command("serve"))
    .description("run a node: API, pages, passes and computes (the default command)")
    .option("-p, --port <number>", "the port to listen on; 0 takes a free one (PORT, 3000)")
    .option("-H, --host <address>", "the address to listen on (HOST, 127.0.0.1)")
    .option("--base-url <url>", "the address that links name (BASE_URL)")
    .option("--max-connections <number>", "connections to Postgres (MAX_CONNECTIONS, 10)")
    .option("--example", "run the example mission (the default without a configuration file and a database)")
    .option("--no-example", "do not run the example mission")
    .addHelpText(
      "after",
      `
Examples:
  orrery serve --port 8080
  orrery serve --config /etc/orrery.yaml --data /var/lib/orrery --no-example
  SECRET_KEY=… REMOTE_APIS='[…]' DATABASE_URL=postgres://… REDIS_URL=redis://… orrery serve --host 0.0.0.0`,
    )
    .action((flags: Flags) => serve(flags, startNode));
}

const exitMsMax = 10_000;
/** A node may be started before its database, or while that restarts: then it begins anew, for so long. */
const databaseAwayMsMax = 30_000;
const databasePauseMs = 500;
const sayEveryMs = 5_000;

async function serve(flags: Flags, startNode: StartNode): Promise<void> {
  const config = configOf(flags);
  const log = createLog(config.logLevel);
  let node: Awaited<ReturnType<StartNode>> | null = null;
  let isStopping = false;

  const leave = async (exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), exitMsMax).unref();
    await node?.stop();
    log.info("stopped");
    await closeLog(log);
    process.exit(exitCode);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    // The second one means it.
    if (isStopping) process.exit(1);
    log.info({ signal }, "stopping");
    void leave(0);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  const onDefect = (error: unknown): void => {
    log.fatal({ err: error }, "a defect of ours: stopping, as what is in memory cannot be trusted");
    void leave(1);
  };
  process.on("uncaughtException", onDefect).on("unhandledRejection", onDefect);

  try {
    node = await onceDatabaseAnswers(() => startNode(config, log), log);
    collectEarly();
  } catch (error) {
    await closeLog(log);
    throw error;
  }
}

async function onceDatabaseAnswers<Node>(start: () => Promise<Node>, log: Log): Promise<Node> {
  const endMs = performance.now() + databaseAwayMsMax;
  let saidMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const isAway = error instanceof SqlError && error.fault !== "defect" && error.fault !== "data";
      if (!isAway || performance.now() > endMs) throw error;
      if (performance.now() - saidMs >= sayEveryMs) {
        saidMs = performance.now();
        const leftS = Math.ceil((endMs - saidMs) / 1000);
        log.warn({ reason: error.message }, `the database does not answer: trying again for ${leftS} s`);
      }
      await sleep(databasePauseMs);
    }
  }
}
