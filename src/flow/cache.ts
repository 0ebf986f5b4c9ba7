/**
 * What a flow's hooks remember by key: JSON values, in memory, and where there is a Redis in it as well, for all nodes. Memory is in front: what another
 * node has set since is seen when the value here has ended. It is a cache, so a Redis that fails is counted and done without, for a while.
 */
import type { Redis } from "ioredis";
import { abortable } from "../compute/abortable.ts";
import { within } from "../jobs/backoff.ts";
import { isUnavailable } from "../telemetry/redis-keys.ts";
import { type Breaker, breakerAfter, breakerBefore, closedBreaker } from "./breaker.ts";
import { payloadJson } from "./sinks/payload-json.ts";

export interface FlowCache {
  /** Undefined: there is none. A new copy each time. */
  get(key: string): Promise<unknown>;
  /** `ttlMs`: at least 1. Throws `TypeError` when the value is no JSON value, or the key is not well-formed. */
  set(key: string, value: unknown, ttlMs?: number): Promise<void>;
  /** What is there, else what `make` gives, as JSON keeps it. Of those who ask at once on this node one calls `make`; if it throws, all of them do. */
  remember<Value>(key: string, make: () => Value | Promise<Value>, ttlMs?: number): Promise<Value>;
  readonly counts: FlowCacheCounts;
}

/** Since the start. Who waits for another's `make` is not counted. */
export interface FlowCacheCounts {
  /** Found in memory. */
  readonly hits: number;
  /** Found in Redis. */
  readonly sharedHits: number;
  readonly misses: number;
  /** Questions that Redis did not answer, or not with what was written. */
  readonly failures: number;
}

export interface FlowCacheParts {
  readonly flow: string;
  /** In memory; the one that was not used for longest makes room. */
  readonly entriesMax: number;
  readonly ttlMs: number;
  readonly redis: Redis | null;
  readonly nowMs?: () => number;
}

interface Entry {
  /** Hooks may change what they are given. */
  readonly json: string;
  readonly untilMs: number;
}

/** No hook waits longer for what it can do without. */
const answerMs = 500;
const policy = { failuresMax: 3, openMs: 5_000 };

export function createFlowCache(parts: FlowCacheParts): FlowCache {
  const { flow, entriesMax, ttlMs: ttlDefaultMs, redis, nowMs = () => performance.now() } = parts;
  /** The one that was not used for longest is first. */
  const entries = new Map<string, Entry>();
  const making = new Map<string, Promise<string>>();
  const counts = { hits: 0, sharedHits: 0, misses: 0, failures: 0 };
  let breaker: Breaker = closedBreaker;

  /** In braces, which put a flow's keys on one node of a cluster. */
  const sharedKey = (key: string) => `orrery:flow:{${flow}}:cache:${key}`;

  function put(key: string, entry: Entry): void {
    entries.delete(key);
    entries.set(key, entry);
    for (const oldest of entries.keys()) {
      if (entries.size <= entriesMax) return;
      entries.delete(oldest);
    }
  }

  function inMemory(key: string): string | null {
    const entry = entries.get(key);
    if (entry === undefined) return null;
    entries.delete(key);
    if (entry.untilMs <= nowMs()) return null;
    entries.set(key, entry);
    return entry.json;
  }

  /** Null: Redis is not there, or not for us now. */
  async function shared<Answer>(ask: (redis: Redis) => Promise<Answer>): Promise<Answer | null> {
    if (redis === null || breaker.state === "halfOpen") return null;
    breaker = breakerBefore(breaker, nowMs());
    if (breaker.state === "open") return null;
    try {
      const answer = await within(answerMs, null, (late) => abortable(ask(redis), late));
      breaker = breakerAfter(breaker, false, nowMs(), policy);
      return answer;
    } catch (error) {
      counts.failures += 1;
      breaker = breakerAfter(breaker, isUnavailable(error), nowMs(), policy);
      return null;
    }
  }

  async function find(key: string): Promise<string | null> {
    const own = inMemory(key);
    if (own !== null) {
      counts.hits += 1;
      return own;
    }
    const found = await shared((redis) => Promise.all([redis.get(sharedKey(key)), redis.pttl(sharedKey(key))]));
    const [json = null, leftMs = 0] = found ?? [];
    if (json !== null && isJson(json)) {
      counts.sharedHits += 1;
      const newer = inMemory(key); // set here meanwhile
      // -1: somebody let it live for ever. -2: it has just ended.
      if (newer === null) put(key, { json, untilMs: nowMs() + (leftMs === -1 ? ttlDefaultMs : leftMs) });
      return newer ?? json;
    }
    if (json !== null) counts.failures += 1;
    counts.misses += 1;
    return null;
  }

  async function keep(key: string, value: unknown, ttlMs: number): Promise<string> {
    const json = payloadJson(value);
    if (json === null) throw new TypeError(`Cannot remember ${key} as its value is not a JSON value`);
    put(key, { json, untilMs: nowMs() + ttlMs });
    await shared((redis) => redis.set(sharedKey(key), json, "PX", Math.ceil(ttlMs)));
    return json;
  }

  async function findOrMake(key: string, make: () => unknown, ttlMs: number): Promise<string> {
    return (await find(key)) ?? (await keep(key, await make(), ttlMs));
  }

  return {
    async get(key) {
      check(key, ttlDefaultMs);
      const json = await find(key);
      return json === null ? undefined : JSON.parse(json);
    },
    async set(key, value, ttlMs = ttlDefaultMs) {
      check(key, ttlMs);
      await keep(key, value, ttlMs);
    },
    async remember<Value>(key: string, make: () => Value | Promise<Value>, ttlMs = ttlDefaultMs) {
      check(key, ttlMs);
      let json = making.get(key);
      if (json === undefined) {
        json = findOrMake(key, make, ttlMs).finally(() => making.delete(key));
        making.set(key, json);
      }
      return JSON.parse(await json) as Value; // what `make` of this key gave
    },
    get counts() {
      return { ...counts };
    },
  };
}

/** Redis would take ill-formed keys that differ for the same one. */
function check(key: string, ttlMs: number): void {
  if (!key.isWellFormed()) throw new TypeError(`Cannot use the key ${JSON.stringify(key)}: it is not well-formed`);
  if (!(ttlMs >= 1 && Number.isSafeInteger(Math.ceil(ttlMs))))
    throw new RangeError(`Cannot remember ${key} for ${ttlMs} ms: at least 1 ms is needed`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
