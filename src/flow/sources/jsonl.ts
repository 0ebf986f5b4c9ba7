/**
 * Reads the lines of `*.jsonl` files in a folder, also of those that grow. A file is a partition, read by one node at a time; a line's id is the byte
 * at which it begins. Files are only ever added and appended to: one that is shorter than what was read of it fails its partition.
 */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { messageOf } from "../../compute/function.ts";
import { SetupError } from "../../model/errors.ts";
import type { Source, SourceListener } from "../source.ts";
import { createFileReader, type FileReader } from "./file-reader.ts";
import { createLeasedReaders } from "./leased-readers.ts";
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

export function createJsonlSource(
  flow: string,
  { folder: asWritten, poll_s: pollS, files: filesMax }: JsonlSourceConfig,
  parts: SourceParts,
): Source {
  const folder = resolve(parts.configDir, asWritten);
  /** Sizes up to which files are known to be done with: they are not asked for again until they grow. */
  const doneBytes = new Map<string, number>();
  const held = createLeasedReaders<FileReader>(flow, parts, {
    pollMs: pollS * 1000,
    async prepare() {
      await names().catch((error: unknown) => {
        throw new SetupError(`${cannotUseSource(flow)}: cannot read the folder ${folder}: ${messageOf(error)}`);
      });
    },
    look,
  });

  async function names(): Promise<string[]> {
    return (await readdir(folder)).filter((name) => name.endsWith(".jsonl") && !name.startsWith("."));
  }

  async function sizes(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const name of (await names()).sort()) {
      const entry = await stat(join(folder, name)).catch(() => null); // gone meanwhile
      if (entry?.isFile()) found.set(name, entry.size);
    }
    return found;
  }

  const room = () => filesMax - [...held.readers.values()].filter((reader) => !reader.hasFailed).length;

  async function look(listener: SourceListener): Promise<void> {
    const found = await sizes();
    for (const [name, reader] of held.readers) reader.sizeIs(found.get(name) ?? null);
    await held.commitLeftOut();
    const unread = await unreadOf(found);
    if (unread.length > room()) await giveUpDone();
    const taken: [FileReader, number | null][] = [];
    await held.take(unread, room(), ({ partition, nextOffset }) => {
      const path = join(folder, partition);
      const reader = createFileReader({ flow, name: partition, path, start: nextOffset, listener });
      taken.push([reader, found.get(partition) ?? null]);
      return reader;
    });
    // Not before they are assigned: what is read is handed over.
    for (const [reader, sizeBytes] of taken) reader.sizeIs(sizeBytes);
  }

  async function unreadOf(found: ReadonlyMap<string, number>): Promise<string[]> {
    const isKnown = (name: string) => held.readers.has(name) || found.get(name) === (doneBytes.get(name) ?? 0);
    const grown = [...found.keys()].filter((name) => !isKnown(name));
    const offsets = await held.offsets(grown);
    return grown.filter((name) => {
      const isUnread = found.get(name) !== (offsets.get(name) ?? 0);
      if (!isUnread) doneBytes.set(name, found.get(name) ?? 0);
      return isUnread;
    });
  }

  /** Makes room for files that wait. */
  async function giveUpDone(): Promise<void> {
    for (const [name, reader] of held.readers) {
      if (!reader.isDone) continue;
      doneBytes.set(name, reader.progress.next);
      await held.giveUp(name);
    }
  }

  return held.source;
}
