/** `orrery worker`: runs jobs of a server on this machine, each as a command, until it is told to stop. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { Command, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { logLevels } from "../config.ts";
import { SetupError } from "../model/errors.ts";
import { closeLog, createLog } from "../observe/log.ts";
import { createCommands } from "../worker/commands.ts";
import { createLeaseApi } from "../worker/lease-api.ts";
import { RequestRefusedError, WorkerRefusedError } from "../worker/lease-errors.ts";
import { startWorker, type Worker } from "../worker/worker.ts";
import { emptyWorkerFile, readWorkerFile, type WorkerCommand } from "../worker/worker-file.ts";
import { listOf, positiveNumber, wholeNumber } from "./api-command.ts";
import { connectionOf } from "./connection.ts";
import { CommandError, exitCodes, exitCodesText } from "./exit.ts";

interface WorkerFlags {
  readonly url?: string;
  readonly token?: string;
  readonly context?: string;
  readonly file?: string;
  readonly name?: string;
  readonly queues?: readonly string[];
  readonly types?: readonly string[];
  readonly labels?: readonly string[];
  readonly slots?: number;
  readonly commandFor?: readonly string[];
  readonly passEnv?: readonly string[];
  readonly grace: number;
  readonly wait: number;
  readonly healthEvery: number;
  readonly logLevel: string;
}

/** After the grace: for telling the server what was given back. */
const leaveMs = 5_000;

export function workerCommand(): Command {
  return new Command("worker")
    .description("run jobs of a server on this machine: pulls leases, runs a command for each, reports how it ended")
    .argument(
      "[command...]",
      "after --: the command of every type that has none of its own; it runs as it is, without a shell",
    )
    .option("--url <url>", "the server (ORRERY_URL, http://127.0.0.1:3000)")
    .option("--token <token>", "an API key or a token with the role update (ORRERY_TOKEN)")
    .option("--context <name>", "url and token of this name in ~/.config/orrery/config.yaml")
    .option("-f, --file <file>", "worker.yaml: all of this and a command for each type; flags win over it")
    .option("-q, --queues <names>", "take jobs of these queues, separated by commas (default)", listOf)
    .option("-t, --types <names>", "take jobs of these types only; those with a command when any has one", listOf)
    .option("-l, --labels <names>", "what this machine has: jobs that require other labels are not taken", listOf)
    .option("-s, --slots <number>", "jobs at once (1)", wholeNumber(1, 1000))
    .option("--command-for <TYPE=command>", "the command of one type, run by /bin/sh -c; may be repeated", once)
    .option(
      "--pass-env <names>",
      "variables that commands inherit, beside PATH, HOME, LANG, LC_ALL, TZ and TMPDIR",
      listOf,
    )
    .option("--name <name>", "what lists show (the host's name)")
    .option("--grace <seconds>", "what runs may go on for so long after SIGTERM or SIGINT", positiveNumber(86_400), 30)
    .option("--wait <seconds>", "how long one poll waits for work", wholeNumber(1, 60), 20)
    .option("--health-every <seconds>", "between two health lines in the log", positiveNumber(86_400), 60)
    .addOption(new Option("--log-level <level>", "what is logged").choices(logLevels).default("info"))
    .addHelpText(
      "after",
      `
A command gets the job as JSON on standard input, and ORRERY_JOB_ID, ORRERY_JOB_TYPE, ORRERY_QUEUE, ORRERY_ATTEMPT, ORRERY_URL.
It hands back the last line of its output that is a JSON object, or what it writes to the file $ORRERY_PASSBACK. Exit code 0 is success.
SIGTERM or SIGINT drains: no more is taken, what runs may end within --grace, the rest is given back. A second SIGINT ends it now.
The log is JSON lines on standard output. ${exitCodesText}

Examples:
  orrery worker --queues default -- ./run-job.sh
  orrery worker --url https://orrery.example.org --token orr_… --queues gpu --labels gpu,linux --slots 4 --types train -- python3 train.py
  orrery worker --command-for thumbnail='convert - thumb.png' --command-for probe=./probe.sh
  orrery worker --file worker.yaml --slots 8`,
    )
    .action(work);
}

const once = (text: string, before: readonly string[] = []): string[] => [...before, text];

async function work(argv: readonly string[], flags: WorkerFlags): Promise<void> {
  const file = flags.file === undefined ? emptyWorkerFile : readWorkerFile(flags.file);
  const connection = connectionOf({
    ...(file.url !== undefined && !process.env.ORRERY_URL && { url: file.url }),
    ...(file.token !== undefined && !process.env.ORRERY_TOKEN && { token: file.token }),
    ...(flags.url !== undefined && { url: flags.url }),
    ...(flags.token !== undefined && { token: flags.token }),
    ...(flags.context !== undefined && { context: flags.context }),
  });
  const commands = new Map([...file.commands, ...namedCommands(flags.commandFor ?? [])]);
  const fallback: WorkerCommand | null = argv.length === 0 ? null : { command: argv, cwd: process.cwd() };
  if (commands.size === 0 && fallback === null)
    throw new SetupError(
      "Cannot work without a command: give one after --, by --command-for TYPE=…, or by --file worker.yaml",
    );
  const jobTypes = flags.types ?? (fallback === null ? [...commands.keys()] : null);
  const passEnv = flags.passEnv ?? file.passEnv;
  const log = createLog(flags.logLevel);
  const worker = startWorker({
    api: createLeaseApi(connection.url, connection.token),
    log,
    name: flags.name ?? file.name ?? hostname(),
    version: manifest.version,
    queues: flags.queues ?? file.queues ?? ["default"],
    jobTypes,
    labels: flags.labels ?? file.labels ?? [],
    slots: flags.slots ?? file.slots ?? 1,
    computeOf: createCommands(commands, fallback, passEnv, process.env),
    waitS: flags.wait,
    healthMs: flags.healthEvery * 1000,
  });
  const stopListening = onSignals(worker, flags.grace * 1000);
  try {
    const health = await worker.ended;
    log.info(health, "worker ended");
    await closeLog(log);
    if (health.endings.stopped + health.endings.unreported > 0) process.exitCode = exitCodes.failed;
  } catch (error) {
    await closeLog(log);
    if (error instanceof WorkerRefusedError)
      throw new CommandError(
        `The server refuses this worker: ${error.message}. It needs a token or key with the role update`,
        exitCodes.refused,
      );
    if (error instanceof RequestRefusedError) throw new CommandError(`The server gives no work: ${error.message}`);
    throw error;
  } finally {
    stopListening();
  }
}

function onSignals(worker: Worker, graceMs: number): () => void {
  const drain = (): void => {
    worker.drain(graceMs);
    setTimeout(() => process.exit(exitCodes.failed), graceMs + leaveMs).unref();
  };
  let interrupts = 0;
  const onInterrupt = (): void => {
    interrupts += 1;
    if (interrupts === 1) {
      drain();
      return;
    }
    worker.stop();
    setTimeout(() => process.exit(exitCodes.failed), leaveMs).unref();
  };
  process.on("SIGTERM", drain).on("SIGINT", onInterrupt);
  return () => void process.off("SIGTERM", drain).off("SIGINT", onInterrupt);
}

function namedCommands(given: readonly string[]): [string, WorkerCommand][] {
  return given.map((text) => {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1)
      throw new SetupError(
        `Cannot use --command-for "${text}": TYPE=COMMAND is needed, such as thumbnail=./thumbnail.sh`,
      );
    return [text.slice(0, at), { command: text.slice(at + 1), cwd: resolve(".") }];
  });
}
