/** A node as a process of its own on a test's store, to be killed and started again there. */
import type { Service } from "../../src/model/service.ts";
import type { DatabasePlace } from "./database.ts";
import { type OrreryProcess, startOrrery } from "./process.ts";
import { secretKey } from "./runtime.ts";

/** Resolves when it is ready. Redis where the environment names one. */
export async function startAt(
  place: DatabasePlace,
  services: readonly Service[],
): Promise<{ readonly node: OrreryProcess; readonly url: string }> {
  const node = startOrrery(["serve", "--port", "0", "--data", place.dataDir, "--no-example"], {
    cwd: place.dataDir,
    env: {
      SECRET_KEY: secretKey,
      REMOTE_APIS: JSON.stringify(services),
      ...(place.databaseUrl !== null && { DATABASE_URL: place.databaseUrl }),
      ...(process.env.TEST_REDIS_URL !== undefined && { REDIS_URL: process.env.TEST_REDIS_URL }),
    },
  });
  try {
    return { node, url: JSON.parse(await node.line(/"msg":"ready"/)).url };
  } catch (error) {
    node.signal("SIGKILL");
    throw error;
  }
}
