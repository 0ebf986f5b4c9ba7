/** Writes one stream in Redis: an entry is added and counted in one script, under a number that makes a retry harmless. */
import type { Redis } from "ioredis";
import { countKey, isNeverSent, isSmallerId, isUnavailable, numberOf, streamKey } from "./redis-keys.ts";
import {
  type EncodedEntry,
  type GivenUpEntry,
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

/** Takes back an entry that was given up, should it have got through. What may lack memory comes first: both or neither. */
const removeEntry = `
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], 'packets', -ARGV[2])
redis.call('HINCRBY', KEYS[2], 'bytes', -ARGV[3])
return redis.call('XDEL', KEYS[1], ARGV[1])`;

const pauseMs = 50;
/** Given up without knowing whether they got through; beyond this many the oldest are left as they are. */
const doubtfulMax = 1_000;

export class RedisWriter implements TelemetryWriter {
  readonly #redis: Redis;
  readonly #stream: StreamName;
  readonly #deadlineMs: number;
  #entry: number;
  /** The last append gave up: until Redis answers again the next ones do not wait for it, as what waits behind them has a bound too. */
  #isDown = false;
  readonly #doubtful: GivenUpEntry[] = [];

  constructor(redis: Redis, stream: StreamName, lastEntry: number, deadlineMs: number) {
    this.#redis = redis;
    this.#stream = stream;
    this.#entry = lastEntry;
    this.#deadlineMs = deadlineMs;
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
        if (!isAway || this.#isDown || performance.now() - startedMs > this.#deadlineMs) {
          this.#giveUp(number, entry, isAway, mayBeThere);
          throw meaningOf(error, isAway);
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
    if (error !== null) throw meaningOf(error, isUnavailable(error));
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

  #add(number: number, entry: EncodedEntry): Promise<unknown> {
    const { buffer, byteOffset, byteLength } = entry.payload;
    // ioredis makes texts of a script's arguments for its tracing, under Bun also when nobody traces: some 8 % of a node's time.
    const payload = Object.assign(Buffer.from(buffer, byteOffset, byteLength), { toString: () => "packets" });
    return this.#redis.eval(addEntry, 2, ...keysOf(this.#stream), `${number}-0`, entry.packets, entry.bytes, payload);
  }

  /** True when the stream's last entry is this one: an earlier try had got through. */
  async #isStored(number: number): Promise<boolean> {
    const [last] = await this.#redis.xrevrange(streamKey(this.#stream), "+", "-", "COUNT", 1);
    return last !== undefined && numberOf(last[0]) === number;
  }
}

/** Does nothing where it is not there. */
export async function takeBackEntry(redis: Redis, stream: StreamName, given: GivenUpEntry): Promise<void> {
  await redis.eval(removeEntry, 2, ...keysOf(stream), `${given.entry}-0`, given.packets, given.bytes);
}

const keysOf = (stream: StreamName): [string, string] => [streamKey(stream), countKey(stream.ship)];

function meaningOf(error: unknown, isAway: boolean): unknown {
  if (isAway) return new TelemetryUnavailableError("Redis does not answer", { cause: error });
  if (error instanceof Error && error.message.includes("OOM"))
    return new TelemetryFullError("Redis has no memory left for telemetry", { cause: error });
  return error;
}
