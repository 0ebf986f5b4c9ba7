/**
 * The loss ledger of one pass: what was received and lost, and where. Three accounts, never mixed: arrival (datagrams and
 * packets), sequence (per APID), attribution (whose loss it was). Definitions: docs/ledger.md.
 */
import type { Instant } from "../model/clock.ts";
import { instantOf } from "../model/clock.ts";
import type { ApidAccount, Gap } from "./apid-account.ts";
import { type Arrival, emptyArrival, noSockets, type SocketCounts } from "./arrival-account.ts";
import type { PacketBatch, PacketFormat } from "./batch.ts";
import { rejectReasons } from "./ccsds.ts";
import type { Ingested } from "./ingest.ts";
import type { ApidJson, GapJson, LedgerJson } from "./ledger-json.ts";
import type { ReceiverStats } from "./receiver.ts";
import { type ApidCheckpoint, Sequence, type SequenceTurn } from "./sequence.ts";

/** JSON: what a pass needs to go on after a restart. Written after a batch is applied, beside the stream's position. */
export interface LedgerCheckpoint {
  readonly version: 1;
  readonly format: PacketFormat;
  readonly arrival: Arrival;
  readonly sockets: SocketCounts;
  readonly apids: readonly ApidCheckpoint[];
}

/** A judged batch. Store the packets whose verdict is not `duplicate`, then `apply`; `discard` if they cannot be stored. */
export interface LedgerTurn extends SequenceTurn {
  readonly packets: PacketBatch;
  apply(): void;
  discard(): void;
}

/** Gaps listed per APID in the JSON, and in all; the others are counted in `gaps_omitted`. */
const gapsListedMax = 1000;
const gapsListedInAllMax = 5000;

export class Ledger {
  readonly format: PacketFormat;
  readonly #arrival: Arrival;
  readonly #sequence: Sequence;
  /** Of the sockets that are closed. */
  #socketsBefore: SocketCounts;
  #socket: SocketCounts = noSockets;

  constructor(format: PacketFormat, from?: LedgerCheckpoint) {
    this.format = format;
    // A checkpoint of an earlier version has fewer reasons, and no quota.
    const { rejected } = emptyArrival();
    this.#arrival = { ...emptyArrival(), ...from?.arrival, rejected: { ...rejected, ...from?.arrival.rejected } };
    this.#sequence = from === undefined ? new Sequence() : Sequence.restore(from.apids);
    this.#socketsBefore = { ...noSockets, ...from?.sockets };
  }

  /** One batch at a time: settle the turn before the next. Nothing shows in the ledger until then. */
  judge(ingested: Ingested): LedgerTurn {
    const { packets } = ingested;
    const sequence = this.format === "ccsds" ? this.#sequence : null;
    const turn = sequence?.judge(packets, this.#drops()) ?? recordsTurn(packets.count, this.#arrival.stored);
    return {
      ...turn,
      packets,
      apply: () => {
        sequence?.apply();
        this.#arrived(ingested, turn);
        this.#arrival.stored += turn.toStore;
        this.#arrival.outOfOrder += turn.late;
        this.#arrival.conflicts += turn.conflicts;
      },
      discard: () => {
        sequence?.discard();
        this.#arrived(ingested, turn);
        this.#arrival.storeDrops += turn.toStore;
      },
    };
  }

  /** The open socket's own counts, whenever they are known anew. */
  socket(stats: ReceiverStats): void {
    this.#socket = stats;
  }

  /** That socket is closed, its last counts told: the next one counts from 0. */
  socketClosed(): void {
    this.#socketsBefore = this.#sockets();
    this.#socket = noSockets;
  }

  /** Null: unknown on this system. */
  get kernelDrops(): number | null {
    return this.#sockets().kernelDrops;
  }

  /** Packets that came and were packets, whatever became of them. */
  get heard(): number {
    const { stored, duplicates, storeDrops, idle } = this.#arrival;
    return stored + duplicates + storeDrops + idle;
  }

  /** Packets of any kind, also those that were dropped before they were judged. */
  get received(): number {
    const sockets = this.#sockets();
    return this.#arrival.received + sockets.queueDrops + sockets.overQuota;
  }

  /** Nobody listened between these instants (milliseconds since 1970): between two sockets, or two nodes. */
  outage(fromMs: number, toMs: number): void {
    this.#arrival.outageMs += Math.max(0, toMs - fromMs);
    this.#sequence.outage();
  }

  /** After a restart: packets that were stored after the checkpoint was written, in their order. Of an archive: all of them. */
  replay(packets: PacketBatch): LedgerTurn {
    const bytes = packets.sizes.subarray(0, packets.count).reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const turn = this.judge({
      packets,
      datagrams: packets.count,
      bytes,
      received: packets.count,
      idle: 0,
      rejected: new Map(),
      samples: [],
    });
    turn.apply();
    return turn;
  }

  /** After a restart: the last packets before the checkpoint (8,192 of an APID are enough), so that copies of them are known. */
  remember(packets: PacketBatch): void {
    if (this.format === "ccsds") this.#sequence.remember(packets);
  }

  checkpoint(): LedgerCheckpoint {
    return {
      version: 1,
      format: this.format,
      arrival: { ...this.#arrival, rejected: { ...this.#arrival.rejected } },
      sockets: this.#sockets(),
      apids: this.#sequence.checkpoint(),
    };
  }

  json(): LedgerJson {
    const { rejected, late = null, ...arrival } = this.#arrival;
    const sockets = this.#sockets();
    const accounts = this.#sequence.accounts();
    const missing = sum(accounts, (account) => account.counts.missing);
    const outage = sum(accounts, (account) => account.counts.outage);
    // What is wrong with a recording says nothing about what was lost in the pass.
    const rejects =
      rejectReasons.reduce((total, reason) => total + rejected[reason], sockets.overQuota) - (late?.rejected ?? 0);
    const local = (sockets.kernelDrops ?? 0) + rejects + sockets.queueDrops + arrival.storeDrops;
    const distinct = arrival.stored - arrival.conflicts;
    const gapsEach = Math.min(gapsListedMax, Math.floor(gapsListedInAllMax / Math.max(1, accounts.length)));
    return {
      received: this.received,
      stored: arrival.stored,
      duplicates: arrival.duplicates,
      out_of_order: arrival.outOfOrder,
      rejected: { ...rejected, over_quota: rejected.over_quota + sockets.overQuota },
      missing,
      conflicts: arrival.conflicts,
      idle: arrival.idle,
      datagrams: arrival.datagrams + sockets.queueDropDatagrams + sockets.overQuotaDatagrams,
      kernel_drops: sockets.kernelDrops,
      queue_drops: sockets.queueDrops,
      store_drops: arrival.storeDrops,
      outage,
      upstream: Math.max(0, missing - outage - local),
      unattributed: Math.max(0, outage + local - missing),
      outage_ms: Math.round(arrival.outageMs),
      completeness: this.#completeness(distinct, missing, local),
      bytes: arrival.bytes + sockets.queueDropBytes + sockets.overQuotaBytes,
      late,
      apids: accounts.map((account) => apidJson(account, gapsEach)),
    };
  }

  /** By sequence; formats without one can only tell what we dropped ourselves. Nothing received is nothing complete. */
  #completeness(distinct: number, missing: number, local: number): number {
    const expected = distinct + (this.format === "ccsds" ? missing : local);
    return expected === 0 ? 0 : distinct / expected;
  }

  #arrived(ingested: Ingested, turn: SequenceTurn): void {
    const arrival = this.#arrival;
    arrival.datagrams += ingested.datagrams;
    arrival.bytes += ingested.bytes;
    arrival.received += ingested.received;
    arrival.idle += ingested.idle;
    arrival.duplicates += turn.duplicates;
    for (const [reason, count] of ingested.rejected) arrival.rejected[reason] += count;
  }

  #drops(): number {
    const { kernelDrops, queueDrops, overQuota } = this.#sockets();
    return (kernelDrops ?? 0) + queueDrops + overQuota + this.#arrival.storeDrops;
  }

  #sockets(): SocketCounts {
    const [before, now] = [this.#socketsBefore, this.#socket];
    return {
      queueDrops: before.queueDrops + now.queueDrops,
      queueDropDatagrams: before.queueDropDatagrams + now.queueDropDatagrams,
      queueDropBytes: before.queueDropBytes + now.queueDropBytes,
      overQuota: before.overQuota + now.overQuota,
      overQuotaDatagrams: before.overQuotaDatagrams + now.overQuotaDatagrams,
      overQuotaBytes: before.overQuotaBytes + now.overQuotaBytes,
      kernelDrops:
        before.kernelDrops === null || now.kernelDrops === null ? null : before.kernelDrops + now.kernelDrops,
    };
  }
}

/** Raw and JSON records have no sequence: each is stored, and numbered as stored. */
function recordsTurn(count: number, storedBefore: number): SequenceTurn {
  return {
    verdicts: new Uint8Array(count),
    sequences: Float64Array.from({ length: count }, (_, i) => storedBefore + i),
    toStore: count,
    duplicates: 0,
    late: 0,
    conflicts: 0,
  };
}

function apidJson(account: ApidAccount, gapsMax: number): ApidJson {
  const { counts } = account;
  const { open, closed } = account.gaps();
  const gaps = [...closed, ...open].sort((one, other) => one.from - other.from);
  return {
    apid: counts.apid,
    received: counts.received,
    stored: counts.stored,
    duplicates: counts.duplicates,
    conflicts: counts.conflicts,
    out_of_order: counts.outOfOrder,
    missing: counts.missing,
    gaps: gaps.slice(0, gapsMax).map(gapJson),
    gaps_omitted: counts.gapsOmitted + Math.max(0, gaps.length - gapsMax),
    first_count: counts.first,
    last_count: counts.first === null ? null : counts.last,
  };
}

function gapJson(gap: Gap): GapJson {
  const at: Instant = instantOf(gap.atMs);
  return { after: gap.from - 1, count: gap.to - gap.from + 1, at, ambiguous: gap.ambiguous, outage: gap.outage };
}

function sum(accounts: readonly ApidAccount[], of: (account: ApidAccount) => number): number {
  return accounts.reduce((total, account) => total + of(account), 0);
}
