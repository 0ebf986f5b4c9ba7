/**
 * What sources of ours have in common that read leased partitions: looks around for them, renews what is held, gives up what is done or lost, and
 * commits at the places that the readers know.
 */
import { pause } from "../../jobs/backoff.ts";
import type { HeldPartition } from "../../store/flow-partitions.ts";
import type { Source, SourceListener } from "../source.ts";
import { createPartitionLeases, renewMs } from "./partition-leases.ts";
import type { Progress } from "./progress.ts";
import type { SourceParts } from "./setup.ts";

export interface PartitionReader {
  readonly progress: Progress;
  readonly hasFailed: boolean;
  /** See `Source`. */
  readonly waiting: number | null;
  pause(): void;
  resume(): void;
  /** Nothing is handed over any more once it is called; resolves when nothing is under way. */
  close(): Promise<void>;
}

export interface LeasedReaders<Reader extends PartitionReader> {
  readonly readers: ReadonlyMap<string, Reader>;
  /** Of these partitions, none of which is held, at most so many. */
  take(partitions: readonly string[], countMax: number, read: (held: HeldPartition) => Reader): Promise<void>;
  /** Another node may have it at once. `end`: where it is committed, for good. */
  giveUp(partition: string, end?: number): Promise<void>;
  /** How far these partitions are, by what is committed; those that nobody has read yet are left out. */
  offsets(partitions: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** What readers looked at and left out behind the last message. */
  commitLeftOut(): Promise<void>;
  readonly source: Source;
}

export interface LeasedReadersParts {
  readonly pollMs: number;
  /** Before the first look. Throws `SetupError`. */
  prepare(): Promise<void>;
  /** Each `pollMs`, one after the other. What it throws is told, and the next one tries again. */
  look(listener: SourceListener): Promise<void>;
}

const revokeMs = 5_000;

export function createLeasedReaders<Reader extends PartitionReader>(
  flow: string,
  parts: SourceParts,
  { pollMs, prepare, look }: LeasedReadersParts,
): LeasedReaders<Reader> {
  const leases = createPartitionLeases(flow, parts);
  const closing = new AbortController();
  const readers = new Map<string, Reader>();
  let listener: SourceListener | null = null;
  let running: Promise<void> = Promise.resolve();
  let renewedMs = performance.now();

  async function renew(): Promise<void> {
    if (performance.now() - renewedMs < renewMs) return;
    renewedMs = performance.now();
    await Promise.all(
      (await leases.renew()).map(async (partition) => {
        const reader = readers.get(partition);
        // At once: nothing of it may be committed any more.
        readers.delete(partition);
        await reader?.close();
        await revoked(partition);
      }),
    );
  }

  async function revoked(partition: string): Promise<void> {
    if (listener !== null) await Promise.race([listener.revoked(partition), pause(revokeMs, closing.signal)]);
  }

  async function run(given: SourceListener): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await renew();
        await look(given);
      } catch (error) {
        parts.log.warn({ err: error, flow }, "the source of a flow could not be looked at: it is tried again");
      }
      await pause(pollMs, closing.signal);
    }
  }

  async function commit(partition: string, reader: Reader, nextOffset: number): Promise<void> {
    const point = reader.progress.pointOf(nextOffset);
    await leases.commit(partition, point);
    reader.progress.committed(point);
  }

  return {
    readers,
    async take(partitions, countMax, read) {
      for (const held of await leases.take(partitions, countMax)) {
        readers.set(held.partition, read(held));
        listener?.assigned(held.partition);
      }
    },
    offsets: leases.offsets,
    async giveUp(partition, end) {
      const reader = readers.get(partition);
      if (end !== undefined) {
        await leases.commit(partition, end);
        reader?.progress.lookedAt(end); // no commit goes behind it any more
      }
      await reader?.close();
      await revoked(partition);
      readers.delete(partition);
      await leases.release([partition]);
    },
    async commitLeftOut() {
      for (const [partition, reader] of readers)
        if (reader.progress.isBehind && !reader.hasFailed) await commit(partition, reader, reader.progress.next);
    },
    source: {
      async open(given) {
        await prepare();
        listener = given;
        running = run(given);
      },
      pause: (partition) => readers.get(partition)?.pause(),
      resume: (partition) => readers.get(partition)?.resume(),
      async commit(partition, nextOffset) {
        const reader = readers.get(partition);
        if (reader === undefined) throw new Error(`partition ${partition} is not read here any more`);
        await commit(partition, reader, nextOffset);
      },
      waiting: (partition) => readers.get(partition)?.waiting ?? null,
      async close() {
        closing.abort();
        await running;
        await Promise.all([...readers.values()].map((reader) => reader.close()));
        readers.clear();
        await leases.release(leases.held).catch(() => undefined); // they end by themselves
      },
    },
  };
}
