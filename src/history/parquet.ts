/** The packets of a pass as Parquet: a row a packet, numbers as doubles, whole 64-bit numbers as they are, times in microseconds. */
import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { DecodePlan, Parameter } from "../ground/field-plan.ts";
import { type PacketRow, packetColumns, type RowSink } from "./packet-row.ts";

/** A row group is encoded in one go and holds up the loop meanwhile: 32 Ki cells take some 15 ms. */
const cellsMax = 32 * 1024;
const rowsMin = 16;

type Cell = number | bigint | string | boolean | null;
type ColumnKind = "double" | "int64" | "uint64" | "int32" | "text" | "time" | "boolean";

export function openParquet(path: string, plan: DecodePlan): RowSink {
  return new Parquet(path, plan);
}

class Parquet implements RowSink {
  readonly #writer: ParquetWriter;
  readonly #names: readonly string[];
  readonly #kinds: readonly ColumnKind[];
  readonly #rowsMax: number;
  #columns: Cell[][] = [];
  #rows = 0;

  constructor(path: string, plan: DecodePlan) {
    this.#names = [...packetColumns, ...plan.parameters.map(({ name }) => name)];
    this.#kinds = ["time", "time", "text", "int32", "int32", "boolean", ...plan.parameters.map(kindOf)];
    this.#rowsMax = Math.max(rowsMin, Math.floor(cellsMax / this.#names.length));
    const columns = this.#names.map((name, i) => elementOf(name, this.#kinds[i] ?? "double", i < packetColumns.length));
    const schema: SchemaElement[] = [{ name: "packets", num_children: columns.length }, ...columns];
    this.#writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: "orrery" });
    this.#clear();
  }

  take(row: PacketRow): void {
    const { arrivedMs, takenMs, packet, apid, sequenceCount, isConflict, cells } = row;
    const about: Cell[] = [microsOf(arrivedMs), microsOf(takenMs), packet, apid, sequenceCount, isConflict];
    for (const [i, cell] of about.entries()) this.#set(i, cell);
    for (const { parameter, value, timeMs } of cells) {
      if (value !== null) this.#set(about.length + parameter, this.#cell(parameter, value, timeMs));
    }
    this.#rows += 1;
  }

  async drain(): Promise<void> {
    if (this.#rows >= this.#rowsMax) await this.#write();
  }

  async close(): Promise<void> {
    if (this.#rows > 0) await this.#write();
    await this.#writer.finish();
  }

  #set(column: number, cell: Cell): void {
    const cells = this.#columns[column];
    if (cells === undefined) return;
    while (cells.length < this.#rows) cells.push(null);
    cells.push(cell);
  }

  #cell(parameter: number, value: number | string, timeMs: number): Cell {
    switch (this.#kinds[packetColumns.length + parameter]) {
      case "time":
        return microsOf(timeMs);
      case "int64":
      case "uint64":
        return BigInt(value);
      case "text":
        return String(value);
      default:
        return value;
    }
  }

  async #write(): Promise<void> {
    const rows = this.#rows;
    const columnData = this.#columns.map((cells, i) => {
      while (cells.length < rows) cells.push(null);
      const source: ColumnSource = { name: this.#names[i] ?? "", data: cells };
      // Looking for a dictionary of measured numbers takes twice as long as writing them: 0.8 and 0.3 µs a cell.
      return this.#kinds[i] === "double" ? { ...source, encoding: "PLAIN" as const } : source;
    });
    this.#clear();
    await this.#writer.write({ columnData, rowGroupSize: rows });
  }

  #clear(): void {
    this.#columns = this.#names.map(() => []);
    this.#rows = 0;
  }
}

function kindOf({ field, texts }: Parameter): ColumnKind {
  if (field.type === "cuc" || field.type === "cds") return "time";
  if (field.type === "string" || field.type === "bytes" || texts !== null) return "text";
  if (field.calibration !== undefined) return "double";
  return field.type === "u64" ? "uint64" : field.type === "i64" ? "int64" : "double";
}

function elementOf(name: string, kind: ColumnKind, isRequired: boolean): SchemaElement {
  const base = { name, repetition_type: isRequired ? "REQUIRED" : "OPTIONAL" } as const;
  switch (kind) {
    case "double":
      return { ...base, type: "DOUBLE" };
    case "int32":
      return { ...base, type: "INT32" };
    case "int64":
      return { ...base, type: "INT64" };
    case "uint64":
      return { ...base, type: "INT64", converted_type: "UINT_64" };
    case "time":
      return { ...base, type: "INT64", converted_type: "TIMESTAMP_MICROS" };
    case "text":
      return { ...base, type: "BYTE_ARRAY", converted_type: "UTF8" };
    case "boolean":
      return { ...base, type: "BOOLEAN" };
    default:
      return kind satisfies never;
  }
}

const microsOf = (ms: number): bigint => BigInt(Math.floor(ms * 1000));
