/** `orrery db`: which migrations a database has seen, and running the others. `serve` runs them by itself. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import type { Config, Flags } from "../config.ts";
import { closeLog, createLog } from "../observe/log.ts";
import type { Database } from "../store/sql.ts";
import { configOf, withConfigOptions } from "./options.ts";

export function dbCommand(): Command {
  const db = new Command("db").description("look at the database's schema, and bring it up to date");
  db.addCommand(
    withConfigOptions(new Command("status"))
      .description("list the migrations and when each one was run")
      .option("--json", "as JSON")
      .addHelpText("after", "\nExamples:\n  orrery db status --json")
      .action(status)
      .exitOverride(),
  );
  db.addCommand(
    withConfigOptions(new Command("migrate"))
      .description("run the migrations that are missing (forward only; any number of processes may do so at once)")
      .addHelpText("after", "\nExamples:\n  DATABASE_URL=postgres://db/orrery orrery db migrate")
      .action(migrateNow)
      .exitOverride(),
  );
  return db.addHelpText(
    "after",
    `
Examples:
  orrery db status --database-url postgres://db/orrery
  DATABASE_URL=postgres://db/orrery orrery db migrate`,
  );
}

async function status(flags: Flags & { json?: boolean }): Promise<void> {
  const config = configOf(flags);
  const { migrations, migrationStatus } = await import("../store/migrate.ts");
  const rows = isAbsent(config)
    ? migrations.map(({ version, name }) => ({ version, name, appliedAt: null }))
    : await withDatabase(config, ({ sql }) => migrationStatus(sql));
  if (flags.json) return console.log(JSON.stringify(rows));
  for (const { version, name, appliedAt } of rows) {
    console.log(`${String(version).padStart(4, "0")}  ${name.padEnd(16)}  ${appliedAt ?? "not run yet"}`);
  }
}

async function migrateNow(flags: Flags): Promise<void> {
  await withDatabase(configOf(flags), async ({ sql }) => {
    const { migrate } = await import("../store/migrate.ts");
    const count = await migrate(sql);
    console.log(
      count === 0 ? "Nothing to do: the schema is up to date" : `${count} migration${count === 1 ? "" : "s"} run`,
    );
  });
}

/** The embedded store is only made by a first start. */
export function isAbsent({ databaseUrl, dataDir }: Config): boolean {
  return databaseUrl === null && !existsSync(join(dataDir, "pg"));
}

async function withDatabase<T>(config: Config, work: (database: Database) => Promise<T>): Promise<T> {
  const log = createLog("silent");
  const { openDatabase } = await import("../store/open.ts");
  const database = await openDatabase({ ...config, migrates: false }, log);
  try {
    return await work(database);
  } finally {
    await database.close();
    await closeLog(log);
  }
}
