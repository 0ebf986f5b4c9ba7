/** Writes one stream in Redis: an entry is added and counted in one script, under a number that makes a retry harmless. */
import type { Redis } from "ioredis";
import {
  fullAt,
  isNeverSent,
  isSmallerId,
  isUnavailable,
  numberOf,
  shipKeys,
  streamKey,
  streamNameOf,
} from "./redis-keys.ts";
import { addEntry, removeEntry } from "./redis-scripts.ts";
import {
  type EncodedEntry,
  HotStoreFullError,
  type StreamName,
  StreamSealedError,
  TelemetryFullError,
  TelemetryUnavailableError,
  type TelemetryWriter,
} from "./telemetry.ts";

export interface WriterBounds {
  /** How long an append waits for Redis. */
  readonly deadlineMs: number;
  /** Octets that the ship may have in Redis. */
  readonly hotBytesMax: number;
}

const pauseMs = 50;
/** Given up without knowing whether they got through; beyond this many the oldest are left as they are. */
const doubtfulMax = 1_000;

export class RedisWriter implements TelemetryWriter {
  readonly #redis: Redis;
  readonly #stream: StreamName;
  readonly #keys: readonly [string, string, string, string];
  readonly #name: string;
  readonly #bounds: WriterBounds;
  #entry: number;
  /** The last append gave up: until Redis answers again the next ones do not wait for it, as what waits behind them has a bound too. */
  #isDown = false;
  readonly #doubtful: (Omit<EncodedEntry, "payload"> & { readonly id: string; readonly octets: number })[] = [];

  constructor(redis: Redis, stream: StreamName, lastEntry: number, bounds: WriterBounds) {
    this.#redis = redis;
    this.#stream = stream;
    this.#keys = [streamKey(stream), ...shipKeys(stream.ship)];
    this.#name = streamNameOf(stream);
    this.#entry = lastEntry;
    this.#bounds = bounds;
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
        const octets = fullAt(error);
        if (octets !== null) throw new HotStoreFullError(this.#stream.ship, octets, this.#bounds.hotBytesMax);
        if (error instanceof Error && error.message.includes("OOM")) {
          throw new TelemetryFullError("Redis has no memory left for telemetry", { cause: error });
        }
        if (!isUnavailable(error)) throw error;
        wasSent ||= !isNeverSent(error);
        if (this.#isDown || performance.now() - startedMs > this.#bounds.deadlineMs) {
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

  #doubt(number: number, { packets, bytes, payload }: EncodedEntry): void {
    this.#doubtful.push({ id: `${number}-0`, packets, bytes, octets: payload.length });
    if (this.#doubtful.length > doubtfulMax) this.#doubtful.shift();
  }

  /** What was counted as dropped must not be there. Tried again with the next append if Redis is away. */
  async #takeBack(): Promise<void> {
    for (let next = this.#doubtful[0]; next !== undefined; next = this.#doubtful[0]) {
      try {
        const { id, packets, bytes, octets } = next;
        await this.#redis.eval(removeEntry, 4, ...this.#keys, id, packets, bytes, octets, this.#name);
      } catch (error) {
        if (isUnavailable(error)) return;
        throw error;
      }
      this.#doubtful.shift();
    }
  }

  #add(number: number, entry: EncodedEntry): Promise<unknown> {
    const payload = Buffer.from(entry.payload.buffer, entry.payload.byteOffset, entry.payload.byteLength);
    const { packets, bytes } = entry;
    const { hotBytesMax } = this.#bounds;
    return this.#redis.eval(
      addEntry,
      4,
      ...this.#keys,
      ...[`${number}-0`, packets, bytes, payload, this.#name, hotBytesMax],
    );
  }

  /** True when the stream's last entry is this one: an earlier try had got through. */
  async #isStored(number: number): Promise<boolean> {
    const [last] = await this.#redis.xrevrange(this.#keys[0], "+", "-", "COUNT", 1);
    return last !== undefined && numberOf(last[0]) === number;
  }
}
