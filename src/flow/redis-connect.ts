/** Connects to the Redis that a flow's source or sink names by an environment variable. */
import { Redis, type RedisOptions } from "ioredis";
import { variableOf } from "../compute/request-settings.ts";
import type { Environment } from "../compute/shell.ts";
import { SetupError } from "../model/errors.ts";
import { redisConnection } from "../telemetry/redis-connection.ts";
import { isUnavailable } from "../telemetry/redis-keys.ts";
import { isTlsFault, unusable } from "./away.ts";

/** Answers keep the shape that they have without RESP3. */
export type RedisSettings = Omit<RedisOptions, "replyMapping">;

export interface RedisAddress {
  /** How a refusal begins. */
  readonly cannot: string;
  /** That holds redis://… or, with TLS, rediss://… */
  readonly variable: string;
  readonly environment: Environment;
}

/** Throws `SetupError` when the variable holds no address, or not one of ours, `AwayError` when nobody answers there. Closing is the caller's, also while it connects: by `onOpening`. */
export async function connectRedis(
  address: RedisAddress,
  options: RedisSettings = redisConnection,
  onOpening: (redis: Redis) => void = () => {},
): Promise<Redis> {
  const url = urlOf(address);
  const redis = new Redis(url.href, options);
  let trouble: Error | null = null;
  // Of a connection that broke later whoever uses it says so.
  redis.on("error", (error: Error) => {
    trouble = error;
  });
  onOpening(redis);
  try {
    await redis.connect();
    await redis.ping();
    return redis;
  } catch (error) {
    redis.disconnect();
    const reason = trouble ?? (error as Error); // ioredis rejects with nothing else
    // Its user and password stay out of it.
    const where = `${address.cannot}: Redis at ${url.host} (${address.variable})`;
    const isAway = isUnavailable(reason) && !isTlsFault(reason);
    throw unusable(isAway, `${where} ${isAway ? "does not answer" : "cannot be used"}: ${reason.message}`);
  }
}

function urlOf({ cannot, variable, environment }: RedisAddress): URL {
  const text = variableOf(cannot, variable, environment);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && url.host !== "" && /^rediss?:$/.test(url.protocol)) return url;
  throw new SetupError(`${cannot}: ${variable} must hold an address such as redis://cache.example.org:6379`);
}
