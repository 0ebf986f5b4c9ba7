/**
 * The archive of a pass: one file of everything that it stored, in the order of storing, for its products and for ever.
 * `.ccsds`: packets back to back. `.jsonl`: an object a line. `.raw`: before each record its size, four octets, big-endian.
 * What these do not say of a packet (when it arrived, say) is in the index beside it: archive-index.ts.
 */
import { createHash } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { PassArchive, ShipFormat } from "../model/pass.ts";
import { indexPathOf, indexRecordBytes, type PacketFacts, writeIndexRecord } from "./archive-index.ts";
import { placesOf } from "./entry.ts";
import type { StreamName, Telemetry } from "./telemetry.ts";

export interface ArchiveOrder {
  readonly dataDir: string;
  readonly stream: StreamName;
  readonly format: ShipFormat;
}

const suffixes = { ccsds: "ccsds", json: "jsonl", raw: "raw" } satisfies Record<ShipFormat, string>;
const writeBytes = 1024 * 1024;
const newline = 0x0a;

/** Where a ship's archives lie. */
export const archiveFolder = (dataDir: string, ship: string): string => join(dataDir, "archive", ship);

/** An archive's path without its suffix: what lies beside it is named so. */
export const stemOf = ({ path }: Pick<PassArchive, "path">): string => path.slice(0, -extname(path).length);

/** `name` without a suffix. */
export const archivePath = (folder: string, name: string, format: ShipFormat): string =>
  join(folder, `${name}.${suffixes[format]}`);

/** Writes the file anew, whole or not at all: doing it twice makes the same one. */
export async function writeArchive(
  telemetry: Telemetry,
  { dataDir, stream, format }: ArchiveOrder,
): Promise<PassArchive> {
  const folder = archiveFolder(dataDir, stream.ship);
  await mkdir(folder, { recursive: true });
  const path = archivePath(folder, stream.passId, format);
  const draft = `${path}.${stream.token}.part`;
  const writer = await ArchiveWriter.open(draft, format);
  try {
    for await (const { payload } of telemetry.read(stream)) {
      for (const { start, sizeBytes, arrivedMs, conflict } of placesOf(payload)) {
        const facts = { arrivedMs, sequence: null, conflict, late: false };
        await writer.add(payload.subarray(start, start + sizeBytes), facts);
      }
    }
  } finally {
    await writer.close();
  }
  await rename(indexPathOf(draft), indexPathOf(path));
  await rename(draft, path);
  await syncFolder(path);
  return { ...writer.archive(), path };
}

/** Blocks of a file, gathered and written one after the other. */
class BlockFile {
  readonly #file: Awaited<ReturnType<typeof open>>;
  readonly #digest = createHash("sha256");
  #block = new Uint8Array(writeBytes);
  #used = 0;
  sizeBytes = 0;

  constructor(file: Awaited<ReturnType<typeof open>>) {
    this.#file = file;
  }

  /** Room for so many octets, to be filled before the next call. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#used + count > this.#block.length) await this.#flush();
    if (count > this.#block.length) this.#block = new Uint8Array(count);
    this.#used += count;
    this.sizeBytes += count;
    return this.#block.subarray(this.#used - count, this.#used);
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  sha256(): string {
    return this.#digest.digest("hex");
  }

  async #flush(): Promise<void> {
    const part = this.#block.subarray(0, this.#used);
    this.#digest.update(part);
    this.#used = 0;
    await this.#file.writeFile(part);
  }
}

/** Writes an archive and its index, both under the names that they are given: whoever wants them whole renames them, or names them afterwards. */
export class ArchiveWriter {
  readonly #path: string;
  readonly #format: ShipFormat;
  readonly #packets: BlockFile;
  readonly #index: BlockFile;
  #count = 0;

  private constructor(path: string, format: ShipFormat, packets: BlockFile, index: BlockFile) {
    this.#path = path;
    this.#format = format;
    this.#packets = packets;
    this.#index = index;
  }

  static async open(path: string, format: ShipFormat): Promise<ArchiveWriter> {
    const index = new BlockFile(await open(indexPathOf(path), "w"));
    return new ArchiveWriter(path, format, new BlockFile(await open(path, "w")), index);
  }

  async add(packet: Uint8Array, facts: PacketFacts): Promise<void> {
    const before = this.#format === "raw" ? 4 : 0;
    const after = this.#format === "json" ? 1 : 0;
    const place = await this.#packets.take(before + packet.length + after);
    place.set(packet, before);
    if (before > 0) new DataView(place.buffer, place.byteOffset).setUint32(0, packet.length);
    if (after > 0) {
      onOneLine(place.subarray(0, packet.length));
      place[packet.length] = newline;
    }
    writeIndexRecord(await this.#index.take(indexRecordBytes), packet.length, facts);
    this.#count += 1;
  }

  /** On the disk when this resolves. */
  async close(): Promise<void> {
    await this.#index.close();
    await this.#packets.close();
  }

  /** Once it is closed. */
  archive(): PassArchive {
    const { sizeBytes } = this.#packets;
    return { path: this.#path, format: this.#format, sha256: this.#packets.sha256(), sizeBytes, packets: this.#count };
  }
}

/** The packet definition beside the archive, so that products can decode it without asking us. Returns its path. */
export async function writeDefinition(archivePath: string, definition: string): Promise<string> {
  const path = definitionPathOf(archivePath);
  const file = await open(path, "w");
  try {
    await file.writeFile(definition);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

export const definitionPathOf = (archivePath: string): string => `${archivePath}.definition.json`;

/** So that a power cut does not take a file's name back. Where folders cannot be told so, nothing is lost but that. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r").catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** Within JSON a line break is white space between tokens, never a part of a text. */
function onOneLine(json: Uint8Array): void {
  for (let i = 0; i < json.length; i++) if (json[i] === newline || json[i] === 0x0d) json[i] = 0x20;
}
