/** Opens the store that the configuration names, migrated: Postgres by its URL, else the embedded one in the data directory. */
import { migrate } from "./migrate.ts";
import type { PoolLog } from "./postgres-pool.ts";
import type { Database } from "./sql.ts";

export interface OpenSettings {
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  /** Beside these, one for LISTEN. */
  readonly maxConnections: number;
  /** Of each wait on the database. */
  readonly deadlineMs?: number;
  /** False: the schema is left as it is found. */
  readonly migrates?: boolean;
}

const defaultDeadlineMs = 10_000;

export async function openDatabase(settings: OpenSettings, log: PoolLog): Promise<Database> {
  const { databaseUrl, dataDir, maxConnections, deadlineMs = defaultDeadlineMs, migrates = true } = settings;
  const database = await connect();
  try {
    if (migrates) await migrate(database.sql);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }

  /** Only the driver that is used is loaded: the other one would cost a start 15 ms. */
  async function connect(): Promise<Database> {
    if (databaseUrl === null) {
      const { openPglite } = await import("./pglite.ts");
      return openPglite(dataDir, deadlineMs);
    }
    const { openPostgres } = await import("./postgres.ts");
    return openPostgres(
      { url: databaseUrl, connectionsMax: maxConnections, deadlineMs, applicationName: "orrery" },
      log,
    );
  }
}
