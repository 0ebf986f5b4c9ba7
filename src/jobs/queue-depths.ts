/**
 * How deep queues are, without counting at each request: a count now and then, at most a twentieth of the time is spent on it,
 * and what this node has added since. What other nodes add in between is not seen, so a depth limit may be passed by as much.
 */
import { countQueues, type QueueDepth } from "../store/queue-depths.ts";
import type { Sql } from "../store/sql.ts";

export interface QueueDepths {
  /** A count of just now; of long queues one that is twenty times as old as it took. */
  read(): Promise<ReadonlyMap<string, QueueDepth>>;
  /** Whether `count` more jobs may wait in the queue. If so they are reserved: call `settle` with what became of them. */
  reserve(queue: string, count: number, depthMax: number): Promise<boolean>;
  settle(queue: string, count: number, wereStored: boolean): void;
}

interface Sample {
  readonly queues: ReadonlyMap<string, QueueDepth>;
  readonly atMs: number;
  readonly tookMs: number;
}

/** A refusal looks again when the count is older than this. */
const recountMs = 250;
const sampleMs = 1000;
/** While a queue is far from its limit it is counted only so often. */
const calmMs = 30_000;
/** Far from it: below a tenth. */
const calmShare = 0.1;
const restShare = 20;

export function createQueueDepths(sql: Sql, monotonicMs: () => number): QueueDepths {
  let sample: Sample | null = null;
  let sampling: Promise<Sample> | null = null;
  /** Stored since the count began. */
  let added = new Map<string, number>();
  /** Asked for and not known to be stored: a count may or may not have seen them. */
  const reserved = new Map<string, number>();

  function count(): Promise<Sample> {
    sampling ??= (async () => {
      const startMs = monotonicMs();
      const before = added;
      added = new Map();
      try {
        const queues = new Map((await countQueues(sql)).map((queue) => [queue.queue, queue]));
        sample = { queues, atMs: monotonicMs(), tookMs: monotonicMs() - startMs };
        return sample;
      } catch (error) {
        for (const [queue, more] of before) added.set(queue, (added.get(queue) ?? 0) + more);
        throw error;
      } finally {
        sampling = null;
      }
    })();
    return sampling;
  }

  const isOlder = ({ atMs, tookMs }: Sample, ms: number): boolean =>
    monotonicMs() - atMs > Math.max(ms, tookMs * restShare);

  const waiting = ({ queues }: Sample, queue: string): number => {
    const counted = queues.get(queue);
    const stored = counted === undefined ? 0 : counted.ready + counted.held + counted.scheduled;
    return stored + (added.get(queue) ?? 0) + (reserved.get(queue) ?? 0);
  };

  return {
    async read() {
      const known = sample;
      return (known === null || isOlder(known, 0) ? await count() : known).queues;
    },
    async reserve(queue, more, depthMax) {
      let known = sample ?? (await count());
      if (waiting(known, queue) + more > depthMax && isOlder(known, recountMs)) known = await count();
      const depth = waiting(known, queue) + more;
      if (depth > depthMax) return false;
      const isCalm = depth < depthMax * calmShare;
      // Nobody waits for it, and what it finds out later is not lost.
      if (isOlder(known, isCalm ? calmMs : sampleMs)) count().catch(() => undefined);
      reserved.set(queue, (reserved.get(queue) ?? 0) + more);
      return true;
    },
    settle(queue, more, wereStored) {
      const left = (reserved.get(queue) ?? 0) - more;
      if (left > 0) reserved.set(queue, left);
      else reserved.delete(queue);
      if (wereStored) added.set(queue, (added.get(queue) ?? 0) + more);
    },
  };
}
