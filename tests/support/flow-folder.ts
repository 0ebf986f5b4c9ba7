/** A folder of flows for a test, and what their jsonl sinks have written there. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FlowRow {
  readonly key: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into payloads of any shape
  readonly payload: any;
}

export interface FlowFolder {
  readonly dir: string;
  /** Flow `name` brings the messages of this source to its sink, in order. */
  add(name: string, source: string, more?: string): Promise<void>;
  /** Whole lines only: the last one may be under way. */
  rows(name: string): Promise<FlowRow[]>;
  remove(): Promise<void>;
}

export async function makeFlowFolder(): Promise<FlowFolder> {
  const dir = await mkdtemp(join(tmpdir(), "orrery-flows-"));
  return {
    dir,
    add: (name, source, more = "") =>
      writeFile(
        join(dir, `${name}.yaml`),
        `source: ${source}\ncommit_s: 0.05\nconcurrency: 1\n${more}\nsinks: { out: { kind: jsonl, folder: ., name: ${name} } }\n`,
      ),
    async rows(name) {
      const text = await readFile(join(dir, `${name}.jsonl`), "utf8").catch(() => "");
      const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
      return lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as FlowRow);
    },
    remove: () => rm(dir, { recursive: true }),
  };
}
