/** Which files flows write: each by one sink alone, and none into the folder that the same flow reads. */
import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { SetupError } from "../model/errors.ts";
import type { FlowFile } from "./flow-file.ts";

/** `dir`: where relative paths of the flow start. */
export interface Written {
  readonly file: FlowFile;
  readonly dir: string;
}

/** Throws `SetupError`: two would write into each other's lines and rotate each other's file, and a flow would read what it wrote for ever. */
export function requireOwnFiles(flows: readonly Written[]): void {
  const writers = new Map<string, string>();
  for (const { file, dir } of flows) {
    const inbox = file.source.kind === "jsonl" ? realPath(resolve(dir, file.source.folder)) : null;
    for (const [sink, { config }] of file.sinks) {
      if (config.kind !== "jsonl") continue;
      const folder = realPath(resolve(dir, config.folder));
      if (folder === inbox)
        throw new SetupError(
          `Cannot use sink "${sink}" of flow "${file.id}": it would write into ${folder}, which the flow reads: give it another folder`,
        );
      const path = join(folder, `${config.name ?? sink}.jsonl`);
      const before = writers.get(path);
      if (before !== undefined)
        throw new SetupError(
          `Cannot use sink "${sink}" of flow "${file.id}": ${before} writes ${path} too: give it another name or folder`,
        );
      writers.set(path, `sink "${sink}" of flow "${file.id}"`);
    }
  }
}

/** Links followed as far as the path exists: the folder may be made later. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
