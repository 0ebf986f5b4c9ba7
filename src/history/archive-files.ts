/** The files of an archived pass, to be removed: only below the archive folder of this node, only the pass's own, the archive itself last. */
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import type { PassId } from "../model/pass.ts";

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
