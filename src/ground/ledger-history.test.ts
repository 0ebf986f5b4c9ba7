/**
 * The three accounts of a pass over random histories: good packets, garbage, idle ones, failed writes, drops of sockets that follow one
 * another, outages, restarts, and crashes after which the stream is replayed. A failure prints its seed and the shortest history found.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { DatagramBatch, PacketBatch } from "./batch.ts";
import { verdictCode } from "./batch.ts";
import { buildPacket, idleApid } from "./ccsds.ts";
import { type Ingested, ingest } from "./ingest.ts";
import { Ledger } from "./ledger.ts";

type Item = { readonly apid: number; readonly count: number } | "garbage" | "idle";

const rules = { format: "ccsds", packetSizeMax: 64, hasCrc: () => false } as const;

function datagramOf(item: Item): Uint8Array {
  if (item === "garbage") return new Uint8Array(3);
  if (item === "idle") return buildPacket({ apid: idleApid, sequenceCount: 0, data: new Uint8Array(4) });
  return buildPacket({ apid: item.apid, sequenceCount: item.count, data: new Uint8Array(2) });
}

function ingested(items: readonly Item[]): Ingested {
  const parts = items.map(datagramOf);
  let end = 0;
  const batch: DatagramBatch = {
    bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
    count: parts.length,
    ends: Uint32Array.from(parts, (part) => (end += part.length)),
    arrivedMs: new Float64Array(parts.length),
  };
  return ingest(batch, rules);
}

/** What arrived, counted by hand. */
interface Arrived {
  readonly datagrams: number;
  readonly bytes: number;
  readonly idle: number;
  readonly rejected: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly storeDrops: number;
  readonly outageMs: number;
}

const nothing: Arrived = {
  ...{ datagrams: 0, bytes: 0, idle: 0, rejected: 0 },
  ...{ stored: 0, duplicates: 0, storeDrops: 0, outageMs: 0 },
};
const noDrops = { kernelDrops: 0, queueDrops: 0, queueDropDatagrams: 0, queueDropBytes: 0 };
const stillSocket = { datagrams: 0, bytes: 0, kernelQueueBytes: 0 };
const noQuota = { overQuota: 0, overQuotaDatagrams: 0, overQuotaBytes: 0 };

class History {
  #ledger = new Ledger("ccsds");
  #arrived = nothing;
  /** Of the open socket, and of all before it. */
  #socket = noDrops;
  #before = noDrops;
  #kept: PacketBatch[] = [];
  #saved = { text: JSON.stringify(this.#ledger.checkpoint()), arrived: nothing, drops: noDrops, kept: 0 };

  receive(items: readonly Item[], isStored: boolean): void {
    const batch = ingested(items);
    const turn = this.#ledger.judge(batch);
    const before = this.#arrived;
    if (isStored) turn.apply();
    else turn.discard();
    this.#arrived = {
      ...before,
      datagrams: before.datagrams + items.length,
      bytes: before.bytes + items.reduce((sum, item) => sum + datagramOf(item).length, 0),
      idle: before.idle + items.filter((item) => item === "idle").length,
      rejected: before.rejected + items.filter((item) => item === "garbage").length,
      duplicates: before.duplicates + turn.duplicates,
      stored: before.stored + (isStored ? turn.toStore : 0),
      storeDrops: before.storeDrops + (isStored ? 0 : turn.toStore),
    };
    if (isStored) this.#kept.push(onlyStored(batch.packets, turn.verdicts));
  }

  drop(kernel: number, queue: number): void {
    const { kernelDrops, queueDrops, queueDropDatagrams, queueDropBytes } = this.#socket;
    this.#socket = {
      kernelDrops: kernelDrops + kernel,
      queueDrops: queueDrops + 2 * queue,
      queueDropDatagrams: queueDropDatagrams + queue,
      queueDropBytes: queueDropBytes + 20 * queue,
    };
    this.#ledger.socket({ ...stillSocket, ...noQuota, ...this.#socket });
  }

  closeSocket(): void {
    this.#before = this.#drops();
    this.#socket = noDrops;
    this.#ledger.socketClosed();
  }

  outage(ms: number): void {
    this.#ledger.outage(1000, 1000 + ms);
    this.#arrived = { ...this.#arrived, outageMs: this.#arrived.outageMs + ms };
  }

  save(): void {
    const text = JSON.stringify(this.#ledger.checkpoint());
    this.#saved = { text, arrived: this.#arrived, drops: this.#drops(), kept: this.#kept.length };
  }

  /** What was not stored since the last checkpoint is known to nobody any more. */
  crash(): void {
    const { text, arrived, drops, kept } = this.#saved;
    this.#ledger = new Ledger("ccsds", JSON.parse(text));
    this.#before = drops;
    this.#socket = noDrops;
    for (const batch of this.#kept.slice(0, kept)) this.#ledger.remember(batch);
    this.#arrived = arrived;
    for (const batch of this.#kept.slice(kept)) {
      this.#ledger.replay(batch);
      this.#arrived = {
        ...this.#arrived,
        datagrams: this.#arrived.datagrams + batch.count,
        bytes: this.#arrived.bytes + batch.sizes.reduce((sum, size) => sum + size, 0),
        stored: this.#arrived.stored + batch.count,
      };
    }
  }

  check(): void {
    const json = this.#ledger.json();
    const { datagrams, bytes, idle, rejected, stored, duplicates, storeDrops, outageMs } = this.#arrived;
    const { kernelDrops, queueDrops, queueDropDatagrams, queueDropBytes } = this.#drops();
    // Arrival.
    const rejects = Object.values(json.rejected).reduce((sum, count) => sum + count, 0);
    assert.deepEqual(
      [json.datagrams, json.bytes, json.idle, rejects, json.stored, json.duplicates, json.store_drops, json.outage_ms],
      [
        datagrams + queueDropDatagrams,
        bytes + queueDropBytes,
        idle,
        rejected,
        stored,
        duplicates,
        storeDrops,
        outageMs,
      ],
    );
    assert.deepEqual([json.kernel_drops, json.queue_drops], [kernelDrops, queueDrops]);
    assert.equal(json.received, idle + rejected + duplicates + queueDrops + storeDrops + stored);
    // Sequence.
    let distinct = 0;
    for (const apid of json.apids) {
      if (apid.first_count === null || apid.last_count === null) continue;
      distinct += apid.stored - apid.conflicts;
      assert.equal(apid.last_count - apid.first_count + 1, apid.stored - apid.conflicts + apid.missing);
      assert.equal(
        apid.gaps.reduce((sum, gap) => sum + gap.count, 0),
        apid.missing,
      );
    }
    // Attribution.
    const local = kernelDrops + rejected + queueDrops + storeDrops;
    const gaps = json.apids.flatMap((apid) => apid.gaps);
    assert.equal(
      json.outage,
      gaps.reduce((sum, gap) => sum + (gap.outage ? gap.count : 0), 0),
    );
    assert.equal(json.upstream, Math.max(0, json.missing - json.outage - local));
    assert.equal(json.unattributed, Math.max(0, json.outage + local - json.missing));
    assert.equal(json.missing, json.outage + local + json.upstream - json.unattributed);
    assert.equal(json.completeness, distinct === 0 ? 0 : distinct / (distinct + json.missing));
  }

  #drops(): typeof noDrops {
    const [before, now] = [this.#before, this.#socket];
    return {
      kernelDrops: before.kernelDrops + now.kernelDrops,
      queueDrops: before.queueDrops + now.queueDrops,
      queueDropDatagrams: before.queueDropDatagrams + now.queueDropDatagrams,
      queueDropBytes: before.queueDropBytes + now.queueDropBytes,
    };
  }
}

/** As it is read again from the store. */
function onlyStored(packets: PacketBatch, verdicts: Uint8Array): PacketBatch {
  const kept = Array.from({ length: packets.count }, (_, i) => i).filter((i) => verdicts[i] !== verdictCode.duplicate);
  return {
    ...packets,
    count: kept.length,
    starts: Uint32Array.from(kept, (i) => packets.starts[i] ?? 0),
    sizes: Uint32Array.from(kept, (i) => packets.sizes[i] ?? 0),
    apids: Uint16Array.from(kept, (i) => packets.apids[i] ?? 0),
    sequenceCounts: Uint16Array.from(kept, (i) => packets.sequenceCounts[i] ?? 0),
    arrivedMs: Float64Array.from(kept, (i) => packets.arrivedMs[i] ?? 0),
  };
}

const item: fc.Arbitrary<Item> = fc.oneof(
  // Counts around the wrap: 16,370 … 16,383, 0 … 20.
  {
    weight: 8,
    arbitrary: fc.record({ apid: fc.constantFrom(1, 2), count: fc.nat(34).map((n) => (n + 16_370) % 16_384) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Item>("garbage", "idle") },
);

const event = fc.oneof(
  fc.record({ items: fc.array(item, { maxLength: 12 }), isStored: fc.constantFrom(true, true, true, false) }),
  fc.record({ kernel: fc.nat(3), queue: fc.nat(3) }),
  fc.record({ outageMs: fc.nat(500) }),
  fc.constantFrom("save", "crash", "socket"),
);

describe("the loss ledger of any history", () => {
  it("balances by all three accounts, at any moment", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const history = new History();
        for (const one of events) {
          if (one === "save") history.save();
          else if (one === "crash") history.crash();
          else if (one === "socket") history.closeSocket();
          else if ("items" in one) history.receive(one.items, one.isStored);
          else if ("outageMs" in one) history.outage(one.outageMs);
          else history.drop(one.kernel, one.queue);
          history.check();
        }
      }),
      { numRuns: 500 },
    );
  });
});
