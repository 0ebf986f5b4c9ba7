/** Reads every template of a folder when a node starts. One that cannot be used refuses the start. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { SetupError } from "../model/errors.ts";
import { type ReadOptions, readTemplate } from "./read.ts";
import type { Template } from "./templates.ts";
import { sourceBytesMax } from "./yaml-source.ts";

const filesMax = 1000;

export interface FolderTemplate {
  readonly template: Template;
  readonly source: string;
  readonly path: string;
}

/** Reads `*.yaml`, `*.yml` and `*.json` of `dir`; null: there are none. Throws `SetupError` naming file, line and column. */
export async function readFolder(dir: string | null, computes: ReadOptions["computes"]): Promise<FolderTemplate[]> {
  if (dir === null) return [];
  const files = await readdir(dir).catch((error: Error) => {
    throw new SetupError(`Cannot read the folder of templates ${dir}: ${error.message}`);
  });
  const names = files.filter((file) => /\.(ya?ml|json)$/.test(file)).sort();
  if (names.length > filesMax)
    throw new SetupError(`${dir} holds ${names.length} templates: at most ${filesMax} are taken`);
  const templates = new Map<string, FolderTemplate>();
  for (const file of names) {
    const path = join(dir, file);
    const { size } = await stat(path);
    if (size > sourceBytesMax)
      throw new SetupError(`${path} has ${size} bytes: a template has at most ${sourceBytesMax}`);
    const source = await readFile(path, "utf8");
    const template = readTemplate({ text: source, path, fallbackId: basename(file, extname(file)) }, { computes });
    const before = templates.get(template.id);
    if (before) throw new SetupError(`${path}: the template "${template.id}" is in ${before.path} too`);
    templates.set(template.id, { template, source, path });
  }
  return [...templates.values()];
}
