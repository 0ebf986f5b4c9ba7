/**
 * Reads the lines of `*.jsonl` files in a folder, also of those that grow. A file is a partition, read by one node at a time; a line's id is the byte
 * at which it begins. Files are only ever added and appended to: one that is shorter than what was read of it fails its partition.
 */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { messageOf } from "../../compute/function.ts";
import { pause } from "../../jobs/backoff.ts";
import { SetupError } from "../../model/errors.ts";
import type { Source, SourceListener } from "../source.ts";
import { createFileReader, type FileReader } from "./file-reader.ts";
import { createPartitionLeases, renewMs } from "./partition-leases.ts";
import { cannotUseSource, type SourceParts } from "./setup.ts";

export const jsonlSource = v.strictObject({
  kind: v.literal("jsonl"),
  folder: v.pipe(v.string(), v.nonEmpty()),
  /** How often the folder is looked through. */
  poll_s: v.optional(v.pipe(v.number(), v.minValue(0.05), v.maxValue(3600)), 1),
  /** That one node reads at once. */
  files: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)), 16),
});

export type JsonlSourceConfig = v.InferOutput<typeof jsonlSource>;

const revokeMs = 5_000;

export function createJsonlSource(
  flow: string,
  { folder: asWritten, poll_s: pollS, files: filesMax }: JsonlSourceConfig,
  parts: SourceParts,
): Source {
  const folder = resolve(parts.configDir, asWritten);
  const leases = createPartitionLeases(flow, parts);
  const closing = new AbortController();
  const readers = new Map<string, FileReader>();
  /** Sizes up to which files are known to be done with: they are not asked for again until they grow. */
  const doneBytes = new Map<string, number>();
  let running: Promise<void> = Promise.resolve();
  let renewedMs = performance.now();

  const names = async () => (await readdir(folder)).filter((name) => name.endsWith(".jsonl") && !name.startsWith("."));

  async function sizes(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const name of (await names()).sort()) {
      const entry = await stat(join(folder, name)).catch(() => null); // gone meanwhile
      if (entry?.isFile()) found.set(name, entry.size);
    }
    return found;
  }

  const room = () => filesMax - [...readers.values()].filter((reader) => !reader.hasFailed).length;

  async function look(listener: SourceListener): Promise<void> {
    if (performance.now() - renewedMs >= renewMs) await renew(listener);
    const found = await sizes();
    for (const [name, reader] of readers) reader.sizeIs(found.get(name) ?? null);
    const grown = [...found.keys()].filter(
      (name) => !readers.has(name) && found.get(name) !== (doneBytes.get(name) ?? 0),
    );
    const offsets = await leases.offsets(grown);
    const unread = grown.filter((name) => found.get(name) !== (offsets.get(name) ?? 0));
    for (const name of grown) if (!unread.includes(name)) doneBytes.set(name, found.get(name) ?? 0);
    if (unread.length > room()) await giveUpDone(listener);
    for (const { partition, nextOffset } of await leases.take(unread, room())) {
      const path = join(folder, partition);
      const reader = createFileReader({ flow, name: partition, path, start: nextOffset, listener });
      readers.set(partition, reader);
      listener.assigned(partition);
      reader.sizeIs(found.get(partition) ?? null);
    }
  }

  async function renew(listener: SourceListener): Promise<void> {
    renewedMs = performance.now();
    await Promise.all((await leases.renew()).map((partition) => lose(partition, listener)));
  }

  /** Makes room for files that wait. */
  async function giveUpDone(listener: SourceListener): Promise<void> {
    for (const [name, reader] of readers) {
      if (!reader.isDone) continue;
      doneBytes.set(name, reader.nextByte);
      await lose(name, listener);
      await leases.release([name]);
    }
  }

  async function lose(partition: string, listener: SourceListener): Promise<void> {
    await readers.get(partition)?.close();
    readers.delete(partition);
    await Promise.race([listener.revoked(partition), pause(revokeMs, closing.signal)]);
  }

  async function run(listener: SourceListener): Promise<void> {
    while (!closing.signal.aborted) {
      await look(listener).catch((error: unknown) =>
        parts.log.warn(
          { err: error, flow, folder },
          "the folder of a flow could not be looked through: it is tried again",
        ),
      );
      await pause(pollS * 1000, closing.signal);
    }
  }

  return {
    async open(listener) {
      await names().catch((error: unknown) => {
        throw new SetupError(`${cannotUseSource(flow)}: cannot read the folder ${folder}: ${messageOf(error)}`);
      });
      running = run(listener);
    },
    pause: (partition) => readers.get(partition)?.pause(),
    resume: (partition) => readers.get(partition)?.resume(),
    async commit(partition, nextOffset) {
      const reader = readers.get(partition);
      if (reader === undefined) throw new Error(`partition ${partition} is not read here any more`);
      const nextByte = reader.endOf(nextOffset);
      await leases.commit(partition, nextByte);
      reader.committed(nextByte);
    },
    waiting: () => null,
    async close() {
      closing.abort();
      await running;
      await Promise.all([...readers.values()].map((reader) => reader.close()));
      readers.clear();
      await leases.release(leases.held).catch(() => undefined); // they end by themselves
    },
  };
}
