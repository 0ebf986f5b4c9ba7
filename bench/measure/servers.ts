/** The servers that queues are measured on: those of `npm run bench`, or a Postgres that waits for the disk and a Redis, started here. */
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import postgres from "postgres";
import { startServices } from "../../scripts/services/start.ts";

export interface Servers {
  readonly postgresPid: number;
  readonly postgresVersion: string;
  readonly redisUrl: string;
  readonly redisPid: number;
  /** A new database; it goes with the servers, or by `stop`. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const { BENCH_DATABASE_URL: databaseUrl, BENCH_REDIS_URL: redisUrl } = process.env;
  const own = databaseUrl && redisUrl ? null : await startServices({ kafka: false, mongo: false, durable: true });
  const urls = { database: own?.databaseUrl ?? databaseUrl ?? "", redis: own?.redisUrl ?? redisUrl ?? "" };
  const sql = postgres(urls.database, { max: 1, onnotice: () => {} });
  const [server] = await sql<{ lines: string; fsync: string; version: string }[]>`
    select pg_read_file('postmaster.pid', 0, 20) as lines, current_setting('fsync') as fsync,
      current_setting('server_version') as version`;
  if (server?.fsync !== "on")
    throw new Error("The Postgres of BENCH_DATABASE_URL does not wait for the disk: fsync is off");
  const redis = new Redis(urls.redis);
  const redisPid = Number(/process_id:(\d+)/.exec(await redis.info("server"))?.[1] ?? 0);
  redis.disconnect();
  const created: string[] = [];
  return {
    postgresPid: Number.parseInt(server.lines, 10),
    postgresVersion: server.version,
    redisUrl: urls.redis,
    redisPid,
    async createDatabase() {
      const name = `orrery_bench_${randomBytes(6).toString("hex")}`;
      await sql.unsafe(`create database ${name}`);
      created.push(name);
      return Object.assign(new URL(urls.database), { pathname: `/${name}` }).href;
    },
    async stop() {
      for (const name of created) await sql.unsafe(`drop database if exists ${name} with (force)`);
      await sql.end();
      await own?.stop();
    },
  };
}
