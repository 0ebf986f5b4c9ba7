/** Decoded packets as CSV: one file for each kind of packet, a row a packet, a column a parameter. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { writeProduct } from "./product-file.ts";
import { packetsOf, receivedBy } from "./received.ts";

export default async function decode(task: FunctionTask) {
  const received = await receivedBy(task);
  const files = [];
  for (const kind of received.definition.packets) {
    const names = kind.fields.map((field) => field.name);
    let rows = 0;
    // Once through the archive for each kind: that keeps one row in memory, however long the pass was.
    async function* lines() {
      yield `${["sequence", "taken_at", ...names].join(",")}\n`;
      for await (const packet of packetsOf(received)) {
        if (packet.apid !== kind.apid) continue;
        task.signal.throwIfAborted();
        rows += 1;
        const values = names.map((name) => cell(packet.values.get(name)?.value ?? null));
        yield `${packet.sequenceCount},${packet.takenAt ?? ""},${values.join(",")}\n`;
      }
    }
    const file = await writeProduct(join(received.folder, `${kind.name}.csv`), lines());
    task.log(`${file.name}: ${rows} rows`);
    files.push({ ...file, packet: kind.name, apid: kind.apid, rows });
  }
  return { files, packets: files.reduce((sum, file) => sum + file.rows, 0) };
}

/** RFC 4180, §2. */
function cell(value: number | string | null): string {
  if (value === null) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
