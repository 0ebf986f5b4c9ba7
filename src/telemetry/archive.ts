/**
 * The archive of a pass: one file of everything that it stored, in the order of storing, for its products and for ever.
 * `.ccsds`: packets back to back. `.jsonl`: an object a line. `.raw`: before each record its size, four octets, big-endian.
 */
import { createHash } from "node:crypto";
import { mkdir, open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PassArchive, ShipFormat } from "../model/pass.ts";
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

/** Writes the file anew, whole or not at all: doing it twice makes the same one. */
export async function writeArchive(
  telemetry: Telemetry,
  { dataDir, stream, format }: ArchiveOrder,
): Promise<PassArchive> {
  const folder = join(dataDir, "archive", stream.ship);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${stream.passId}.${suffixes[format]}`);
  const draft = `${path}.${stream.token}.part`;
  const file = await open(draft, "w");
  const digest = createHash("sha256");
  let packets = 0;
  let sizeBytes = 0;
  try {
    let block = new Uint8Array(writeBytes);
    let used = 0;
    const flush = async () => {
      const part = block.subarray(0, used);
      digest.update(part);
      sizeBytes += used;
      await file.writeFile(part);
      used = 0;
    };
    for await (const entry of telemetry.read(stream)) {
      for (const place of placesOf(entry.payload)) {
        const extra = format === "ccsds" ? 0 : format === "json" ? 1 : 4;
        if (used + place.sizeBytes + extra > block.length) await flush();
        if (place.sizeBytes + extra > block.length) block = new Uint8Array(place.sizeBytes + extra);
        if (format === "raw") {
          new DataView(block.buffer).setUint32(used, place.sizeBytes);
          used += 4;
        }
        const record = block.subarray(used, used + place.sizeBytes);
        record.set(entry.payload.subarray(place.start, place.start + place.sizeBytes));
        used += place.sizeBytes;
        if (format === "json") {
          onOneLine(record);
          block[used++] = newline;
        }
        packets += 1;
      }
    }
    await flush();
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return { path, format, sha256: digest.digest("hex"), sizeBytes, packets };
}

/** The packet definition beside the archive, so that products can decode it without asking us. Returns its path. */
export async function writeDefinition(archivePath: string, definition: string): Promise<string> {
  const path = `${archivePath}.definition.json`;
  await writeFile(path, definition);
  return path;
}

/** Within JSON a line break is white space between tokens, never a part of a text. */
function onOneLine(json: Uint8Array): void {
  for (let i = 0; i < json.length; i++) if (json[i] === newline || json[i] === 0x0d) json[i] = 0x20;
}
