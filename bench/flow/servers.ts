/** The servers of a drill, each of which can be killed with SIGKILL and comes back with all that it acknowledged. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { startKafka } from "../../scripts/services/kafka.ts";
import { startPostgres } from "../../scripts/services/postgres.ts";
import { freePort } from "../../scripts/services/start.ts";
import { OwnRedis } from "../../tests/drill/own-redis.ts";

export interface Killable {
  kill(): Promise<void>;
  startAgain(): Promise<void>;
}

export interface DrillServers {
  readonly folder: string;
  /** The nodes' own database, and the one that a sink writes to. */
  readonly databaseUrl: string;
  readonly sinkUrl: string;
  readonly redisUrl: string;
  readonly kafka: string;
  readonly broker: Killable;
  readonly redis: Killable;
  readonly postgres: Killable;
  stop(): Promise<void>;
}

export async function startServers(): Promise<DrillServers> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-flow-drill-"));
  chmodSync(folder, 0o755); // the postgres user must reach its folder inside
  const stops: (() => Promise<void>)[] = [() => Promise.resolve(rmSync(folder, { recursive: true, force: true }))];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one().catch((error: unknown) => console.error(error));
  };
  try {
    const database = await startPostgres(join(folder, "postgres"), await freePort(), true);
    stops.push(database.stop);
    const redis = await OwnRedis.start(join(folder, "redis"));
    stops.push(() => redis.kill());
    const broker = await startKafka(join(folder, "kafka"), [await freePort(), await freePort(), await freePort()]);
    stops.push(broker.stop);
    const sql = postgres(database.url, { max: 1 });
    await sql`create database sink`;
    await sql.end();
    return {
      folder,
      databaseUrl: database.url,
      sinkUrl: Object.assign(new URL(database.url), { pathname: "/sink" }).href,
      redisUrl: redis.url,
      kafka: broker.url,
      broker,
      redis: { kill: () => redis.kill(), startAgain: () => redis.restart() },
      postgres: database,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
