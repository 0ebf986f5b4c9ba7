/** What one consumer asks of a consumer group of a stream, beside reading. */
import type { Redis } from "ioredis";

export interface RedisGroup {
  /** Makes the group where it does not exist. One that is gone begins anew behind what it was last known to have given out, or as `from` says. */
  create(): Promise<void>;
  acknowledge(ids: readonly string[]): Promise<void>;
  /** Sets for how long these entries have been idle, of those that are still this consumer's. */
  setIdle(ids: readonly string[], idleMs: number): Promise<void>;
  /** Entries that the group has given to no consumer; null where Redis does not know, as below version 7. */
  lag(): Promise<number | null>;
  /** Removes consumers with nothing pending: those that have been idle for so long, and with `leave` this one. */
  removeConsumers(idleMs: number, leave?: "leave"): Promise<void>;
}

export interface RedisGroupName {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
  readonly from: "earliest" | "latest";
}

/** Ids that one command takes. */
const idsAtOnce = 500;

/** ARGV: group, consumer, milliseconds, ids. In one step, as otherwise it might take back what another consumer has just claimed. */
const setIdleOfMine = `
local mine = {}
for at = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1, ARGV[2]) > 0 then mine[#mine + 1] = ARGV[at] end
end
if #mine == 0 then return 0 end
mine[#mine + 1] = 'IDLE'
mine[#mine + 1] = ARGV[3]
mine[#mine + 1] = 'JUSTID'
return #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(mine))`;

/** ARGV: group, milliseconds, a consumer that leaves or ''. In one step: what a consumer is given in between would be lost with it. */
const removeIdle = `
for _, found in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for at = 1, #found, 2 do about[found[at]] = found[at + 1] end
  if about.pending == 0 and (about.name == ARGV[3] or about.idle >= tonumber(ARGV[2])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about.name)
  end
end`;

export function createRedisGroup(redis: Redis, { stream, group, consumer, from }: RedisGroupName): RedisGroup {
  let lastId: string | null = null;

  async function about(): Promise<ReadonlyMap<unknown, unknown>> {
    // Names and values in turn, as XINFO GROUPS is documented.
    const groups = (await redis.xinfo("GROUPS", stream)) as readonly (readonly unknown[])[];
    const found = groups.map(mapOf).find((about) => about.get("name") === group) ?? new Map();
    lastId = String(found.get("last-delivered-id") ?? lastId);
    return found;
  }

  return {
    async create() {
      const start = from === "earliest" ? "0" : (lastId ?? "$");
      await redis.xgroup("CREATE", stream, group, start, "MKSTREAM").catch((error: Error) => {
        if (!error.message.startsWith("BUSYGROUP")) throw error;
      });
      await redis.xgroup("CREATECONSUMER", stream, group, consumer);
      await about();
    },
    async acknowledge(ids) {
      await Promise.all(chunksOf(ids).map((some) => redis.xack(stream, group, ...some)));
    },
    async setIdle(ids, idleMs) {
      await Promise.all(
        chunksOf(ids).map((some) => redis.eval(setIdleOfMine, 1, stream, group, consumer, Math.ceil(idleMs), ...some)),
      );
    },
    async lag() {
      const lag = (await about()).get("lag");
      return typeof lag === "number" ? lag : null;
    },
    async removeConsumers(idleMs, leave) {
      await redis.eval(removeIdle, 1, stream, group, Math.ceil(idleMs), leave === undefined ? "" : consumer);
    },
  };
}

function chunksOf(ids: readonly string[]): (readonly string[])[] {
  const chunks: (readonly string[])[] = [];
  for (let at = 0; at < ids.length; at += idsAtOnce) chunks.push(ids.slice(at, at + idsAtOnce));
  return chunks;
}

function mapOf(pairs: readonly unknown[]): ReadonlyMap<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (let at = 0; at < pairs.length; at += 2) map.set(pairs[at], pairs[at + 1]);
  return map;
}
