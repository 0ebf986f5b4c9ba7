/** The first start of the embedded store: unpacks a directory that was initialized beforehand, as initdb takes seconds and 1 GB. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { prebuiltDirectory } from "./pglite-assets.ts";

/** Does nothing when it is there. A crash half-way leaves no half directory: it is renamed when whole. */
export async function ensureDataDirectory(directory: string): Promise<void> {
  if (existsSync(join(directory, "PG_VERSION"))) return;
  const unpacked = `${directory}.new`;
  await rm(unpacked, { recursive: true, force: true });
  unpack(await promisify(brotliDecompress)(await prebuiltDirectory()), unpacked);
  await rm(directory, { recursive: true, force: true });
  await rename(unpacked, directory);
}

/**
 * Reads a ustar archive: blocks of 512 bytes, a header and then the file. At once, as nothing else runs yet: a thousand small files
 * take 0.1 s so, and 0.5 s one promise at a time.
 */
function unpack(tar: Uint8Array, into: string): void {
  mkdirSync(into, { recursive: true, mode: 0o700 });
  const made = new Set([into]);
  const text = new TextDecoder();
  const field = (start: number, length: number) =>
    text.decode(tar.subarray(start, start + length)).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = field(at, 100);
    if (name === "") break;
    const path = join(into, field(at + 345, 155), name);
    const sizeBytes = Number.parseInt(field(at + 124, 12), 8) || 0;
    const folder = field(at + 156, 1) === "5" ? path : dirname(path);
    if (!made.has(folder)) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      made.add(folder);
    }
    if (folder !== path) writeFileSync(path, tar.subarray(at + 512, at + 512 + sizeBytes), { mode: 0o600 });
    at += 512 + Math.ceil(sizeBytes / 512) * 512;
  }
}
