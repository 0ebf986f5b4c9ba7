/** Reads the CSV files that decode.ts writes, as columns of numbers. */
import { readFile } from "node:fs/promises";
import type { FunctionTask } from "../../../src/compute/function.ts";

export interface Columns {
  readonly rows: number;
  /** Milliseconds since 1970, or the row's number where the packet tells no time. */
  readonly at: Float64Array;
  /** NaN where a cell is no number. Throws for a column that is not there. */
  numbers(name: string): Float64Array;
  words(name: string): string[];
}

/** The file that the decoded product among the parents has for this kind of packet. */
export async function decodedColumns(task: FunctionTask, packet: string): Promise<Columns> {
  for (const { passback } of task.parents) {
    const files = (passback as { files?: { packet?: string; path: string }[] } | null)?.files ?? []; // what decode.ts hands back
    const file = files.find((one) => one.packet === packet);
    if (file !== undefined) return columnsOf(await readFile(file.path, "utf8"), file.path);
  }
  throw new Error(`Cannot find decoded packets of kind "${packet}": no parent has made such a file`);
}

function columnsOf(text: string, path: string): Columns {
  const [head = "", ...lines] = text.trimEnd().split("\n");
  const names = head.split(",");
  const cells = lines.map((line) => line.split(",")); // numbers, times and names have no commas in them
  const words = (name: string) => {
    const index = names.indexOf(name);
    if (index === -1) throw new Error(`Cannot read ${name} as ${path} has no such column: it has ${names.join(", ")}`);
    return cells.map((row) => row[index] ?? "");
  };
  return {
    rows: lines.length,
    at: Float64Array.from(words("taken_at"), (cell, row) => (cell === "" ? row : Date.parse(cell))),
    numbers: (name) => Float64Array.from(words(name), (cell) => (cell === "" ? Number.NaN : Number(cell))),
    words,
  };
}
