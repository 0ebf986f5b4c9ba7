/**
 * The history of one pass in a file that answers for one parameter by three small reads. Little-endian:
 *
 *     u32 "ORH1" │ u32 size of the head │ head: JSON, padded to 8 octets │ levels, one after the other
 *     a level: f64 time[rows], then per field f64 value[rows] (NaN: none), or f64 n[rows] min[rows] max[rows] sum[rows]
 *
 * A packet type has its finest level, and one of at most 64 rows for whoever looks at many passes at once.
 */
import { type FileHandle, open } from "node:fs/promises";
import type { DecodePlan } from "../ground/field-plan.ts";
import type { Columns } from "./columns.ts";
import { columnsPerField, type Samples, type Series } from "./series.ts";

const magic = 0x3148524f;
const startBytes = 8;
export const coarseRowsMax = 64;
/** Of 100,000 parameters; a larger one is no file of ours. */
const headBytesMax = 16 * 1024 * 1024;

interface Level {
  readonly rows: number;
  /** Each row is a single sample: only its value is kept. */
  readonly single: boolean;
  /** From the end of the head. */
  readonly offset: number;
}

interface Head {
  readonly packets: readonly { readonly fields: readonly string[]; readonly levels: readonly Level[] }[];
}

/** Called in the order of time, one packet type after the other. */
export type TakeSamples = (atMs: number, samples: Samples) => void;

/** The chunks of the file, in order. */
export function* historyFile(plan: DecodePlan, columns: Columns): Generator<Uint8Array> {
  let offset = 0;
  const series: Series[] = [];
  const packets = columns.packets.map((packet) => {
    const fields = packet.parameters.map((i) => plan.parameters[i]?.name ?? "");
    const fine = packet.series;
    const levels = [fine, ...(fine.count > coarseRowsMax ? [fine.coarser(coarseRowsMax)] : [])].map((level) => {
      const described = { rows: level.count, single: isSingle(level), offset };
      offset += 8 * level.count * (1 + fields.length * (described.single ? 1 : columnsPerField));
      series.push(level);
      return described;
    });
    return { fields, levels };
  });
  const text = new TextEncoder().encode(JSON.stringify({ packets } satisfies Head));
  const start = new Uint8Array(startBytes + Math.ceil(text.length / 8) * 8).fill(0x20);
  const view = new DataView(start.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, start.length - startBytes, true);
  start.set(text, startBytes);
  yield start;
  for (const level of series) yield* levelChunks(level);
}

function* levelChunks(level: Series): Generator<Uint8Array> {
  const rows = level.rowsInTime();
  const single = isSingle(level);
  yield octetsOf(rows.map((row) => level.timeOf(row)));
  for (let field = 0; field < level.fieldCount; field++) {
    const samples = rows.map((row) => level.samplesOf(row, field));
    if (single) yield octetsOf(samples.map(({ n, sum }) => (n === 0 ? Number.NaN : sum)));
    else
      yield octetsOf([
        ...samples.map(({ n }) => n),
        ...samples.map(({ min }) => min),
        ...samples.map(({ max }) => max),
        ...samples.map(({ sum }) => sum),
      ]);
  }
}

function isSingle(level: Series): boolean {
  for (let row = 0; row < level.count; row++)
    for (let field = 0; field < level.fieldCount; field++) if (level.samplesOf(row, field).n > 1) return false;
  return true;
}

function octetsOf(numbers: readonly number[]): Uint8Array {
  const octets = new Uint8Array(numbers.length * 8);
  const view = new DataView(octets.buffer);
  for (const [i, number] of numbers.entries()) view.setFloat64(i * 8, number, true);
  return octets;
}

/** Hands out the rows of one parameter, if the pass had it. Throws what reading throws. */
export async function readHistory(
  path: string,
  parameter: string,
  level: "fine" | "coarse",
  take: TakeSamples,
): Promise<void> {
  const file = await open(path, "r");
  try {
    const [first, headBytes] = await readStart(file);
    if (first !== magic || headBytes > headBytesMax) throw new Error(`${path} is no history of a pass`);
    const text = await readOctets(file, startBytes, headBytes);
    // Written by us as JSON of this type.
    const { packets } = JSON.parse(new TextDecoder().decode(text)) as Head;
    for (const { fields, levels } of packets) {
      const field = fields.indexOf(parameter);
      const found = level === "coarse" ? levels.at(-1) : levels[0];
      if (field !== -1 && found !== undefined) await readLevel(file, startBytes + headBytes, found, field, take);
    }
  } finally {
    await file.close();
  }
}

async function readLevel(
  file: FileHandle,
  start: number,
  { rows, single, offset }: Level,
  field: number,
  take: TakeSamples,
): Promise<void> {
  const columns = single ? 1 : columnsPerField;
  const columnStart = start + offset + 8 * rows * (1 + field * columns);
  const times = viewOf(await readOctets(file, start + offset, 8 * rows));
  const cells = viewOf(await readOctets(file, columnStart, 8 * rows * columns));
  const cell = (column: number, row: number): number => cells.getFloat64(8 * (column * rows + row), true);
  for (let row = 0; row < rows; row++) {
    const first = cell(0, row);
    const samples = single
      ? { n: Number.isNaN(first) ? 0 : 1, min: first, max: first, sum: first }
      : { n: first, min: cell(1, row), max: cell(2, row), sum: cell(3, row) };
    if (samples.n > 0) take(times.getFloat64(8 * row, true), samples);
  }
}

async function readStart(file: FileHandle): Promise<[first: number, headBytes: number]> {
  const view = viewOf(await readOctets(file, 0, startBytes));
  return [view.getUint32(0, true), view.getUint32(4, true)];
}

async function readOctets(file: FileHandle, from: number, sizeBytes: number): Promise<Uint8Array> {
  const octets = new Uint8Array(sizeBytes);
  const { bytesRead } = await file.read(octets, 0, sizeBytes, from);
  if (bytesRead < sizeBytes) throw new Error("The history of a pass ends early");
  return octets;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
