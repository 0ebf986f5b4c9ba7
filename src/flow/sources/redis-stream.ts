/**
 * Reads one stream as a consumer of its group, on a connection of its own, as one that waits for entries answers nothing else. What it reads next,
 * in this order: after trouble what Redis gave it and it never got; from time to time what consumers that died have left; what is new.
 */
import type { Redis } from "ioredis";
import { createBackoff } from "../../jobs/backoff.ts";
import { isUnavailable } from "../../telemetry/redis-keys.ts";
import type { Message } from "../message.ts";
import type { SourceListener } from "../source.ts";
import type { HeldEntries } from "./held-entries.ts";
import { contentOf, type EntryShape, type Fields } from "./redis-entry.ts";
import type { RedisGroup, RedisGroupName } from "./redis-group.ts";

export interface StreamReader {
  pause(): void;
  resume(): void;
  /** Reads until the signal aborts or the partition has failed. Never rejects. */
  run(): Promise<void>;
}

export interface StreamReaderParts {
  readonly flow: string;
  readonly name: RedisGroupName;
  readonly shape: EntryShape;
  readonly claimAfterMs: number;
  readonly reading: Redis;
  readonly group: RedisGroup;
  readonly held: HeldEntries;
  readonly listener: Pick<SourceListener, "messages" | "failed">;
  readonly signal: AbortSignal;
}

/** An entry that was deleted while it was pending has no fields. */
type Entry = readonly [id: Buffer, fields: Fields | null];

/** How long Redis may wait for an entry before it answers that there is none. */
export const blockMs = 1_000;
const entriesMax = 256;
/** What an answer may hold, if its entries are as large as those of the one before. */
const answerBytesMax = 4 * 1024 * 1024;
/** A consumer with nothing pending is removed when it has been idle for so many times `claimAfterMs`. */
const idleClaims = 3;
const none: ReadonlySet<string> = new Set();

export function createStreamReader(parts: StreamReaderParts): StreamReader {
  const { flow, shape, claimAfterMs, reading, group, held, listener, signal } = parts;
  const { stream, group: groupName, consumer } = parts.name;
  let isPaused = false;
  let wake = () => {};
  /** What came although the partition had been paused meanwhile: one answer at most. */
  const kept: Message[] = [];
  let countMax = 16;
  let lacksGroup = false;
  /** Behind this id our own entries are looked through; null: they need not be. */
  let ownAfter: string | null = null;
  let claimFrom = "0-0";
  let claimAtMs = 0;

  const unpaused = (): Promise<void> =>
    new Promise((resolve) => {
      if (!isPaused || signal.aborted) return resolve();
      wake = resolve;
    });

  async function readNext(): Promise<void> {
    if (kept.length > 0) return give(kept.splice(0));
    if (lacksGroup) await group.create();
    lacksGroup = false;
    if (ownAfter !== null) await readOwn(ownAfter);
    else if (performance.now() >= claimAtMs) await claim();
    else await readNew();
  }

  async function readNew(): Promise<void> {
    const waitMs = Math.max(1, Math.min(blockMs, Math.ceil(claimAtMs - performance.now())));
    const answer = await reading.xreadgroupBuffer(
      ...(["GROUP", groupName, consumer, "COUNT", countMax, "BLOCK", waitMs, "STREAMS", stream, ">"] as const),
    );
    take(entriesOf(answer));
  }

  async function readOwn(after: string): Promise<void> {
    const known = new Set(held.ids);
    const answer = await reading.xreadgroupBuffer(
      ...(["GROUP", groupName, consumer, "COUNT", countMax, "STREAMS", stream, after] as const),
    );
    const entries = entriesOf(answer);
    const last = entries.at(-1);
    const deleted = entries.filter(([, fields]) => fields === null).map(([id]) => id.toString());
    await group.acknowledge(deleted.filter((id) => !known.has(id)));
    ownAfter = last === undefined ? null : last[0].toString();
    take(entries, known);
  }

  async function claim(): Promise<void> {
    const known = new Set(held.ids);
    const idleMs = Math.ceil(claimAfterMs);
    // The next id, entries, and from Redis 7 on ids of deleted entries, which are not pending any more.
    const [next, entries] = (await reading.callBuffer(
      "XAUTOCLAIM",
      ...([stream, groupName, consumer, idleMs, claimFrom, "COUNT", countMax] as const),
    )) as readonly [Buffer, readonly (Entry | null)[]];
    claimFrom = next.toString();
    if (claimFrom === "0-0") {
      claimAtMs = performance.now() + claimAfterMs / 3;
      void group.removeConsumers(claimAfterMs * idleClaims).catch(() => undefined); // the next time will do
    }
    const found = entries.filter((entry) => entry !== null);
    // Before Redis 7 a deleted one is ours now, and has not even its id here.
    if (found.length < entries.length) ownAfter = "0";
    take(found, known);
  }

  /** `known`: what was held when it was asked for. It may have been acknowledged since, and is not to come again. */
  function take(entries: readonly Entry[], known = none): void {
    const messages: Message[] = [];
    let sizeBytes = 0;
    for (const [idBytes, fields] of entries) {
      const id = idBytes.toString();
      const offset = fields === null || known.has(id) ? null : held.take(id);
      if (fields === null || offset === null) continue;
      for (const bytes of fields) sizeBytes += bytes.length;
      messages.push({ flow, partition: stream, id, offset, ...contentOf(id, fields, shape) });
    }
    const meanBytes = sizeBytes / messages.length;
    if (meanBytes > 0)
      countMax = Math.max(1, Math.min(entriesMax, countMax * 2, Math.floor(answerBytesMax / meanBytes)));
    give(messages);
  }

  function give(messages: readonly Message[]): void {
    if (messages.length === 0 || signal.aborted) return;
    if (isPaused) kept.push(...messages);
    else listener.messages(stream, messages);
  }

  return {
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      wake();
    },
    async run() {
      const backoff = createBackoff(50, 1_000);
      signal.addEventListener("abort", () => wake(), { once: true });
      while (!signal.aborted) {
        await unpaused();
        if (signal.aborted) return;
        try {
          await readNext();
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          const reason = error instanceof Error ? error : new Error(String(error));
          if (isLasting(reason)) return listener.failed(stream, reason);
          lacksGroup = reason.message.startsWith("NOGROUP");
          // The answer may be lost, and what it gave us with it.
          ownAfter = "0";
          // It may have been too large to come in time.
          countMax = 1;
          // The others could not say that they are alive either.
          claimFrom = "0-0";
          claimAtMs = performance.now() + claimAfterMs;
          await backoff.wait(signal);
        }
      }
    },
  };
}

/** Of the one stream that was asked for; null when it has none. */
const entriesOf = (answer: readonly (readonly [Buffer, readonly Entry[]])[] | null): readonly Entry[] =>
  answer?.[0]?.[1] ?? [];

/** True: there is no use in trying again. */
const isLasting = (error: Error): boolean =>
  error.name === "ReplyError" ? /^(WRONGTYPE|NOPERM)/.test(error.message) : !isUnavailable(error);
