/** CSV as RFC 4180 has it: commas, quotes where they are needed, a header that names the columns. */
import { InvalidRequestError } from "../model/errors.ts";

export interface CsvRow {
  /** Its first line in the text, from 1. */
  readonly line: number;
  /** By the header's name; an empty cell is left out. */
  readonly cells: Readonly<Record<string, string>>;
}

/** Throws `InvalidRequestError` that names the line. Lines without any text are passed over. */
export function parseCsv(text: string): CsvRow[] {
  const [header, ...records] = recordsOf(text.replace(/^\uFEFF/, ""));
  if (header === undefined) throw new InvalidRequestError("line 1: a header is needed that names the columns");
  const names = header.cells.map((name) => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new InvalidRequestError(`line 1: the column "${twice.slice(0, 64)}" is there twice`);
  return records.map(({ line, cells }) => {
    if (cells.length !== names.length)
      throw new InvalidRequestError(`line ${line}: ${names.length} cells are needed, it has ${cells.length}`);
    const named = names.map((name, i) => [name, (cells[i] ?? "").trim()] as const).filter(([, cell]) => cell !== "");
    return { line, cells: Object.fromEntries(named) };
  });
}

interface CsvLine {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A cell and what ends it: a comma, a line's end, or the text's. */
const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function recordsOf(text: string): CsvLine[] {
  const records: CsvLine[] = [];
  let cells: string[] = [];
  let [line, begun] = [1, 1];
  cell.lastIndex = 0;
  while (cell.lastIndex < text.length || cells.length > 0) {
    const found = cell.exec(text);
    if (found === null) throw new InvalidRequestError(`line ${line}: a quote stands where none may`);
    const [whole, quoted, plain = "", end = ""] = found;
    cells.push(quoted?.replaceAll('""', '"') ?? plain);
    line += whole.split("\n").length - 1;
    if (end === ",") continue;
    if (cells.length > 1 || cells[0]?.trim() !== "") records.push({ line: begun, cells });
    [cells, begun] = [[], line];
  }
  return records;
}
