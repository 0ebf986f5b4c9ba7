/** A long pass: more packets than its history has rows and than one question may decode. Nothing is lost, and nothing takes for ever. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { PacketBatch } from "../src/ground/batch.ts";
import { buildPacket } from "../src/ground/ccsds.ts";
import { parsePacketDefinition } from "../src/ground/packet-definition.ts";
import { decodePass } from "../src/history/decode-pass.ts";
import { readHistory } from "../src/history/history-file.ts";
import { createHotHistory } from "../src/history/hot.ts";
import { stemOf, writeArchive } from "../src/telemetry/archive.ts";
import { encodeEntry, entryPacketsMax } from "../src/telemetry/entry.ts";
import { openSegments } from "../src/telemetry/segments.ts";
import type { Telemetry } from "../src/telemetry/telemetry.ts";

const definition = parsePacketDefinition([
  {
    apid: 100,
    name: "fast",
    fields: [
      { name: "count", type: "u16" },
      { name: "late", type: "u8" },
    ],
  },
]);
const entries = 500;
const packets = entries * entryPacketsMax;
const startMs = Date.UTC(2026, 0, 31);
const stream = { ship: "aurora", passId: randomUUID(), token: 1 };

/** One packet each 5 ms; every second one is too short for its last field. */
function entryOf(number: number) {
  const made = Array.from({ length: entryPacketsMax }, (_, i) => {
    const count = number * entryPacketsMax + i;
    const data = Uint8Array.of((count >> 8) & 0xff, count & 0xff, ...(count % 2 === 0 ? [7] : []));
    return buildPacket({ apid: 100, sequenceCount: count & 0x3fff, data });
  });
  const starts: number[] = [];
  let end = 0;
  for (const { length } of made) {
    starts.push(end);
    end += length;
  }
  const batch: PacketBatch = {
    format: "ccsds",
    bytes: Buffer.concat(made),
    count: made.length,
    starts: Uint32Array.from(starts),
    sizes: Uint32Array.from(made, (packet) => packet.length),
    apids: new Uint16Array(made.length).fill(100),
    sequenceCounts: new Uint16Array(made.length),
    arrivedMs: Float64Array.from(made, (_, i) => startMs + (number * entryPacketsMax + i) * 5),
  };
  return encodeEntry(batch, { indexes: Uint32Array.from(made.keys()), count: made.length, isConflict: () => false });
}

/** What rows amount to, and how many there are. */
function gathered() {
  const total = { rows: 0, n: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: 0 };
  const take: Parameters<typeof readHistory>[3] = (_, { n, sum, min, max }) => {
    total.rows += 1;
    total.n += n;
    total.sum += sum;
    total.min = Math.min(total.min, min);
    total.max = Math.max(total.max, max);
  };
  return { total, take };
}

describe("the history of a long pass", () => {
  let dataDir = "";
  let telemetry: Telemetry;
  const sum = Array.from({ length: packets }, (_, count) => count & 0xffff).reduce((a, b) => a + b, 0);
  const whole = { n: packets, sum, min: 0, max: 65_535 };
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "orrery-history-"));
    telemetry = openSegments(join(dataDir, "telemetry"));
    const writer = await telemetry.open(stream);
    for (let number = 0; number < entries; number++) await writer.append(entryOf(number));
    await writer.close();
  });
  after(async () => {
    await telemetry.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("is decoded a bounded number of packets a question while the pass is under way", async () => {
    const hot = createHotHistory(telemetry);
    const text = JSON.stringify(definition);
    const first = gathered();
    assert.equal(await hot.read(stream, text, "count", first.take), false);
    assert.ok(first.total.n >= 100_000 && first.total.n < packets, `${first.total.n}`);
    // Two at once: one goes on after the other, and none decodes what the other did.
    const [second, third] = [gathered(), gathered()];
    const answers = await Promise.all([second, third].map(({ take }) => hot.read(stream, text, "count", take)));
    assert.deepEqual(answers, [true, true]);
    for (const { total } of [second, third]) {
      const { rows, ...rest } = total;
      assert.deepEqual(rest, whole);
      assert.ok(rows <= 4096 && rows > 1024, `${rows}`);
    }
  });

  it("is kept in 4,096 rows, and again in 64, with every value in them", async () => {
    const archive = await writeArchive(telemetry, { dataDir, stream, format: "ccsds" });
    const decoded = await decodePass(() => telemetry.read(stream), { stem: stemOf(archive), draft: "1" }, definition);
    assert.ok(decoded !== null);
    assert.deepEqual([decoded.fromMs, decoded.toMs], [startMs, startMs + (packets - 1) * 5]);
    for (const [level, rowsMax] of [
      ["fine", 4096],
      ["coarse", 64],
    ] as const) {
      const { total, take } = gathered();
      await readHistory(decoded.history.path, "count", level, take);
      const { rows, ...rest } = total;
      assert.deepEqual(rest, whole, level);
      assert.ok(rows <= rowsMax && rows > rowsMax / 4, `${rows}`);
      const late = gathered();
      await readHistory(decoded.history.path, "late", level, late.take);
      assert.deepEqual([late.total.n, late.total.min, late.total.max], [packets / 2, 7, 7]);
      const none = gathered();
      await readHistory(decoded.history.path, "nothing", level, none.take);
      assert.equal(none.total.rows, 0);
    }
  });

  it("refuses a file that is no history, or ends early", async () => {
    const path = join(dataDir, "no.history");
    for (const bytes of ["", "not a history at all", "ORH1\u0010\u0000\u0000\u0000{}"]) {
      await writeFile(path, bytes);
      await assert.rejects(
        readHistory(path, "count", "fine", () => {}),
        /no history of a pass|ends early/,
      );
    }
  });
});
