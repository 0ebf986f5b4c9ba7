/** Decoded packets as CSV: one file for each kind of packet, a row a packet, a column a parameter. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import type { ParameterValue } from "../../../src/ground/latest.ts";
import { definitionOf, packetsOf } from "./packets.ts";
import { passOf, productFolder } from "./pass.ts";
import { writeProduct } from "./product-file.ts";

export default async function decode(task: FunctionTask) {
  const params = passOf(task);
  const definition = definitionOf(params);
  const folder = await productFolder(params);
  const files = [];
  for (const kind of definition.packets) {
    const names = kind.fields.map((field) => field.name);
    let rows = 0;
    // Once through the archive for each kind: that keeps one row in memory, however long the pass was.
    async function* lines() {
      yield `${["sequence", "taken_at", ...names].join(",")}\n`;
      for await (const packet of packetsOf(params.telemetry.path, definition)) {
        if (packet.apid !== kind.apid) continue;
        task.signal.throwIfAborted();
        rows += 1;
        const values = names.map((name) => cell(packet.values.get(name)));
        yield `${packet.sequenceCount},${packet.takenAt ?? ""},${values.join(",")}\n`;
      }
    }
    const file = await writeProduct(join(folder, `${kind.name}.csv`), lines());
    task.log(`${file.name}: ${rows} rows`);
    files.push({ ...file, packet: kind.name, apid: kind.apid, rows });
  }
  return { files, packets: files.reduce((sum, file) => sum + file.rows, 0) };
}

/** RFC 4180, §2. A calibrated number has 12 digits: the others are the calibration's rounding. */
function cell(parameter: ParameterValue | undefined): string {
  if (parameter === undefined || parameter.value === null) return "";
  const { value, raw } = parameter;
  if (typeof value === "number") return String(value === raw ? value : Number(value.toPrecision(12)));
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
