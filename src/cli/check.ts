/** `orrery check`: whether what is configured can be read and reached, one line each. Changes nothing. */
import process from "node:process";
import { Command } from "commander";
import type { Config, Flags } from "../config.ts";
import { withoutPassword } from "../config.ts";
import { DirectoryLockedError } from "../store/lock-file.ts";
import { isAbsent } from "./db.ts";
import { configOf, withConfigOptions } from "./options.ts";

interface Finding {
  readonly subject: string;
  readonly result: "ok" | "warning" | "failed";
  readonly detail: string;
}

export function checkCommand(): Command {
  return withConfigOptions(new Command("check"))
    .description("check the configuration, and whether the computes and stores that it names can be reached")
    .option("-H, --host <address>", "as `serve` would listen (HOST, 127.0.0.1)")
    .option("--json", "print the findings as JSON")
    .addHelpText(
      "after",
      `
Ends with 0 when nothing failed, 1 when something did, 2 when the configuration itself is wrong.

Examples:
  orrery check --config /etc/orrery.yaml
  orrery check --json | jq '.[] | select(.result != "ok")'`,
    )
    .action(check);
}

async function check(flags: Flags & { json?: boolean }): Promise<void> {
  const config = configOf(flags);
  const findings: Finding[] = [
    { subject: "config", result: "ok", detail: config.configPath ?? "no file: defaults and the environment" },
    ...config.notes.map((detail): Finding => ({ subject: "services", result: "warning", detail })),
    ...(await checkComputes(config)),
    ...(await checkShips(config)),
    await finding("flows", () => checkFlows(config)),
    await finding("database", () => checkDatabase(config)),
    ...(await checkTelemetry(config)),
  ];
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  if (flags.json) console.log(JSON.stringify(findings));
  else
    for (const { subject, result, detail } of findings)
      console.log(`${result.padEnd(7)}  ${subject.padEnd(width)}  ${detail}`);
  if (findings.some(({ result }) => result === "failed")) process.exitCode = 1;
}

async function finding(subject: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { subject, result: "ok", detail: await look() };
  } catch (error) {
    if (error instanceof DirectoryLockedError)
      return { subject, result: "warning", detail: `not looked at: ${error.message}` };
    return { subject, result: "failed", detail: error instanceof Error ? error.message : String(error) };
  }
}

async function checkComputes({ computes: configs, jobTypes, configDir, templatesDir }: Config): Promise<Finding[]> {
  const { loadComputes } = await import("../compute/load.ts");
  const { readFolder } = await import("../templates/load.ts");
  const { checkCompute } = await import("../compute/check.ts");
  const each = await Promise.all(
    Object.entries(configs).map(async ([name, config]) => ({
      subject: `compute ${name}`,
      ...(await checkCompute(name, config, configDir)),
    })),
  );
  try {
    const computes = await loadComputes(configs, configDir, { jobTypes });
    const found: Finding = { subject: "computes", result: "ok", detail: computes.names().join(", ") };
    const templates = await finding("templates", async () => {
      const names = (await readFolder(templatesDir, computes)).map(({ template }) => template.id);
      return templatesDir === null ? "no folder configured" : `${names.join(", ") || "none"} in ${templatesDir}`;
    });
    return [found, ...each, templates];
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [{ subject: "computes", result: "failed", detail }, ...each];
  }
}

/** Their files and modules; sinks and sources are looked at when a node starts. */
async function checkFlows({ flowsDir }: Config): Promise<string> {
  if (flowsDir === null) return "no folder configured";
  const { loadFlows } = await import("../flow/load.ts");
  const names = (await loadFlows(flowsDir)).map(({ file }) => file.id);
  return `${names.join(", ") || "none"} in ${flowsDir}`;
}

async function checkShips({ ships }: Config): Promise<Finding[]> {
  const { readShips } = await import("../ground/configured-ships.ts");
  return Promise.all(
    Object.entries(ships).map(([ship, one]) =>
      finding(`ship ${ship}`, async () => {
        const [read] = readShips({ [ship]: one });
        const left = read?.leftOut
          ? `, with things left out: \`orrery packets check ${one.packetsPath}\` lists them`
          : "";
        return `${one.format}, ${one.packetsPath === null ? "undecoded" : `packets of ${one.packetsPath}`}${left}`;
      }),
    ),
  );
}

async function checkDatabase(config: Config): Promise<string> {
  if (isAbsent(config)) return `embedded, made in ${config.dataDir} at the first start`;
  const { openDatabase } = await import("../store/open.ts");
  const { migrationStatus } = await import("../store/migrate.ts");
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const database = await openDatabase({ ...config, migrates: false }, quiet);
  try {
    const rows = await migrationStatus(database.sql);
    const [server] = await database.sql<{ version: string }>`select current_setting('server_version') as version`;
    const missing = rows.filter(({ appliedAt }) => appliedAt === null).length;
    const schema = missing === 0 ? "schema up to date" : `${missing} migrations to run at the next start`;
    const where = config.databaseUrl === null ? `embedded in ${config.dataDir}` : withoutPassword(config.databaseUrl);
    return `${where}, Postgres ${server?.version}, ${schema}`;
  } finally {
    await database.close();
  }
}

async function checkTelemetry({ redisUrl, dataDir }: Config): Promise<Finding[]> {
  const subject = "telemetry";
  if (redisUrl === null) return [{ subject, result: "ok", detail: `segment files in ${dataDir}` }];
  const { Redis } = await import("ioredis");
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 3000,
    commandTimeout: 3000,
  });
  const errors: Error[] = [];
  redis.on("error", (error: Error) => errors.push(error));
  const setting = async (name: string): Promise<string> => ((await redis.config("GET", name)) as string[])[1] ?? ""; // the reply is a list of pairs
  try {
    await redis.connect();
    const version = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? "of unknown version";
    const findings: Finding[] = [{ subject, result: "ok", detail: `Redis ${version} at ${withoutPassword(redisUrl)}` }];
    const warn = (detail: string): void => void findings.push({ subject, result: "warning", detail });
    const policy = await setting("maxmemory-policy");
    if (policy !== "noeviction")
      warn(`maxmemory-policy is ${policy}: Redis may throw telemetry away, set it to noeviction`);
    if ((await setting("appendonly")) !== "yes")
      warn("appendonly is no: a restart of Redis loses telemetry, set it to yes");
    return findings;
  } catch (error) {
    const cause = errors[0] ?? error;
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    return [{ subject, result: "failed", detail: `Cannot use Redis at ${withoutPassword(redisUrl)}: ${why}` }];
  } finally {
    redis.disconnect();
  }
}
