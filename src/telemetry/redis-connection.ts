/** How we connect to Redis: no command waits for a connection, and none that may have been done is sent again without our saying so. */
import type { RedisOptions } from "ioredis";

const commandDeadlineMs = 3_000;
const connectDeadlineMs = 10_000;

export const redisConnection = {
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  commandTimeout: commandDeadlineMs,
  connectTimeout: connectDeadlineMs,
  socketTimeout: commandDeadlineMs * 2,
  retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
} satisfies RedisOptions;
