/** From datagrams to packets: splits a batch into the packets that are worth storing and counts the rest. Pure, one pass, nothing copied. */
import type { DatagramBatch, PacketBatch, PacketFormat } from "./batch.ts";
import { apidAt, headerFault, idleApid, isCrcRight, type RejectReason, sequenceCountAt, sizeAt } from "./ccsds.ts";

export interface IngestRules {
  readonly format: PacketFormat;
  /** Header included. A larger packet is rejected as `oversized`. */
  readonly packetSizeMax: number;
  /** Whether packets of this APID end in a CRC-16; CCSDS only. */
  readonly hasCrc: (apid: number) => boolean;
}

export interface RejectSample {
  readonly reason: RejectReason;
  /** The first octets of what was rejected, as hex. */
  readonly head: string;
  readonly sizeBytes: number;
  readonly arrivedMs: number;
}

/** received = packets.count + idle + all rejected. */
export interface Ingested {
  readonly packets: PacketBatch;
  readonly datagrams: number;
  readonly bytes: number;
  readonly received: number;
  readonly idle: number;
  readonly rejected: ReadonlyMap<RejectReason, number>;
  /** One of each reason in this batch. */
  readonly samples: readonly RejectSample[];
}

const sampleBytesMax = 32;
/** No datagram is longer than this, so no JSON object is. */
const decoder = new TextDecoder("utf-8", { fatal: true });

/** What cannot be a packet ends its datagram: there is no telling where the next one would start. */
export function ingest(batch: DatagramBatch, rules: IngestRules): Ingested {
  const taken = new Taken(batch, rules.format);
  let start = 0;
  for (let i = 0; i < batch.count; i++) {
    const end = batch.ends[i] ?? start;
    const arrivedMs = batch.arrivedMs[i] ?? 0;
    switch (rules.format) {
      case "ccsds":
        takeSpacePackets(taken, rules, start, end, arrivedMs);
        break;
      case "raw":
      case "json":
        takeRecord(taken, rules, start, end, arrivedMs);
        break;
      default:
        rules.format satisfies never;
    }
    start = end;
  }
  return taken.done(start);
}

function takeSpacePackets(taken: Taken, rules: IngestRules, start: number, end: number, arrivedMs: number): void {
  const { bytes } = taken.batch;
  let at = start;
  do {
    const fault = headerFault(bytes, at, end);
    if (fault !== null) {
      taken.reject(fault, at, end, arrivedMs);
      return;
    }
    const sizeBytes = sizeAt(bytes, at);
    const apid = apidAt(bytes, at);
    if (sizeBytes > rules.packetSizeMax) taken.reject("oversized", at, at + sizeBytes, arrivedMs);
    else if (apid === idleApid) taken.idle += 1;
    else if (rules.hasCrc(apid) && !isCrcRight(bytes, at, sizeBytes))
      taken.reject("bad_crc", at, at + sizeBytes, arrivedMs);
    else taken.keep(at, sizeBytes, apid, sequenceCountAt(bytes, at), arrivedMs);
    at += sizeBytes;
  } while (at < end);
}

function takeRecord(taken: Taken, rules: IngestRules, start: number, end: number, arrivedMs: number): void {
  const sizeBytes = end - start;
  if (sizeBytes === 0) taken.reject("too_short", start, end, arrivedMs);
  else if (sizeBytes > rules.packetSizeMax) taken.reject("oversized", start, end, arrivedMs);
  else if (rules.format === "json" && !isJsonObject(taken.batch.bytes.subarray(start, end)))
    taken.reject("bad_json", start, end, arrivedMs);
  else taken.keep(start, sizeBytes, 0, 0, arrivedMs);
}

function isJsonObject(bytes: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The packets of one batch while they are found; the arrays grow, as a datagram may hold many packets. */
class Taken {
  readonly batch: DatagramBatch;
  readonly #format: PacketFormat;
  readonly #rejected = new Map<RejectReason, number>();
  readonly #samples: RejectSample[] = [];
  #count = 0;
  idle = 0;
  #rejects = 0;
  #starts: Uint32Array;
  #sizes: Uint32Array;
  #apids: Uint16Array;
  #sequenceCounts: Uint16Array;
  #arrivedMs: Float64Array;

  constructor(batch: DatagramBatch, format: PacketFormat) {
    this.batch = batch;
    this.#format = format;
    this.#starts = new Uint32Array(batch.count);
    this.#sizes = new Uint32Array(batch.count);
    this.#apids = new Uint16Array(batch.count);
    this.#sequenceCounts = new Uint16Array(batch.count);
    this.#arrivedMs = new Float64Array(batch.count);
  }

  keep(start: number, sizeBytes: number, apid: number, sequenceCount: number, arrivedMs: number): void {
    const at = this.#count;
    if (at === this.#starts.length) this.#grow();
    this.#starts[at] = start;
    this.#sizes[at] = sizeBytes;
    this.#apids[at] = apid;
    this.#sequenceCounts[at] = sequenceCount;
    this.#arrivedMs[at] = arrivedMs;
    this.#count = at + 1;
  }

  reject(reason: RejectReason, start: number, end: number, arrivedMs: number): void {
    this.#rejects += 1;
    const before = this.#rejected.get(reason) ?? 0;
    this.#rejected.set(reason, before + 1);
    if (before > 0) return;
    const head = this.batch.bytes.subarray(start, Math.min(end, start + sampleBytesMax)).toHex();
    this.#samples.push({ reason, head, sizeBytes: end - start, arrivedMs });
  }

  done(bytes: number): Ingested {
    return {
      packets: {
        format: this.#format,
        bytes: this.batch.bytes,
        count: this.#count,
        starts: this.#starts,
        sizes: this.#sizes,
        apids: this.#apids,
        sequenceCounts: this.#sequenceCounts,
        arrivedMs: this.#arrivedMs,
      },
      datagrams: this.batch.count,
      bytes,
      received: this.#count + this.idle + this.#rejects,
      idle: this.idle,
      rejected: this.#rejected,
      samples: this.#samples,
    };
  }

  #grow(): void {
    const lengthNew = Math.max(16, this.#starts.length * 2);
    this.#starts = grown(this.#starts, new Uint32Array(lengthNew));
    this.#sizes = grown(this.#sizes, new Uint32Array(lengthNew));
    this.#apids = grown(this.#apids, new Uint16Array(lengthNew));
    this.#sequenceCounts = grown(this.#sequenceCounts, new Uint16Array(lengthNew));
    this.#arrivedMs = grown(this.#arrivedMs, new Float64Array(lengthNew));
  }
}

function grown<T extends Uint32Array | Uint16Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
