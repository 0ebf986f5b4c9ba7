/**
 * Writes payloads to Redis, under a key made of each. `set`: the newest one, as JSON; a redelivery writes the same again, in the same
 * order. `list` and `stream`: one more element for each, `{ key, payload }` in a stream, and none for a redelivery: a marker under the
 * delivery's own key is written with the element or not at all, and is remembered for `once_s`.
 */
import type { ChainableCommander, Redis } from "ioredis";
import * as v from "valibot";
import { abortable } from "../../compute/abortable.ts";
import { variable } from "../../config-computes.ts";
import { SetupError } from "../../model/errors.ts";
import { isUnavailable } from "../../telemetry/redis-keys.ts";
import { connectRedis } from "../redis-connect.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { notJson, payloadJson } from "./payload-json.ts";
import { cannotUse, type SinkParts } from "./setup.ts";
import { keyOf, keyTemplate } from "./template.ts";

const countable = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** Redis keeps a time of expiry in milliseconds. */
const seconds = v.pipe(countable, v.maxValue(1_000_000_000));

export const redisSink = v.strictObject({
  kind: v.literal("redis"),
  /** The variable that holds redis://… or, with TLS, rediss://… */
  url_env: variable,
  as: v.picklist(["set", "list", "stream"]),
  key: keyTemplate,
  /** How long the key lives after it was last written; for ever if absent. */
  ttl_s: v.optional(seconds),
  /** Of a stream: about as many of the newest entries are kept. */
  maxlen: v.optional(countable),
  /** Of a list or a stream: a redelivery that comes later writes a second time. */
  once_s: v.optional(seconds),
});

export type RedisSinkConfig = v.InferOutput<typeof redisSink>;

const onceDefaultS = 86_400;

/**
 * KEYS: what is written to, the marker. ARGV: seconds of the marker, seconds of the key or 0, then what `write` takes. The marker comes
 * last: a write that is refused leaves none.
 */
const once = (write: string): string => `
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local written = redis.pcall(${write})
if type(written) == 'table' and written.err then return written end
redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
if ARGV[2] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1`;
const push = once("'RPUSH', KEYS[1], ARGV[3]");
const add = once("'XADD', KEYS[1], '*', 'key', ARGV[4], 'payload', ARGV[3]");
const addAndTrim = once("'XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'key', ARGV[4], 'payload', ARGV[3]");

export function createRedisSink(
  name: string,
  config: RedisSinkConfig,
  { environment }: Pick<SinkParts, "environment">,
): Sink {
  let redis: Redis | null = null;

  return {
    async check() {
      if (config.as !== "stream" && config.maxlen !== undefined)
        throw new SetupError(`${cannotUse(name)}: maxlen is of a stream, and it writes a ${config.as}`);
      if (config.as === "set" && config.once_s !== undefined)
        throw new SetupError(`${cannotUse(name)}: once_s is of a list or a stream: a set has only the newest payload`);
      redis ??= await connectRedis({ cannot: cannotUse(name), variable: config.url_env, environment });
    },
    async deliver(batch, signal) {
      if (redis === null) throw new Error("Redis is not connected");
      const pipeline = redis.pipeline();
      const refusals = batch.map((delivery) => enqueue(pipeline, config, delivery));
      const answers = (await abortable(pipeline.exec(), signal)) ?? [];
      const errors = answers.map(([error]) => error);
      // Of the others it is not known either whether they were written: markers tell the next time.
      const away = errors.find((error) => error !== null && isUnavailable(error));
      if (away) throw away;
      const written = errors.values();
      return refusals.map((refusal) => refusal ?? outcomeOf(written.next().value ?? null));
    },
    async close() {
      redis?.disconnect();
      redis = null;
    },
  };
}

/** Puts the write of one delivery into the pipeline; what it returns was refused instead. */
function enqueue(pipeline: ChainableCommander, config: RedisSinkConfig, delivery: Delivery): Outcome | null {
  const { as, ttl_s: ttlS = 0, maxlen, once_s: onceS = onceDefaultS } = config;
  const json = payloadJson(delivery.payload);
  if (json === null) return notJson;
  const found = keyOf(config.key, delivery.payload);
  if ("flaw" in found) return { kind: "refused", reason: found.flaw };
  const { key } = found;
  // Braces decide on which node of a cluster a key lies: with none in it the marker can be made to lie beside it, and no key looks like a marker.
  if (/[{}]/.test(key)) return { kind: "refused", reason: "its key would hold a brace" };
  const marker = `{${key}}:once:${delivery.key}`;
  if (as === "set") ttlS === 0 ? pipeline.set(key, json) : pipeline.set(key, json, "EX", ttlS);
  else if (as === "list") pipeline.eval(push, 2, key, marker, onceS, ttlS, json);
  else if (maxlen === undefined) pipeline.eval(add, 2, key, marker, onceS, ttlS, json, delivery.key);
  else pipeline.eval(addAndTrim, 2, key, marker, onceS, ttlS, json, delivery.key, maxlen);
  return null;
}

function outcomeOf(error: Error | null): Outcome {
  if (error === null) return { kind: "ok" };
  // Another's key of another kind: it is not ours to replace.
  return { kind: error.message.startsWith("WRONGTYPE") ? "refused" : "retry", reason: error.message };
}
