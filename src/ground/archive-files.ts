/** The files of a pass in the archive's folder: `<pass>.*`, those of an addition `<pass>.late-<id>.*`, those of a replay `<pass>.replay-<id>.*`. */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PassArchive, PassId } from "../model/pass.ts";

/** Removes what `isOld` says of their stem, the path up to the suffix. Replays' files are never old. */
export async function removeArchives(
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
