/** The packets of a pass as CSV (RFC 4180, UTF-8): a line a packet, times as RFC 3339. */
import { type FileHandle, open } from "node:fs/promises";
import type { DecodePlan } from "../ground/field-plan.ts";
import { instantOf } from "../model/clock.ts";
import { type PacketRow, packetColumns, type RowSink } from "./packet-row.ts";

const writeChars = 256 * 1024;

export async function openCsv(path: string, plan: DecodePlan): Promise<RowSink> {
  const file = await open(path, "w");
  return new Csv(file, plan);
}

class Csv implements RowSink {
  readonly #file: FileHandle;
  readonly #columns: number;
  #text: string;

  constructor(file: FileHandle, plan: DecodePlan) {
    this.#file = file;
    this.#columns = plan.parameters.length;
    this.#text = `${[...packetColumns, ...plan.parameters.map(({ name }) => name)].join(",")}\r\n`;
  }

  take(row: PacketRow): void {
    const { arrivedMs, takenMs, packet, apid, sequenceCount, isConflict, cells } = row;
    const about = `${instantOf(arrivedMs)},${instantOf(takenMs)},${packet},${apid},${sequenceCount},${isConflict}`;
    const texts = new Array<string>(this.#columns).fill("");
    for (const { parameter, value } of cells) texts[parameter] = cellOf(value);
    this.#text += `${[about, ...texts].join(",")}\r\n`;
  }

  async drain(): Promise<void> {
    if (this.#text.length >= writeChars) await this.#write();
  }

  async close(): Promise<void> {
    await this.#write();
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    await this.#file.writeFile(text);
  }
}

function cellOf(value: number | string | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
