/**
 * Reads Redis streams as a consumer of a group. The group spreads single entries over its consumers, so each stream is a partition that all nodes
 * have at once, and an entry's id is the message's. What is committed is acknowledged; what a consumer that died has left is claimed by the others.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import * as v from "valibot";
import { abortable } from "../../compute/abortable.ts";
import { messageOf } from "../../compute/function.ts";
import { variable } from "../../config-computes.ts";
import { pause, within } from "../../jobs/backoff.ts";
import { redisConnection } from "../../telemetry/redis-connection.ts";
import { isUnavailable } from "../../telemetry/redis-keys.ts";
import { unusable } from "../away.ts";
import { connectRedis, type RedisSettings } from "../redis-connect.ts";
import type { Source, SourceListener } from "../source.ts";
import { createHeldEntries, type HeldEntries } from "./held-entries.ts";
import { createRedisGroup, type RedisGroup } from "./redis-group.ts";
import { blockMs, createStreamReader, type StreamReader } from "./redis-stream.ts";
import { cannotUseSource, type SourceParts } from "./setup.ts";

/** It is part of keys that cannot be made of a lone surrogate. */
const redisName = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(1_000),
  v.check((text) => text.isWellFormed(), "must be well-formed Unicode"),
);

export const redisSource = v.strictObject({
  kind: v.literal("redis"),
  /** The variable that holds redis://… or, with TLS, rediss://… */
  url_env: variable,
  /** Their keys. Each takes a connection. */
  streams: v.pipe(
    v.array(redisName),
    v.minLength(1),
    v.maxLength(64),
    v.check((streams) => new Set(streams).size === streams.length, "must name each stream once"),
  ),
  group: redisName,
  /** The field of an entry that is the message's value. Of an entry without it the value is all its fields, as a JSON object. */
  field: v.optional(v.pipe(v.string(), v.minLength(1)), "payload"),
  /** The field that is the message's key; no message has one if absent. */
  key_field: v.optional(v.pipe(v.string(), v.minLength(1))),
  /** Where the group begins if it does not exist yet. */
  from: v.optional(v.picklist(["earliest", "latest"]), "earliest"),
  /** A consumer that does not say for so long that it works on an entry has left it to the others. */
  claim_after_s: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(86_400)), 60),
});

export type RedisSourceConfig = v.InferOutput<typeof redisSource>;

interface Stream {
  readonly held: HeldEntries;
  readonly group: RedisGroup;
  readonly reader: StreamReader;
  lag: number | null;
  renewedMs: number;
}

/** What a connection that does not end by itself is given until it is cut. */
const disconnectMs = 500;
const leaveMs = 1_000;
const lagMs = 2_000;

const connection: RedisSettings = {
  ...redisConnection,
  disconnectTimeout: disconnectMs,
  // Where it once was the primary, the name leads to another one now.
  reconnectOnError: ({ message }) => message.startsWith("READONLY"),
};
const waitingConnection: RedisSettings = {
  ...connection,
  commandTimeout: redisConnection.commandTimeout + blockMs,
  socketTimeout: redisConnection.socketTimeout + blockMs,
};

export function createRedisSource(
  flow: string,
  config: RedisSourceConfig,
  { environment }: Pick<SourceParts, "environment">,
): Source {
  const { url_env: urlEnv, group: groupName, from, field, key_field: keyField = null } = config;
  const claimAfterMs = config.claim_after_s * 1_000;
  const renewMs = claimAfterMs / 3;
  const cannot = cannotUseSource(flow);
  const consumer = `${flow}:${randomUUID()}`;
  const closing = new AbortController();
  const { signal } = closing;
  const connections: Redis[] = [];
  const streams = new Map<string, Stream>();
  let closed: Promise<void> | null = null;

  const connect = (options: RedisSettings): Promise<Redis> => {
    signal.throwIfAborted();
    const address = { cannot, variable: urlEnv, environment };
    return connectRedis(address, options, (redis) => connections.push(redis));
  };

  async function openStream(stream: string, redis: Redis, listener: SourceListener): Promise<Stream> {
    const name = { stream, group: groupName, consumer, from };
    const group = createRedisGroup(redis, name);
    try {
      await group.create();
      // Of no entry. A user who may not do that would lose to the others what it works on.
      await group.setIdle(["0-1"], 0);
    } catch (error) {
      const reason = `${cannot}: its group of the stream ${stream} cannot be used: ${messageOf(error)}`;
      throw unusable(isUnavailable(error), reason);
    }
    const held = createHeldEntries();
    const reading = await connect(waitingConnection);
    const shape = { field, keyField };
    const reader = createStreamReader({ flow, name, shape, claimAfterMs, reading, group, held, listener, signal });
    return { held, group, reader, lag: null, renewedMs: performance.now() };
  }

  /** Says from time to time that what is held is worked on. */
  async function keep(): Promise<void> {
    while (!signal.aborted) {
      await Promise.all([...streams.values()].map(lookAfter));
      await pause(Math.min(lagMs, renewMs / 2), signal);
    }
  }

  async function lookAfter(stream: Stream): Promise<void> {
    const nowMs = performance.now();
    const isDue = nowMs - stream.renewedMs >= renewMs;
    // Where Redis is away it is tried again the next time.
    const [renewed, lag] = await Promise.allSettled([
      isDue ? stream.group.setIdle(stream.held.ids, 0) : null,
      stream.group.lag(),
    ]);
    if (isDue && renewed.status === "fulfilled") stream.renewedMs = nowMs;
    stream.lag = lag.status === "fulfilled" ? lag.value : null;
  }

  /** What was not committed is the others' at once. */
  async function leave(): Promise<void> {
    await Promise.all(
      [...streams.values()].map(async ({ group, held }) => {
        await group.setIdle(held.ids, claimAfterMs);
        await group.removeConsumers(Number.MAX_SAFE_INTEGER, "leave");
      }),
    );
  }

  async function end(): Promise<void> {
    closing.abort(new Error("the source is closed"));
    const [redis, ...readers] = connections;
    const ended = readers.map(disconnected);
    await within(leaveMs, null, (late) => abortable(leave(), late)).catch(() => undefined); // the others claim it later
    if (redis !== undefined) ended.push(disconnected(redis));
    await Promise.all(ended);
    streams.clear();
  }

  return {
    async open(listener) {
      try {
        const redis = await connect(connection);
        for (const stream of config.streams) streams.set(stream, await openStream(stream, redis, listener));
        signal.throwIfAborted();
      } catch (error) {
        closed ??= end();
        await closed;
        throw error;
      }
      for (const stream of config.streams) listener.assigned(stream);
      for (const { reader } of streams.values()) void reader.run();
      void keep();
    },
    pause: (partition) => streams.get(partition)?.reader.pause(),
    resume: (partition) => streams.get(partition)?.reader.resume(),
    async commit(partition, nextOffset) {
      const stream = streams.get(partition);
      if (stream === undefined) throw new Error(`stream ${partition} is not read here any more`);
      const ids = stream.held.below(nextOffset);
      await stream.group.acknowledge(ids);
      stream.held.drop(ids);
    },
    waiting: (partition) => streams.get(partition)?.lag ?? null,
    async close() {
      closed ??= end();
      await closed;
    },
  };
}

/** Resolves when its socket is gone. */
async function disconnected(redis: Redis): Promise<void> {
  const isOpen = ["connecting", "connect", "ready"].includes(redis.status);
  const ended = new Promise<void>((resolve) => redis.once("end", resolve));
  redis.disconnect();
  if (isOpen) await within(disconnectMs * 1.5, null, (late) => abortable(ended, late)).catch(() => undefined);
}
