/** Starts real servers for a test run, on loopback ports of their own and in a folder that goes away with them. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "./kafka.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

export interface Service {
  readonly url: string;
  stop(): Promise<void>;
}

export interface Services {
  /** What the tests read: TEST_DATABASE_URL, TEST_REDIS_URL, and TEST_KAFKA when asked for. */
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

export async function startServices(want: { kafka: boolean }): Promise<Services> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-services-"));
  chmodSync(folder, 0o755); // the postgres user must reach its folder inside
  const started: Service[] = [];
  const stop = async () => {
    for (const service of started.splice(0).reverse()) await service.stop().catch((error) => console.error(error));
    rmSync(folder, { recursive: true, force: true });
  };
  const add = async (starting: Promise<Service>) => {
    const service = await starting;
    started.push(service);
    return service.url;
  };
  try {
    const env: Record<string, string> = {
      TEST_DATABASE_URL: await add(startPostgres(join(folder, "postgres"), await freePort())),
      TEST_REDIS_URL: await add(startRedis(join(folder, "redis"), await freePort())),
    };
    if (want.kafka) env.TEST_KAFKA = await add(startKafka(join(folder, "kafka"), [await freePort(), await freePort()]));
    return { env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
