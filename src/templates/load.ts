/** Loads every template of a folder when a node starts. One that cannot be used refuses the start. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import type { Computes } from "../compute/compute.ts";
import { createShell, type Environment } from "../compute/shell.ts";
import { SetupError } from "../model/errors.ts";
import { readTemplate } from "./read.ts";
import { createTemplates, type Template, type Templates } from "./templates.ts";

const fileBytesMax = 1024 * 1024;
const filesMax = 1000;

/**
 * Reads `*.yaml` and `*.yml` of `dir`; null: there are no templates. The commands of tasks are added to `computes`, and run in
 * `dir`. Throws `SetupError` naming file, line and column.
 */
export async function loadTemplates(
  dir: string | null,
  computes: Computes,
  environment: Environment = process.env,
): Promise<Templates> {
  if (dir === null) return createTemplates([]);
  const files = await readdir(dir).catch((error: Error) => {
    throw new SetupError(`Cannot read the folder of templates ${dir}: ${error.message}`);
  });
  const names = files.filter((file) => /\.ya?ml$/.test(file)).sort();
  if (names.length > filesMax)
    throw new SetupError(`${dir} holds ${names.length} templates: at most ${filesMax} are taken`);
  const templates = new Map<string, { template: Template; path: string }>();
  for (const file of names) {
    const path = join(dir, file);
    const { size } = await stat(path);
    if (size > fileBytesMax) throw new SetupError(`${path} has ${size} bytes: a template has at most ${fileBytesMax}`);
    const source = { text: await readFile(path, "utf8"), path, fallbackId: basename(file, extname(file)) };
    const template = readTemplate(source, computes, (config) => createShell({ ...config, cwd: dir }, environment));
    const before = templates.get(template.id);
    if (before) throw new SetupError(`${path}: the template "${template.id}" is in ${before.path} too`);
    templates.set(template.id, { template, path });
  }
  return createTemplates([...templates.values()].map(({ template }) => template));
}
