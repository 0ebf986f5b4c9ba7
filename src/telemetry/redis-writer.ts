/** Writes one stream in Redis: an entry is added and counted in one script, under a number that makes a retry harmless. */
import type { Redis } from "ioredis";
import { countKey, isNeverSent, isSmallerId, isUnavailable, numberOf, streamKey } from "./redis-keys.ts";
import {
  type EncodedEntry,
  type StreamName,
  StreamSealedError,
  TelemetryFullError,
  TelemetryUnavailableError,
  type TelemetryWriter,
} from "./telemetry.ts";

/** The counts grow only if the entry is new: both or neither. */
const addEntry = `
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'n', ARGV[2], 'd', ARGV[4])
if type(added) == 'table' and added.err then return added end
redis.call('HINCRBY', KEYS[2], 'packets', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'bytes', ARGV[3])
return added`;

/** Takes back an entry that was given up, should it have got through. */
const removeEntry = `
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'packets', -ARGV[2])
redis.call('HINCRBY', KEYS[2], 'bytes', -ARGV[3])
return 1`;

const pauseMs = 50;
/** Given up without knowing whether they got through; beyond this many the oldest are left as they are. */
const doubtfulMax = 1_000;

export class RedisWriter implements TelemetryWriter {
  readonly #redis: Redis;
  readonly #stream: StreamName;
  readonly #keys: [string, string];
  readonly #deadlineMs: number;
  #entry: number;
  /** The last append gave up: until Redis answers again the next ones do not wait for it, as what waits behind them has a bound too. */
  #isDown = false;
  readonly #doubtful: { readonly id: string; readonly packets: number; readonly bytes: number }[] = [];

  constructor(redis: Redis, stream: StreamName, lastEntry: number, deadlineMs: number) {
    this.#redis = redis;
    this.#stream = stream;
    this.#keys = [streamKey(stream), countKey(stream.ship)];
    this.#entry = lastEntry;
    this.#deadlineMs = deadlineMs;
  }

  async append(entry: EncodedEntry): Promise<number> {
    const number = this.#entry + 1;
    const startedMs = performance.now();
    let wasSent = false;
    for (;;) {
      try {
        await this.#add(number, entry);
        this.#entry = number;
        this.#isDown = false;
        if (this.#doubtful.length > 0) await this.#takeBack();
        return number;
      } catch (error) {
        if (isSmallerId(error)) {
          if (await this.#isStored(number)) {
            this.#entry = number;
            return number;
          }
          throw new StreamSealedError(this.#stream);
        }
        if (error instanceof Error && error.message.includes("OOM")) {
          throw new TelemetryFullError("Redis has no memory left for telemetry", { cause: error });
        }
        if (!isUnavailable(error)) throw error;
        wasSent ||= !isNeverSent(error);
        if (this.#isDown || performance.now() - startedMs > this.#deadlineMs) {
          this.#isDown = true;
          // Its number is used up, so that the next entry cannot be taken for it.
          this.#entry = number;
          if (wasSent) this.#doubt(number, entry);
          throw new TelemetryUnavailableError("Redis does not answer", { cause: error });
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  async close(): Promise<void> {
    if (this.#doubtful.length > 0) await this.#takeBack();
  }

  #doubt(number: number, { packets, bytes }: EncodedEntry): void {
    this.#doubtful.push({ id: `${number}-0`, packets, bytes });
    if (this.#doubtful.length > doubtfulMax) this.#doubtful.shift();
  }

  /** What was counted as dropped must not be there. Tried again with the next append if Redis is away. */
  async #takeBack(): Promise<void> {
    for (let next = this.#doubtful[0]; next !== undefined; next = this.#doubtful[0]) {
      try {
        await this.#redis.eval(removeEntry, 2, ...this.#keys, next.id, next.packets, next.bytes);
      } catch (error) {
        if (isUnavailable(error)) return;
        throw error;
      }
      this.#doubtful.shift();
    }
  }

  #add(number: number, entry: EncodedEntry): Promise<unknown> {
    const payload = Buffer.from(entry.payload.buffer, entry.payload.byteOffset, entry.payload.byteLength);
    return this.#redis.eval(addEntry, 2, ...this.#keys, `${number}-0`, entry.packets, entry.bytes, payload);
  }

  /** True when the stream's last entry is this one: an earlier try had got through. */
  async #isStored(number: number): Promise<boolean> {
    const [last] = await this.#redis.xrevrange(this.#keys[0], "+", "-", "COUNT", 1);
    return last !== undefined && numberOf(last[0]) === number;
  }
}
