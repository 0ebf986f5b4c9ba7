/**
 * Collects datagrams into batches and hands them over against credits. When all credits are out and one more batch is full,
 * datagrams are dropped and counted: memory is bounded by (credits + 1) batches of 1 MiB.
 */
import type { DatagramBatch, PacketFormat } from "./batch.ts";
import { countPackets } from "./ccsds.ts";
import { PacketQuota } from "./packet-quota.ts";

export interface CollectorOptions {
  readonly format: PacketFormat;
  readonly creditsMax: number;
  /** Called with a credit taken; give it back with `settled`. */
  readonly handOver: (batch: DatagramBatch) => void;
}

/** The smallest batch holds the largest datagram (65,507 octets). Busy ports grow theirs, as big batches cost less. */
const batchBytesMin = 65_536;
const batchBytesMax = 1_048_576;
/** One entry for so many octets: tiny datagrams fill a batch by their number. */
const bytesPerEntry = 64;

/** So many batches may be out when one is handed over for its age, not for being full. */
const outWhenAgedMax = 2;

export class DatagramCollector {
  readonly #options: CollectorOptions;
  #credits: number;
  #capacity = batchBytesMin;
  #batch: Filling | null = null;
  /** Buffers given back, to be used again. */
  readonly #spare: ArrayBuffer[] = [];
  #isDue = false;
  readonly #settledWaiters = new Set<() => void>();
  datagrams = 0;
  bytes = 0;
  queueDrops = 0;
  queueDropDatagrams = 0;
  queueDropBytes = 0;
  overQuota = 0;
  overQuotaDatagrams = 0;
  overQuotaBytes = 0;
  #quota: PacketQuota | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#credits = options.creditsMax;
  }

  /** Packets a second from now on, of what `add` is given; null: all of them. The same again changes nothing. */
  limit(packetsPerS: number | null, nowMs: number): void {
    if (packetsPerS === (this.#quota?.packetsPerS ?? null)) return;
    this.#quota = packetsPerS === null ? null : new PacketQuota(packetsPerS, nowMs);
  }

  /** Takes a copy, unless it is over the quota: that costs no more than its headers. True if it is the first of a batch, which should be handed over by `flush` after a while. */
  add(datagram: Uint8Array, arrivedMs: number): boolean {
    this.datagrams += 1;
    this.bytes += datagram.length;
    if (this.#quota !== null && !this.#isWithin(this.#quota, datagram, arrivedMs)) return false;
    if (this.#batch !== null && !this.#batch.hasRoom(datagram.length)) {
      this.#isDue = true;
      this.#capacity = Math.min(batchBytesMax, this.#capacity * 2);
      if (!this.#handOver()) {
        this.#drop(datagram);
        return false;
      }
    }
    const isFirst = this.#batch === null;
    this.#batch ??= new Filling(this.#buffer());
    this.#batch.add(datagram, arrivedMs);
    return isFirst;
  }

  /** Hands over what there is once fewer than two batches are out: while the taker is busy, batches had better fill. */
  flush(): void {
    if (this.#batch === null) return;
    if (this.#batch.sizeBytes < this.#capacity / 4) this.#capacity = Math.max(batchBytesMin, this.#capacity / 2);
    this.#isDue = true;
    if (this.#out() < outWhenAgedMax) this.#handOver();
  }

  /** Hands over the last batch, now or as soon as a credit is back. */
  finish(): void {
    this.#isDue = true;
    this.#handOver();
  }

  /** A batch is done with; its buffer, if it comes back, is used again. */
  settled(buffer: ArrayBuffer | null): void {
    this.#credits += 1;
    if (buffer !== null && this.#spare.length === 0) this.#spare.push(buffer);
    if (this.#isDue && this.#out() < outWhenAgedMax) this.#handOver();
    if (!this.isIdle()) return;
    for (const wake of this.#settledWaiters) wake();
    this.#settledWaiters.clear();
  }

  /** Nothing collected, nothing out. */
  isIdle(): boolean {
    return this.#batch === null && this.#credits === this.#options.creditsMax;
  }

  /** Resolves once idle; false if `deadlineMs` passed first. */
  async idle(deadlineMs: number): Promise<boolean> {
    if (this.isIdle()) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = () => resolve(true);
    this.#settledWaiters.add(wake);
    const timer = setTimeout(() => resolve(false), deadlineMs);
    const isIdle = await promise;
    clearTimeout(timer);
    this.#settledWaiters.delete(wake);
    return isIdle;
  }

  #out(): number {
    return this.#options.creditsMax - this.#credits;
  }

  #handOver(): boolean {
    if (this.#batch === null || this.#credits === 0) return false;
    const batch = this.#batch;
    this.#batch = null;
    this.#isDue = false;
    this.#credits -= 1;
    this.#options.handOver(batch.done());
    return true;
  }

  #drop(datagram: Uint8Array): void {
    this.queueDropDatagrams += 1;
    this.queueDropBytes += datagram.length;
    this.queueDrops += this.#packetsIn(datagram);
  }

  #isWithin(quota: PacketQuota, datagram: Uint8Array, nowMs: number): boolean {
    const packets = this.#packetsIn(datagram);
    if (quota.take(packets, nowMs)) return true;
    this.overQuota += packets;
    this.overQuotaDatagrams += 1;
    this.overQuotaBytes += datagram.length;
    return false;
  }

  #packetsIn(datagram: Uint8Array): number {
    return this.#options.format === "ccsds" ? countPackets(datagram, 0, datagram.length) : 1;
  }

  #buffer(): ArrayBuffer {
    const spare = this.#spare.pop();
    return spare !== undefined && spare.byteLength === bufferBytesFor(this.#capacity)
      ? spare
      : new ArrayBuffer(bufferBytesFor(this.#capacity));
  }
}

/** One buffer holds the arrival times, the ends and the octets, in this order: one transfer moves a batch to another thread. */
function bufferBytesFor(capacity: number): number {
  return (capacity / bytesPerEntry) * 12 + capacity;
}

/** The batch that `count` datagrams of `capacity` octets at most make of a collector's buffer. */
export function batchOf(buffer: ArrayBuffer, count: number): DatagramBatch {
  const entries = buffer.byteLength / (12 + bytesPerEntry);
  return {
    count,
    arrivedMs: new Float64Array(buffer, 0, entries),
    ends: new Uint32Array(buffer, entries * 8, entries),
    bytes: new Uint8Array(buffer, entries * 12),
  };
}

class Filling {
  readonly #batch: DatagramBatch;
  #count = 0;
  sizeBytes = 0;

  constructor(buffer: ArrayBuffer) {
    this.#batch = batchOf(buffer, 0);
  }

  hasRoom(sizeBytes: number): boolean {
    return this.#count < this.#batch.ends.length && this.sizeBytes + sizeBytes <= this.#batch.bytes.length;
  }

  add(datagram: Uint8Array, arrivedMs: number): void {
    this.#batch.bytes.set(datagram, this.sizeBytes);
    this.sizeBytes += datagram.length;
    this.#batch.ends[this.#count] = this.sizeBytes;
    this.#batch.arrivedMs[this.#count] = arrivedMs;
    this.#count += 1;
  }

  done(): DatagramBatch {
    return { ...this.#batch, count: this.#count };
  }
}
