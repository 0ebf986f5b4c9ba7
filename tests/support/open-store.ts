/** Opens the embedded store in the directory that it is given, says so, and keeps it until it is killed: a second process for tests. */
import { openDatabase } from "../../src/store/open.ts";
import { quietLog } from "./database.ts";

const dataDir = process.argv[2] ?? "";
try {
  const database = await openDatabase({ databaseUrl: null, dataDir, maxConnections: 1 }, quietLog);
  await database.sql`create table if not exists kept (n integer)`;
  await database.sql`insert into kept values (1)`;
  process.stdout.write("open\n");
  setInterval(() => {}, 60_000);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? `${error.name}: ${error.message}` : error}\n`);
}
