/**
 * The index beside an archive, `<archive>.index`: what the packets themselves do not say, a record of 24 octets for each, little-endian:
 *
 *     f64 arrived, ms since 1970 │ f64 unwrapped sequence count (NaN: as the packets before it tell) │ u32 size │ u32 flags
 *     flags: 1 = conflict (its sequence count was seen before with other bytes), 2 = late (it reached us after the pass)
 */
import { access, open } from "node:fs/promises";
import type { PassArchive } from "../model/pass.ts";

export const indexRecordBytes = 24;
const conflictFlag = 1;
const lateFlag = 2;

export interface PacketFacts {
  readonly arrivedMs: number;
  /** Of a late packet; null: the order of storing tells it. */
  readonly sequence: number | null;
  readonly conflict: boolean;
  readonly late: boolean;
}

/** Of the index of an archive. */
export const indexBytesOf = ({ packets }: PassArchive): number => packets * indexRecordBytes;

export const indexPathOf = (archivePath: string): string => `${archivePath}.index`;

export function writeIndexRecord(into: Uint8Array, sizeBytes: number, facts: PacketFacts): void {
  const view = new DataView(into.buffer, into.byteOffset, indexRecordBytes);
  view.setFloat64(0, facts.arrivedMs, true);
  view.setFloat64(8, facts.sequence ?? Number.NaN, true);
  view.setUint32(16, sizeBytes, true);
  view.setUint32(20, (facts.conflict ? conflictFlag : 0) | (facts.late ? lateFlag : 0), true);
}

function readIndexRecord(view: DataView, at: number): PacketFacts & { readonly sizeBytes: number } {
  const sequence = view.getFloat64(at + 8, true);
  const flags = view.getUint32(at + 20, true);
  return {
    arrivedMs: view.getFloat64(at, true),
    sequence: Number.isNaN(sequence) ? null : sequence,
    sizeBytes: view.getUint32(at + 16, true),
    conflict: (flags & conflictFlag) !== 0,
    late: (flags & lateFlag) !== 0,
  };
}

/** Some packets of an archive: `facts[i]` is of the i-th one of `payload`, which is as a telemetry entry's. */
export interface ArchivedEntry {
  readonly payload: Uint8Array;
  readonly facts: readonly PacketFacts[];
}

const entryPackets = 256;
const entryHeadBytes = 16;
/** Before and after each record in its file. */
const around = { ccsds: [0, 0], json: [0, 1], raw: [4, 0] } as const;

/** The file or its index is not here, or not as it was stored. */
export class ArchiveUnreadableError extends Error {
  override readonly name = "ArchiveUnreadableError";
}

/** Whether packets came after the pass: they are the last ones of its archive. */
export async function endsLate({ path, packets }: PassArchive): Promise<boolean> {
  const index = await opened(indexPathOf(path));
  try {
    const last = await octetsOf(index, (packets - 1) * indexRecordBytes, indexRecordBytes);
    return readIndexRecord(last, 0).late;
  } finally {
    await index.close();
  }
}

/** Reads an archive as it was stored, from the `from`-th packet on, in the shape of telemetry entries. Throws `ArchiveUnreadableError`. */
export async function* readArchive(
  { path, format, packets, sizeBytes }: PassArchive,
  from = 0,
): AsyncGenerator<ArchivedEntry> {
  const [file, index] = [await opened(path), await opened(indexPathOf(path)).catch(() => null)];
  try {
    if (index === null) throw new ArchiveUnreadableError(`${indexPathOf(path)} is not there`);
    const sizes = [(await file.stat()).size, (await index.stat()).size];
    if (sizes[0] !== sizeBytes || sizes[1] !== packets * indexRecordBytes)
      throw new ArchiveUnreadableError(`${path} is not the file that was stored`);
    const [before, after] = around[format];
    let at = 0;
    for (let first = 0; first < packets; ) {
      const isSkipped = first < from;
      const count = Math.min(entryPackets, (isSkipped ? Math.min(from, packets) : packets) - first);
      const records = await octetsOf(index, first * indexRecordBytes, count * indexRecordBytes);
      const facts = Array.from({ length: count }, (_, i) => readIndexRecord(records, i * indexRecordBytes));
      const bytes = facts.reduce((sum, { sizeBytes }) => sum + before + sizeBytes + after, 0);
      first += count;
      if (isSkipped) {
        at += bytes;
        continue;
      }
      const block = await octetsOf(file, at, bytes);
      at += bytes;
      yield { payload: payloadOf(block, facts, before, after), facts };
    }
  } finally {
    await file.close();
    await index?.close();
  }
}

function payloadOf(
  block: DataView,
  facts: readonly (PacketFacts & { readonly sizeBytes: number })[],
  before: number,
  after: number,
): Uint8Array {
  const octets = new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
  const payload = new Uint8Array(block.byteLength + facts.length * (entryHeadBytes - before - after));
  const view = new DataView(payload.buffer);
  let [from, to] = [0, 0];
  for (const { arrivedMs, sizeBytes, conflict } of facts) {
    view.setFloat64(to, arrivedMs, true);
    view.setUint32(to + 8, sizeBytes, true);
    view.setUint32(to + 12, conflict ? conflictFlag : 0, true);
    payload.set(octets.subarray(from + before, from + before + sizeBytes), to + entryHeadBytes);
    from += before + sizeBytes + after;
    to += entryHeadBytes + sizeBytes;
  }
  return payload;
}

async function opened(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new ArchiveUnreadableError(`${path} is not there`, { cause });
  }
}

async function octetsOf(file: Awaited<ReturnType<typeof open>>, at: number, count: number): Promise<DataView> {
  const octets = new Uint8Array(count);
  for (let done = 0; done < count; ) {
    const { bytesRead } = await file.read(octets, done, count - done, at + done);
    if (bytesRead === 0) throw new ArchiveUnreadableError("the archive ends before its index does");
    done += bytesRead;
  }
  return new DataView(octets.buffer);
}

/** Whether a file lies on this node. */
export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
