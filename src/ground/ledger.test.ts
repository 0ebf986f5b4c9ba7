import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DatagramBatch } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { type Ingested, ingest } from "./ingest.ts";
import { Ledger, type LedgerCheckpoint } from "./ledger.ts";
import type { LedgerJson } from "./ledger-json.ts";
import type { ReceiverStats } from "./receiver.ts";

const quiet: ReceiverStats = {
  datagrams: 0,
  bytes: 0,
  queueDrops: 0,
  queueDropDatagrams: 0,
  queueDropBytes: 0,
  overQuota: 0,
  overQuotaDatagrams: 0,
  overQuotaBytes: 0,
  kernelDrops: 0,
  kernelQueueBytes: 0,
};

/** One datagram a packet: `[apid, count]`, `"garbage"`, or `"idle"`. */
function sent(...packets: (readonly [apid: number, count: number] | "garbage" | "idle")[]): Ingested {
  const parts = packets.map((packet) => {
    if (packet === "garbage") return new Uint8Array(3);
    const [apid, sequenceCount] = packet === "idle" ? [2047, 0] : packet;
    return buildPacket({ apid, sequenceCount, data: new Uint8Array(2) });
  });
  let end = 0;
  const batch: DatagramBatch = {
    bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
    count: parts.length,
    ends: Uint32Array.from(parts, (part) => (end += part.length)),
    arrivedMs: Float64Array.from(parts, () => Date.UTC(2026, 0, 31)),
  };
  return ingest(batch, { format: "ccsds", packetSizeMax: 64, hasCrc: () => false });
}

/** The arrival and sequence accounts of docs/ledger.md, in one line each. */
function assertBalanced(ledger: LedgerJson): void {
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { idle, duplicates, queue_drops, store_drops, stored } = ledger;
  assert.equal(ledger.received, idle + rejected + duplicates + queue_drops + store_drops + stored);
  for (const apid of ledger.apids) {
    if (apid.first_count === null || apid.last_count === null) continue;
    assert.equal(apid.last_count - apid.first_count + 1, apid.stored - apid.conflicts + apid.missing);
  }
}

describe("the loss ledger", () => {
  it("tells stored, duplicates, idle, rejected and missing apart, and balances", () => {
    const ledger = new Ledger("ccsds");
    ledger.judge(sent([1, 5], [1, 5], [1, 8], "garbage", "idle", [2, 0], [1, 7])).apply();
    const json = ledger.json();
    assertBalanced(json);
    assert.deepEqual(json, {
      received: 7,
      stored: 4,
      duplicates: 1,
      out_of_order: 1,
      rejected: {
        too_short: 1,
        bad_version: 0,
        bad_length: 0,
        oversized: 0,
        unknown_ship: 0,
        bad_crc: 0,
        bad_json: 0,
        over_quota: 0,
      },
      late: null,
      missing: 1,
      conflicts: 0,
      idle: 1,
      datagrams: 7,
      kernel_drops: 0,
      queue_drops: 0,
      store_drops: 0,
      outage: 0,
      upstream: 0,
      unattributed: 0,
      outage_ms: 0,
      completeness: 0.8,
      bytes: 51,
      apids: [
        {
          apid: 1,
          received: 4,
          stored: 3,
          duplicates: 1,
          conflicts: 0,
          out_of_order: 1,
          missing: 1,
          gaps: [{ after: 5, count: 1, at: "2026-01-31T00:00:00.000000+00:00", ambiguous: false, outage: false }],
          gaps_omitted: 0,
          first_count: 5,
          last_count: 8,
        },
        {
          apid: 2,
          received: 1,
          stored: 1,
          duplicates: 0,
          conflicts: 0,
          out_of_order: 0,
          missing: 0,
          gaps: [],
          gaps_omitted: 0,
          first_count: 0,
          last_count: 0,
        },
      ],
    });
  });

  it("blames its own drops and outages first, the link for the rest", () => {
    const ledger = new Ledger("ccsds");
    ledger.judge(sent([1, 0])).apply();
    ledger.socket({ ...quiet, kernelDrops: 3 });
    ledger.judge(sent([1, 11])).apply();
    ledger.outage(1000, 3500);
    ledger.judge(sent([1, 20])).apply();
    const json = ledger.json();
    assert.deepEqual(
      [json.missing, json.outage, json.kernel_drops, json.upstream, json.unattributed],
      [18, 8, 3, 7, 0],
    );
    assert.equal(json.outage_ms, 2500);
    assertBalanced(json);
  });

  it("counts what was over the quota as rejected, over several sockets and a checkpoint of an earlier version", () => {
    const ledger = new Ledger("ccsds");
    ledger.judge(sent([1, 0], [1, 5], "garbage")).apply();
    ledger.socket({ ...quiet, overQuota: 4, overQuotaDatagrams: 3, overQuotaBytes: 60 });
    ledger.socketClosed();
    ledger.socket({ ...quiet, overQuota: 1, overQuotaDatagrams: 1, overQuotaBytes: 9 });
    const json = ledger.json();
    assertBalanced(json);
    assert.deepEqual(
      [json.received, json.rejected.over_quota, json.datagrams, json.missing, json.upstream, json.unattributed],
      [8, 5, 7, 4, 0, 2],
    );
    const checkpoint: LedgerCheckpoint = JSON.parse(JSON.stringify(ledger.checkpoint()));
    assert.deepEqual(new Ledger("ccsds", checkpoint).json(), json);

    const { overQuota: _, overQuotaDatagrams: __, overQuotaBytes: ___, ...sockets } = checkpoint.sockets;
    const { over_quota: ____, ...rejected } = checkpoint.arrival.rejected;
    const early = { ...checkpoint, sockets, arrival: { ...checkpoint.arrival, rejected } } as LedgerCheckpoint;
    const restored = new Ledger("ccsds", early).json();
    assertBalanced(restored);
    assert.deepEqual([restored.received, restored.rejected.over_quota, restored.datagrams], [3, 0, 3]);
  });

  it("says what it dropped itself and no gap shows", () => {
    const ledger = new Ledger("ccsds");
    ledger.judge(sent([1, 0])).apply();
    ledger.socket({ ...quiet, queueDrops: 4, queueDropDatagrams: 2, queueDropBytes: 80, kernelDrops: null });
    const json = ledger.json();
    assert.deepEqual(
      [json.unattributed, json.upstream, json.kernel_drops, json.datagrams, json.bytes],
      [4, 0, null, 3, 88],
    );
    assertBalanced(json);
  });

  it("counts a batch that could not be stored as store drops, its packets as missing once a later one comes", () => {
    const ledger = new Ledger("ccsds");
    ledger.judge(sent([1, 0])).apply();
    ledger.judge(sent([1, 1], [1, 2], [1, 0])).discard();
    ledger.judge(sent([1, 3])).apply();
    const json = ledger.json();
    assert.deepEqual([json.stored, json.store_drops, json.duplicates, json.missing, json.upstream], [2, 2, 1, 2, 0]);
    assertBalanced(json);
  });

  it("adds up over sockets that follow one another", () => {
    const ledger = new Ledger("ccsds");
    ledger.socket({ ...quiet, kernelDrops: 2 });
    ledger.socket({ ...quiet, kernelDrops: 5, queueDrops: 1, queueDropDatagrams: 1 });
    ledger.socketClosed();
    ledger.socket({ ...quiet, kernelDrops: 1 });
    assert.deepEqual([ledger.json().kernel_drops, ledger.json().queue_drops], [6, 1]);
  });

  it("goes on from a checkpoint and what was stored after it as if nothing had happened, outage apart", () => {
    const before = new Ledger("ccsds");
    before.judge(sent([1, 0], [1, 2])).apply();
    const checkpoint: unknown = JSON.parse(JSON.stringify(before.checkpoint()));
    before.judge(sent([1, 3], [2, 9])).apply();

    const after = new Ledger("ccsds", checkpoint as LedgerCheckpoint); // its own JSON
    after.remember(sent([1, 0], [1, 2]).packets);
    after.replay(sent([1, 3], [2, 9]).packets);
    assert.deepEqual(after.json(), before.json());

    after.outage(0, 10);
    after.judge(sent([1, 2], [1, 3], [1, 6])).apply();
    const json = after.json();
    assert.deepEqual([json.duplicates, json.missing, json.outage, json.upstream], [2, 3, 2, 1]);
    assertBalanced(json);
  });

  it("stores every record of a format without sequence counts, numbered", () => {
    const ledger = new Ledger("raw");
    const records = () => ({ ...sent([1, 0], [1, 0]) });
    ledger.judge(records()).apply();
    const turn = ledger.judge(records());
    assert.deepEqual([...turn.sequences], [2, 3]);
    turn.discard();
    const json = ledger.json();
    assert.deepEqual([json.stored, json.store_drops, json.completeness, json.apids], [2, 2, 0.5, []]);
    assertBalanced(json);
  });
});
