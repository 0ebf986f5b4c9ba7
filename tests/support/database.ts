/** A database for one test file: fresh, migrated, gone at close. PGlite in a temporary directory, or on TEST_DATABASE_URL's server. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { openDatabase } from "../../src/store/open.ts";
import type { Database } from "../../src/store/sql.ts";

export const quietLog = { debug: () => {}, warn: () => {} };

/** Where a test's database is, for whoever opens it by other means than `openTestDatabase`. */
export interface DatabasePlace {
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  remove(): Promise<void>;
}

export async function makeDatabasePlace(): Promise<DatabasePlace> {
  const dataDir = await mkdtemp(join(tmpdir(), "orrery-test-"));
  const removeDirectory = () => rm(dataDir, { recursive: true, force: true });
  const server = process.env.TEST_DATABASE_URL;
  if (!server) return { databaseUrl: null, dataDir, remove: removeDirectory };

  const name = `orrery_test_${randomUUID().replaceAll("-", "")}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await administer(server, `create database ${name}`);
  return {
    databaseUrl: url.href,
    dataDir,
    async remove() {
      await administer(server, `drop database if exists ${name} with (force)`);
      await removeDirectory();
    },
  };
}

async function administer(server: string, statement: string): Promise<void> {
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

export interface TestDatabaseSettings {
  readonly maxConnections?: number;
  readonly deadlineMs?: number;
}

export async function openTestDatabase(settings: TestDatabaseSettings = {}): Promise<Database> {
  const place = await makeDatabasePlace();
  const database = await openDatabase({ maxConnections: 4, ...settings, ...place }, quietLog);
  return {
    ...database,
    async close() {
      await database.close();
      await place.remove();
    },
  };
}
