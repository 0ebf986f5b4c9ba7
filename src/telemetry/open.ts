/** Opens the telemetry store that the configuration names: Redis when there is an address, else segment files in the data directory. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RedisTelemetryOptions } from "./redis.ts";
import { openSegments } from "./segments.ts";
import type { Telemetry } from "./telemetry.ts";

export async function openTelemetry(
  place: { readonly redisUrl: string | null; readonly dataDir: string; readonly hotBytesMax?: number },
  log: RedisTelemetryOptions["log"],
): Promise<Telemetry> {
  const bound = place.hotBytesMax === undefined ? {} : { hotBytesMax: place.hotBytesMax };
  if (place.redisUrl !== null) {
    const { openRedis } = await import("./redis.ts"); // only where it is used: its client costs a start 18 ms
    return openRedis(place.redisUrl, { log, ...bound });
  }
  const directory = join(place.dataDir, "telemetry");
  await mkdir(directory, { recursive: true });
  return openSegments(directory, bound);
}
