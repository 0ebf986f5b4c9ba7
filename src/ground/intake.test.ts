import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { packetBatchOf, type StoredEntry } from "../telemetry/entry.ts";
import {
  type EncodedEntry,
  type StreamName,
  StreamSealedError,
  type Telemetry,
  TelemetryFullError,
} from "../telemetry/telemetry.ts";
import type { DatagramBatch } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { Intake, type IntakeObserver } from "./intake.ts";
import { Ledger } from "./ledger.ts";
import { Trail } from "./trail.ts";

const stream: StreamName = { ship: "s", passId: "p", token: 1 };
const rules = { format: "ccsds", packetSizeMax: 65_542, hasCrc: () => false } as const;
const quiet: IntakeObserver = { stored() {}, settled() {}, rejected() {}, dropped() {}, sealed() {} };

/** Keeps entries in memory; `fails` says which appends do, from 1. */
function memory(fails: (append: number) => Error | null = () => null) {
  const entries: StoredEntry[] = [];
  let appends = 0;
  let underWay = 0;
  const telemetry: Telemetry = {
    kind: "segments",
    open: async () => ({
      async append({ payload }: EncodedEntry) {
        underWay += 1;
        assert.equal(underWay, 1, "two entries were under way");
        await new Promise(setImmediate);
        underWay -= 1;
        appends += 1;
        const error = fails(appends);
        if (error !== null) throw error;
        entries.push({ token: 1, entry: entries.length + 1, payload });
        return entries.length;
      },
      givenUp: [],
      async close() {},
    }),
    seal: async () => {},
    takeBack: async () => {},
    read: () => assert.fail("not asked for"),
    count: async () => ({ packets: 0, bytes: 0 }),
    latest: async () => ({ packets: [], next: null }),
    drop: () => Promise.resolve(),
    trim: () => Promise.resolve(0),
    release: async () => {},
    close: async () => {},
  };
  const counts = () => entries.flatMap(({ payload }) => [...packetBatchOf(payload, "ccsds").sequenceCounts]);
  return { telemetry, counts };
}

function batchOf(counts: readonly number[]): DatagramBatch {
  const datagrams = counts.map((sequenceCount) => buildPacket({ apid: 9, sequenceCount, data: new Uint8Array(10) }));
  const ends = Uint32Array.from(datagrams.keys(), (i) => (i + 1) * 16);
  return { bytes: Buffer.concat(datagrams), count: counts.length, ends, arrivedMs: new Float64Array(counts.length) };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe("the intake of a pass", () => {
  it("stores every packet once and in order, one entry under way, however many batches come at once", async () => {
    const { telemetry, counts } = memory();
    const intake = new Intake({
      ledger: new Ledger("ccsds"),
      telemetry,
      stream,
      rules,
      observer: quiet,
      trail: new Trail(),
    });
    const batches = [range(0, 700), [...range(600, 700), ...range(702, 800)], [700, 701]];
    await Promise.all(batches.map((batch) => intake.take(batchOf(batch))));
    assert.deepEqual(counts(), [...range(0, 700), ...range(702, 800), 700, 701]);
    const { received, stored, duplicates, out_of_order, missing } = intake.ledger.json();
    assert.deepEqual([received, stored, duplicates, out_of_order, missing], [900, 800, 100, 2, 0]);
    assert.deepEqual(intake.position, { token: 1, entry: 5, givenUp: [], rememberFrom: { token: 0, entry: 0 } });
  });

  it("counts what the store has no room for as store drops, and as missing", async () => {
    const { telemetry, counts } = memory((append) => (append === 2 ? new TelemetryFullError("full") : null));
    const intake = new Intake({
      ledger: new Ledger("ccsds"),
      telemetry,
      stream,
      rules,
      observer: quiet,
      trail: new Trail(),
    });
    await intake.take(batchOf(range(0, 768)));
    assert.deepEqual(counts(), [...range(0, 256), ...range(512, 768)]);
    const { received, stored, store_drops, missing, upstream } = intake.ledger.json();
    assert.deepEqual([received, stored, store_drops, missing, upstream], [768, 512, 256, 256, 0]);
  });

  it("stops for good when its stream is sealed, and says so once", async () => {
    const { telemetry, counts } = memory((append) => (append >= 2 ? new StreamSealedError(stream) : null));
    let sealed = 0;
    const observer: IntakeObserver = {
      ...quiet,
      sealed() {
        sealed += 1;
      },
    };
    const intake = new Intake({ ledger: new Ledger("ccsds"), telemetry, stream, rules, observer, trail: new Trail() });
    await intake.take(batchOf(range(0, 768)));
    await intake.take(batchOf(range(768, 800)));
    assert.deepEqual([counts(), sealed], [range(0, 256), 1]);
  });
});
