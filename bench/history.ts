// Question: how long does a plot of one parameter take, and what does it cost to be ready for it when a pass ends?
// Method: passes of 600 s at 10 packets/s of 10 fields in segment files, archived and decoded by the code that runs at LOS. Then one
// parameter of one pass, three ways: from our history file, from the Parquet beside it (hyparquet, that column only), and by decoding
// all packets again; and of many passes at once, as for the plot of a year. Rounds alternate the ways; medians.
// What would flatter it: warm file caches, which all ways have. A pass of few packets: then decoding anew is as quick.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import type { PacketBatch } from "../src/ground/batch.ts";
import { buildPacket } from "../src/ground/ccsds.ts";
import { parsePacketDefinition } from "../src/ground/packet-definition.ts";
import { decodePass } from "../src/history/decode-pass.ts";
import { readHistory } from "../src/history/history-file.ts";
import { createHotHistory } from "../src/history/hot.ts";
import { Series } from "../src/history/series.ts";
import { stemOf, writeArchive } from "../src/telemetry/archive.ts";
import { encodeEntry } from "../src/telemetry/entry.ts";
import { openSegments } from "../src/telemetry/segments.ts";

const { values: flags } = parseArgs({ options: { smoke: { type: "boolean", default: false } } });
const packets = flags.smoke ? 1_000 : 6_000;
const passes = flags.smoke ? 20 : 4_000;
const rounds = flags.smoke ? 1 : 5;

const fields = Array.from({ length: 10 }, (_, i) => ({
  name: `value_${i}`,
  type: "u16",
  calibration: { polynomial: [0, 0.5] },
}));
const definition = parsePacketDefinition({ packets: [{ apid: 100, name: "power", fields }] });
const dataDir = mkdtempSync(join(tmpdir(), "orrery-bench-history-"));
const telemetry = openSegments(join(dataDir, "telemetry"));
const stream = { ship: "bench", passId: randomUUID(), token: 1 };

async function fill(): Promise<void> {
  const writer = await telemetry.open(stream);
  const startMs = Date.now() - 600_000;
  for (let first = 0; first < packets; first += 10) {
    const made = Array.from({ length: 10 }, (_, i) => {
      const data = new Uint8Array(190);
      for (let at = 0; at < 20; at++) data[at] = ((first + i) * (at + 1)) & 0xff;
      return buildPacket({ apid: 100, sequenceCount: (first + i) & 0x3fff, data });
    });
    const batch: PacketBatch = {
      format: "ccsds",
      bytes: Buffer.concat(made),
      count: made.length,
      starts: Uint32Array.from(made, (packet, i) => i * packet.length),
      sizes: Uint32Array.from(made, (packet) => packet.length),
      apids: new Uint16Array(made.length).fill(100),
      sequenceCounts: new Uint16Array(made.length),
      arrivedMs: Float64Array.from(made, (_, i) => startMs + (first + i) * (600_000 / packets)),
    };
    await writer.append(
      encodeEntry(batch, { indexes: Uint32Array.from(made.keys()), count: made.length, isConflict: () => false }),
    );
  }
  await writer.close();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now();
  await work();
  return performance.now() - beginMs;
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 100) / 100;

try {
  await fill();
  const archiveMs: number[] = [];
  const decodeMs: number[] = [];
  const ways = { history: [] as number[], parquet: [] as number[], decoded_anew: [] as number[], many: [] as number[] };
  const archive = await writeArchive(telemetry, { dataDir, stream, format: "ccsds" });
  const decoded = await decodePass(() => telemetry.read(stream), { stem: stemOf(archive), draft: "1" }, definition);
  if (decoded === null) throw new Error("Nothing was decoded");
  const copies = Array.from({ length: passes }, (_, i) => join(dataDir, `${i}.history`));
  for (const copy of copies) await copyFile(decoded.history.path, copy);
  for (let round = 0; round < rounds; round++) {
    archiveMs.push(await timed(() => writeArchive(telemetry, { dataDir, stream, format: "ccsds" })));
    decodeMs.push(
      await timed(() => decodePass(() => telemetry.read(stream), { stem: stemOf(archive), draft: "1" }, definition)),
    );
    ways.history.push(await timed(() => readHistory(decoded.history.path, "value_7", "fine", () => {})));
    ways.parquet.push(
      await timed(async () => {
        const file = await asyncBufferFromFile(decoded.parquet.path);
        await parquetReadObjects({ file, columns: ["_taken", "value_7"] });
      }),
    );
    ways.decoded_anew.push(
      await timed(() => createHotHistory(telemetry).read(stream, JSON.stringify(definition), "value_7", () => {})),
    );
    ways.many.push(
      await timed(async () => {
        const series = new Series(1, 500);
        const left = copies.values();
        const readSome = async () => {
          for (const path of left)
            await readHistory(path, "value_7", "coarse", (atMs, samples) => series.fold(series.row(atMs), 0, samples));
        };
        await Promise.all(Array.from({ length: 16 }, readSome));
      }),
    );
  }
  console.log(
    JSON.stringify(
      {
        packets,
        archive_ms: rounded(median(archiveMs)),
        decode_at_los_ms: rounded(median(decodeMs)),
        decode_us_a_packet: rounded((median(decodeMs) * 1000) / packets),
        size_bytes: {
          ccsds: archive.sizeBytes,
          ...Object.fromEntries(
            (["history", "parquet", "csv"] as const).map((kind) => [kind, statSync(decoded[kind].path).size]),
          ),
        },
        one_pass_ms: {
          history: rounded(median(ways.history)),
          parquet: rounded(median(ways.parquet)),
          decoded_anew: rounded(median(ways.decoded_anew)),
        },
        many_passes: { passes, ms: rounded(median(ways.many)) },
      },
      null,
      2,
    ),
  );
} finally {
  await telemetry.close();
  rmSync(dataDir, { recursive: true, force: true });
}
