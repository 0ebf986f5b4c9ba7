/** Starts real servers for tests and benchmarks, on loopback ports of their own and in a folder that goes away with them. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "./kafka.ts";
import { startMongo } from "./mongo.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

export interface Service {
  readonly url: string;
  stop(): Promise<void>;
}

/** Comes back with what it had acknowledged. */
export interface KillableService extends Service {
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** After `kill`. Resolves when its port answers. */
  startAgain(): Promise<void>;
}

export interface Services {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Broker addresses; null unless asked for. */
  readonly kafka: string | null;
  /** The same broker's port with authentication: see `kafkaUser`. */
  readonly kafkaSasl: string | null;
  /** Null unless asked for. */
  readonly mongoUrl: string | null;
  stop(): Promise<void>;
}

/** `durable`: Postgres waits for the disk, as in production. Tests do without. */
export async function startServices(want: { kafka: boolean; mongo: boolean; durable: boolean }): Promise<Services> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-services-"));
  chmodSync(folder, 0o755); // the postgres user must reach its folder inside
  const started: Service[] = [];
  const stopAll = async () => {
    for (const service of started.splice(0).reverse()) await service.stop().catch((error) => console.error(error));
    rmSync(folder, { recursive: true, force: true });
  };
  let stopped: Promise<void> | null = null;
  // Whoever is interrupted stops, and stops again at its end: the folder may not go before the servers have.
  const stop = (): Promise<void> => {
    stopped ??= stopAll();
    return stopped;
  };
  const added = async <Started extends Service>(starting: Promise<Started>): Promise<Started> => {
    const service = await starting;
    started.push(service);
    return service;
  };
  const add = async (starting: Promise<Service>) => (await added(starting)).url;
  try {
    const databaseUrl = await add(startPostgres(join(folder, "postgres"), await freePort(), want.durable));
    const redisUrl = await add(startRedis(join(folder, "redis"), await freePort()));
    const kafka = want.kafka
      ? await added(startKafka(join(folder, "kafka"), [await freePort(), await freePort(), await freePort()]))
      : null;
    const mongoUrl = want.mongo ? await add(startMongo(join(folder, "mongo"), await freePort())) : null;
    const broker = { kafka: kafka?.url ?? null, kafkaSasl: kafka?.saslUrl ?? null };
    return { databaseUrl, redisUrl, ...broker, mongoUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
