/**
 * How many requests each client may send in any 60 seconds: exact on one node however many come at once, and over all nodes where they share a
 * Redis. While Redis is away each node counts for itself.
 */
import type { Redis } from "ioredis";

export interface RateLimit {
  /** 0: they are let in, and counted. Otherwise milliseconds until so many may come, and none is counted; infinite: never so many at once. */
  take(client: string, perMin: number, count?: number): Promise<number>;
}

export interface RateLimitParts {
  /** Null: this node alone. */
  readonly redis: Pick<Redis, "eval"> | null;
  readonly keyPrefix: string;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
  readonly onFailure: (error: unknown) => void;
}

const windowMs = 60_000;

/** KEYS: the times of a client's requests. ARGV: at most, how many more, window in ms. By Redis' own clock, which all nodes share. */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local max, count, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
while true do
  local first = redis.call('LINDEX', KEYS[1], 0)
  if not first or now - tonumber(first) < window then break end
  redis.call('LPOP', KEYS[1])
end
local over = redis.call('LLEN', KEYS[1]) + count - max
if over > 0 then return tonumber(redis.call('LINDEX', KEYS[1], over - 1)) + window - now end
for _ = 1, count do redis.call('RPUSH', KEYS[1], now) end
redis.call('PEXPIRE', KEYS[1], window)
return 0`;

export function createRateLimit({ redis, keyPrefix, nowMs, onFailure }: RateLimitParts): RateLimit {
  const own = new Map<string, number[]>();

  function takeHere(client: string, perMin: number, count: number): number {
    const now = nowMs();
    const times = (own.get(client) ?? []).filter((time) => now - time < windowMs);
    const over = times.length + count - perMin;
    own.set(client, times);
    if (over > 0) return (times[over - 1] ?? now) + windowMs - now;
    for (let i = 0; i < count; i++) times.push(now);
    return 0;
  }

  return {
    async take(client, perMin, count = 1) {
      if (count > perMin) return Number.POSITIVE_INFINITY;
      if (redis === null) return takeHere(client, perMin, count);
      try {
        const key = `${keyPrefix}${client}`;
        return Number(await redis.eval(takeScript, 1, key, perMin, count, windowMs));
      } catch (error) {
        onFailure(error);
        return takeHere(client, perMin, count);
      }
    },
  };
}
