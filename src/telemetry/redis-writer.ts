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
  type GivenUpEntry,
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
  readonly #keys: StreamKeys;
  readonly #name: string;
  readonly #bounds: WriterBounds;
  #entry: number;
  /** The last append gave up: until Redis answers again the next ones do not wait for it, as what waits behind them has a bound too. */
  #isDown = false;
  readonly #doubtful: GivenUpEntry[] = [];

  constructor(redis: Redis, stream: StreamName, lastEntry: number, bounds: WriterBounds) {
    this.#redis = redis;
    this.#stream = stream;
    this.#keys = keysOf(stream);
    this.#name = streamNameOf(stream);
    this.#entry = lastEntry;
    this.#bounds = bounds;
  }

  async append(entry: EncodedEntry): Promise<number> {
    const number = this.#entry + 1;
    const startedMs = performance.now();
    let mayBeThere = false;
    for (;;) {
      try {
        await this.#store(number, entry);
        break;
      } catch (error) {
        if (error instanceof StreamSealedError) throw error;
        const isAway = isUnavailable(error);
        mayBeThere ||= isAway && !isNeverSent(error);
        if (!isAway || this.#isDown || performance.now() - startedMs > this.#bounds.deadlineMs) {
          this.#giveUp(number, entry, isAway, mayBeThere);
          throw this.#meaningOf(error, isAway);
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    this.#entry = number;
    this.#isDown = false;
    if (this.#doubtful.length > 0) await this.#takeBack();
    return number;
  }

  get givenUp(): readonly GivenUpEntry[] {
    return this.#doubtful.slice();
  }

  async close(): Promise<void> {
    const error = await this.#takeBack();
    if (error !== null) throw this.#meaningOf(error, isUnavailable(error));
  }

  /** Its number is used up, so that the next entry cannot be taken for it, nor it for the next one. */
  #giveUp(number: number, entry: EncodedEntry, isAway: boolean, mayBeThere: boolean): void {
    if (isAway) this.#isDown = true;
    if (isAway || mayBeThere) this.#entry = number;
    if (mayBeThere) this.#doubt(number, entry);
  }

  #doubt(number: number, { packets, bytes }: EncodedEntry): void {
    this.#doubtful.push({ entry: number, packets, bytes });
    if (this.#doubtful.length > doubtfulMax) this.#doubtful.shift();
  }

  /** What was counted as dropped must not be there. Null: nothing of it is. Else it is tried again with the next append, or at the close. */
  async #takeBack(): Promise<unknown> {
    for (let next = this.#doubtful[0]; next !== undefined; next = this.#doubtful[0]) {
      try {
        await takeBackEntry(this.#redis, this.#stream, next);
      } catch (error) {
        return error;
      }
      this.#doubtful.shift();
    }
    return null;
  }

  /** Throws `StreamSealedError` when another holder goes on. An entry that an earlier try got through is stored. */
  async #store(number: number, entry: EncodedEntry): Promise<void> {
    try {
      await this.#add(number, entry);
    } catch (error) {
      if (!isSmallerId(error)) throw error;
      if (!(await this.#isStored(number))) throw new StreamSealedError(this.#stream);
    }
  }

  #add(
    number: number,
    { packets, bytes, payload: { buffer, byteOffset, byteLength } }: EncodedEntry,
  ): Promise<unknown> {
    // ioredis makes texts of a script's arguments for its tracing, under Bun also when nobody traces: some 8 % of a node's time.
    const payload = Object.assign(Buffer.from(buffer, byteOffset, byteLength), { toString: () => "packets" });
    const about = [`${number}-0`, packets, bytes, payload, this.#name, this.#bounds.hotBytesMax];
    return this.#redis.eval(addEntry, this.#keys.length, ...this.#keys, ...about);
  }

  /** True when the stream's last entry is this one: an earlier try had got through. */
  async #isStored(number: number): Promise<boolean> {
    const [last] = await this.#redis.xrevrange(this.#keys[0], "+", "-", "COUNT", 1);
    return last !== undefined && numberOf(last[0]) === number;
  }

  #meaningOf(error: unknown, isAway: boolean): unknown {
    if (isAway) return new TelemetryUnavailableError("Redis does not answer", { cause: error });
    const octets = fullAt(error);
    if (octets !== null) return new HotStoreFullError(this.#stream.ship, octets, this.#bounds.hotBytesMax);
    if (error instanceof Error && error.message.includes("OOM"))
      return new TelemetryFullError("Redis has no memory left for telemetry", { cause: error });
    return error;
  }
}

/** Does nothing where it is not there. */
export async function takeBackEntry(redis: Redis, stream: StreamName, given: GivenUpEntry): Promise<void> {
  const keys = keysOf(stream);
  const about = [`${given.entry}-0`, given.packets, given.bytes, streamNameOf(stream)];
  await redis.eval(removeEntry, keys.length, ...keys, ...about);
}

type StreamKeys = readonly [stream: string, ...ship: [string, string, string]];

const keysOf = (stream: StreamName): StreamKeys => [streamKey(stream), ...shipKeys(stream.ship)];
