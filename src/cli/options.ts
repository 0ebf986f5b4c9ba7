/** Options that several commands share: where the configuration and the data are. */
import process from "node:process";
import { type Command, Option } from "commander";
import { type Config, type Flags, loadConfig, logLevels } from "../config.ts";

export function withConfigOptions(command: Command): Command {
  return command
    .option("-c, --config <file>", "the configuration file (ORRERY_CONFIG, orrery.yaml)")
    .option("-d, --data <folder>", "where data is kept (ORRERY_DATA, ./data)")
    .option("--database-url <url>", "Postgres; the embedded store without it (DATABASE_URL)")
    .option("--redis-url <url>", "Redis for telemetry; files without it (REDIS_URL)")
    .addOption(new Option("--log-level <level>", "what is logged (LOG_LEVEL, info)").choices(logLevels));
}

/** The configuration as `serve` would see it from here. */
export function configOf(flags: Flags): Config {
  return loadConfig({ env: process.env, flags, cwd: process.cwd() });
}
