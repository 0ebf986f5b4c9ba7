/** Writes one file of a product: whole or not at all, with its size and checksum for the passback. */
import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { basename } from "node:path";

export interface WrittenFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const blockCharacters = 1024 * 1024;

/** Writes text as it comes. Doing it again replaces the file, so that a second attempt leaves nothing of the first. */
export async function writeProduct(
  path: string,
  parts: Iterable<string> | AsyncIterable<string>,
): Promise<WrittenFile> {
  const draft = `${path}.part`;
  const digest = createHash("sha256");
  const file = await open(draft, "w");
  let bytes = 0;
  let waiting = "";
  const flush = async () => {
    const block = Buffer.from(waiting);
    waiting = "";
    digest.update(block);
    bytes += block.length;
    await file.writeFile(block);
  };
  try {
    for await (const part of parts) {
      waiting += part;
      if (waiting.length >= blockCharacters) await flush();
    }
    await flush();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return { name: basename(path), path, bytes, sha256: digest.digest("hex") };
}
