/**
 * Telemetry in Redis Streams. Public keys, all of a ship in one hash slot:
 *
 *     tm:{ship}:<pass>:<token>   stream: entry id <number>-0, fields n (packets) and d (entry.ts); a seal has the id 2^64−2
 *     tm:{ship}                  hash: packets, bytes (ever stored), hot (octets in streams now)
 *     tm:{ship}:octets           hash: octets by <pass>:<token>
 *     tm:{ship}:archived         sorted set: <pass>:<token> that may be let go, by when their time is over (ms since 1970)
 *     tm:{ship}:streams          sorted set: <pass>:<token> by the time it was opened, the newest 1,000
 */
import { Redis } from "ioredis";
import { SetupError } from "../model/errors.ts";
import { readBackwards, type StreamShelf } from "./backwards.ts";
import type { StoredEntry } from "./entry.ts";
import { redisConnection } from "./redis-connection.ts";
import {
  countKey,
  isSmallerId,
  isUnavailable,
  lastEntryId,
  numberOf,
  sealId,
  shipKeys,
  streamKey,
  streamNameOf,
  streamsKey,
} from "./redis-keys.ts";
import { dropStream, releaseStream, trimShip } from "./redis-scripts.ts";
import { RedisWriter, takeBackEntry } from "./redis-writer.ts";
import type { GivenUpEntry, StreamName, Telemetry, TelemetryCount, TelemetryWriter } from "./telemetry.ts";
import { hotBytesDefault, TelemetryUnavailableError } from "./telemetry.ts";

export interface RedisTelemetryOptions {
  /** How long a stream stays in Redis once its pass is archived. Default 24 hours. */
  readonly retentionMs?: number;
  /** Octets that a ship may have in Redis unless it has a quota of its own. Default 4 GiB. */
  readonly hotBytesMax?: number;
  /** How long an append may wait for Redis to come back. Default 5 s: what comes meanwhile waits in the receiver, up to its bound. */
  readonly appendDeadlineMs?: number;
  /** Start although Redis may evict keys that nobody has archived. */
  readonly allowEviction?: boolean;
  readonly log: { warn(about: object, message: string): void };
}

/** Entries are at most 1 MiB. */
const entriesAtOnce = 8;
const streamsKept = 1_000;

/** Throws when Redis does not answer, or would evict telemetry. */
export async function openRedis(url: string, options: RedisTelemetryOptions): Promise<Telemetry> {
  // A write that may have been done is tried again by us, under the same entry number, never blindly.
  const redis = new Redis(url, redisConnection);
  redis.on("error", (error: Error) => options.log.warn({ err: error.message }, "redis: connection trouble"));
  try {
    await redis.connect();
    await checkSettings(redis, options);
  } catch (error) {
    redis.disconnect();
    if (error instanceof SetupError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    // Its user and password stay out of it.
    throw new SetupError(`Cannot use Redis at ${new URL(url).host} (REDIS_URL): ${reason}`);
  }
  return new RedisTelemetry(redis, options);
}

class RedisTelemetry implements Telemetry {
  readonly kind = "redis";
  readonly #redis: Redis;
  readonly #retentionMs: number;
  readonly #appendDeadlineMs: number;
  readonly #hotBytesMax: number;
  readonly #shelf: StreamShelf = {
    streams: async (ship) => {
      const names = await this.#redis.zrevrange(streamsKey(ship), 0, -1);
      return names.map((name) => ({ name, passId: name.slice(0, name.indexOf(":")) }));
    },
    entriesBelow: async (ship, stream, below, countMax) => {
      const top = below > Number.MAX_SAFE_INTEGER - 1 ? lastEntryId : `(${below}-0`;
      const found = await this.#redis.xrevrangeBuffer(`tm:{${ship}}:${stream}`, top, "-", "COUNT", countMax);
      return found.map((entry) => storedEntry(Number(stream.slice(stream.indexOf(":") + 1)), entry));
    },
  };

  constructor(redis: Redis, options: RedisTelemetryOptions) {
    this.#redis = redis;
    this.#retentionMs = options.retentionMs ?? 24 * 3_600_000;
    this.#appendDeadlineMs = options.appendDeadlineMs ?? 5_000;
    this.#hotBytesMax = options.hotBytesMax ?? hotBytesDefault;
  }

  async open(stream: StreamName, hotBytes: number | null = null): Promise<TelemetryWriter> {
    return this.#asked(async () => {
      const shelf = streamsKey(stream.ship);
      await this.#redis
        .multi()
        .zadd(shelf, "NX", Date.now(), `${stream.passId}:${stream.token}`)
        .zremrangebyrank(shelf, 0, -1 - streamsKept)
        .exec();
      const [last] = await this.#redis.xrevrange(streamKey(stream), lastEntryId, "-", "COUNT", 1);
      const from = last === undefined ? 0 : numberOf(last[0]);
      const hotBytesMax = hotBytes ?? this.#hotBytesMax;
      return new RedisWriter(this.#redis, stream, from, { deadlineMs: this.#appendDeadlineMs, hotBytesMax });
    });
  }

  async seal(stream: StreamName): Promise<void> {
    for (let token = 1; token < stream.token; token++) {
      await this.#asked(async () => {
        try {
          await this.#redis.xadd(streamKey({ ...stream, token }), sealId, "s", "1");
        } catch (error) {
          if (!isSmallerId(error)) throw error;
        }
      });
    }
  }

  async takeBack(stream: StreamName, givenUp: readonly GivenUpEntry[]): Promise<void> {
    for (const entry of givenUp) await this.#asked(() => takeBackEntry(this.#redis, stream, entry));
  }

  async *read(stream: StreamName, after = { token: 0, entry: 0 }): AsyncGenerator<StoredEntry> {
    for (let token = Math.max(1, after.token); token <= stream.token; token++) {
      let last = token === after.token ? after.entry : 0;
      for (;;) {
        const key = streamKey({ ...stream, token });
        const page = await this.#asked(() =>
          this.#redis.xrangeBuffer(key, `(${last}-0`, lastEntryId, "COUNT", entriesAtOnce),
        );
        for (const found of page) {
          const entry = storedEntry(token, found);
          last = entry.entry;
          yield entry;
        }
        if (page.length < entriesAtOnce) break;
      }
    }
  }

  async count(ship: string): Promise<TelemetryCount> {
    const [packets, bytes] = await this.#asked(() => this.#redis.hmget(countKey(ship), "packets", "bytes"));
    return { packets: Number(packets ?? 0), bytes: Number(bytes ?? 0) };
  }

  latest(ship: string, limit: number, before?: Parameters<Telemetry["latest"]>[2]) {
    return this.#asked(() => readBackwards(this.#shelf, ship, limit, before));
  }

  release(stream: StreamName, keptMs: number | null = null): Promise<void> {
    return this.#eachToken(stream, releaseStream, [Math.ceil(keptMs ?? this.#retentionMs)]);
  }

  drop(stream: StreamName): Promise<void> {
    return this.#eachToken(stream, dropStream, []);
  }

  async trim(ship: string, bytesMax: number | null = null): Promise<number> {
    // No stream of its own: the ship's key stands in its place.
    const keys = [countKey(ship), ...shipKeys(ship)] as const;
    return Number(await this.#asked(() => this.#redis.eval(trimShip, 4, ...keys, bytesMax ?? -1)));
  }

  async #eachToken(stream: StreamName, script: string, more: readonly number[]): Promise<void> {
    for (let token = 1; token <= stream.token; token++) {
      const one = { ...stream, token };
      const keys = [streamKey(one), ...shipKeys(stream.ship)] as const;
      await this.#asked(() => this.#redis.eval(script, 4, ...keys, streamNameOf(one), ...more));
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (isUnavailable(error)) throw new TelemetryUnavailableError("Redis does not answer", { cause: error });
      throw error;
    }
  }
}

function storedEntry(token: number, [id, fields]: [id: Buffer, fields: Buffer[]]): StoredEntry {
  const at = fields.findIndex((field, i) => i % 2 === 0 && field.toString() === "d");
  return { token, entry: numberOf(id.toString()), payload: fields[at + 1] ?? new Uint8Array() };
}

/** An evicting Redis loses telemetry silently: refused unless told. Managed ones may hide their settings: nothing to check then. */
async function checkSettings(redis: Redis, options: RedisTelemetryOptions): Promise<void> {
  const settings = await redis.config("GET", "maxmemory-policy", "appendonly").catch(() => []);
  const text = JSON.stringify(settings);
  if (text.includes("allkeys-") && options.allowEviction !== true) {
    throw new SetupError(
      "Cannot use Redis (REDIS_URL) as it may evict telemetry: set its maxmemory-policy to noeviction",
    );
  }
  if (/"appendonly","no"/.test(text)) {
    options.log.warn({}, "redis: appendonly is off, so a restart of Redis loses telemetry that is not archived yet");
  }
}
