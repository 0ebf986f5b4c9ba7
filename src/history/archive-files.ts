/**
 * The files of an archived pass: `<pass>.*`, those of an addition `<pass>.late-<id>.*`, those of a replay `<pass>.replay-<id>.*`. What
 * they hold together, and how they go: only below the archive folder of this node, only the pass's own, the archive itself last.
 */
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import type { DecodedPass, PassArchive, PassId } from "../model/pass.ts";
import { indexBytesOf } from "../telemetry/archive-index.ts";

/** But for the list of checksums: a few lines. */
export function keptBytesOf(archive: PassArchive, decoded: DecodedPass | null, definition: string | null): number {
  const files = decoded === null ? [archive] : [archive, decoded.history, decoded.csv, decoded.parquet];
  const besides = indexBytesOf(archive) + Buffer.byteLength(definition ?? "");
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, besides);
}

/**
 * Whether the archive at `path`, as the store has it, is this node's to remove: it is there, under the pass's name, and below the
 * archive folder wherever links lead. Not so: it is another node's, or somebody has moved it.
 */
export async function isArchiveHere(dataDir: string, passId: PassId, path: string): Promise<boolean> {
  if (!basename(path).startsWith(`${passId}.`)) return false;
  try {
    const [root, real] = await Promise.all([realpath(join(dataDir, "archive")), realpath(path)]);
    return real.startsWith(root + sep) && basename(real) === basename(path) && (await stat(real)).isFile();
  } catch {
    return false; // not there, or not ours to read
  }
}

/** Call only with what `isArchiveHere`. Doing it again after a stop in the middle ends what was begun. */
export async function removeArchive(passId: PassId, path: string): Promise<void> {
  const folder = await realpath(dirname(path));
  const own = basename(path);
  const others = (await readdir(folder)).filter((name) => name.startsWith(`${passId}.`) && name !== own);
  // Not recursive: nothing of ours is a folder.
  for (const name of [...others, own]) await rm(join(folder, name), { force: true });
}

/** Removes those of a pass whose stem, the path up to the suffix, `isOld`. Replays' files are never old. */
export async function removeOlder(
  { passId, archive }: { readonly passId: PassId; readonly archive: PassArchive },
  isOld: (stem: string) => boolean,
): Promise<void> {
  const folder = dirname(archive.path);
  for (const name of await readdir(folder)) {
    const stem = ownStem.exec(name)?.[1];
    if (stem?.startsWith(passId) && isOld(join(folder, stem))) await rm(join(folder, name), { force: true });
  }
}

const ownStem = /^([0-9a-f-]{36}(?:\.late-[0-9a-f]{12})?)\.(?!late-|replay-)/;
