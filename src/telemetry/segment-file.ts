/**
 * One append-only segment file: frames back to back, each whole or not there. A crash may leave a torn last frame; readers stop before it.
 *
 *     per frame, little-endian:  u32 "ORS1" │ u32 entry, from 1 │ u32 packets │ u32 bytes of packets │ u32 payload size │ u32 CRC-32 of all other bytes │ payload
 */
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { StoredEntry } from "./entry.ts";
import type { EncodedEntry, TelemetryCount } from "./telemetry.ts";
import { TelemetryFullError } from "./telemetry.ts";

const magic = 0x3153524f;
const headBytes = 24;
/** 256 packets of the largest size, and their heads. */
const payloadBytesMax = 256 * (65_542 + 16);
/** A power cut may lose this much; a killed process loses nothing. */
const syncEveryMs = 1_000;

export interface Frame {
  readonly entry: number;
  readonly packets: number;
  readonly bytes: number;
  readonly offset: number;
  readonly payloadBytes: number;
}

/** The frames of a file from `offset` on, up to its end or the first one that is not whole. Checks heads only, unless it is the last. */
export async function* framesOf(file: FileHandle, offset = 0): AsyncGenerator<Frame> {
  const { size } = await file.stat();
  const head = new DataView(new ArrayBuffer(headBytes));
  let at = offset;
  while (at + headBytes <= size) {
    const { bytesRead } = await file.read(new Uint8Array(head.buffer), 0, headBytes, at);
    const payloadBytes = head.getUint32(16, true);
    if (bytesRead < headBytes || head.getUint32(0, true) !== magic || payloadBytes > payloadBytesMax) return;
    const end = at + headBytes + payloadBytes;
    if (end > size) return;
    const frame: Frame = {
      entry: head.getUint32(4, true),
      packets: head.getUint32(8, true),
      bytes: head.getUint32(12, true),
      offset: at,
      payloadBytes,
    };
    if (end + headBytes > size && (await readFrame(file, frame)) === null) return;
    yield frame;
    at = end;
  }
}

/** The payload of a frame; null when its check sum is wrong. */
export async function readFrame(file: FileHandle, frame: Frame): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(headBytes + frame.payloadBytes);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, frame.offset);
  if (bytesRead < bytes.length) return null;
  const stored = new DataView(bytes.buffer).getUint32(20, true);
  return stored === checkSum(bytes) ? bytes.subarray(headBytes) : null;
}

/** All entries of a file after entry number `after`. */
export async function* entriesOf(path: string, token: number, after = 0): AsyncGenerator<StoredEntry> {
  const file = await open(path, "r");
  try {
    for await (const frame of framesOf(file)) {
      if (frame.entry <= after) continue;
      const payload = await readFrame(file, frame);
      if (payload === null) return;
      yield { token, entry: frame.entry, payload };
    }
  } finally {
    await file.close();
  }
}

/** What an entry takes of a file. */
export const frameBytes = ({ payload }: EncodedEntry): number => headBytes + payload.length;

export class SegmentWriter {
  readonly #file: FileHandle;
  #offset: number;
  #entry: number;
  #packets: number;
  #bytes: number;
  #syncedAtMs = performance.now();

  private constructor(file: FileHandle, last: Frame | null, totals: TelemetryCount) {
    this.#file = file;
    this.#entry = last?.entry ?? 0;
    this.#offset = last === null ? 0 : last.offset + headBytes + last.payloadBytes;
    this.#packets = totals.packets;
    this.#bytes = totals.bytes;
  }

  /** Goes on behind the last whole frame, writing over a torn one. */
  static async open(path: string): Promise<SegmentWriter> {
    const file = await open(path, "a").then(async (made) => {
      await made.close();
      return open(path, "r+");
    });
    let last: Frame | null = null;
    let packets = 0;
    let bytes = 0;
    for await (const frame of framesOf(file)) {
      last = frame;
      packets += frame.packets;
      bytes += frame.bytes;
    }
    return new SegmentWriter(file, last, { packets, bytes });
  }

  get totals(): TelemetryCount {
    return { packets: this.#packets, bytes: this.#bytes };
  }

  /** A frame that does not fit leaves the file as it was: the next one is written over what there is of it. */
  async append(entry: EncodedEntry): Promise<number> {
    const frame = encodeFrame(this.#entry + 1, entry);
    try {
      await this.#catchUp(); // before the frame is written: one that is there is never told as lost
      for (let written = 0; written < frame.length; ) {
        const part = await this.#file.write(frame, written, frame.length - written, this.#offset + written);
        written += part.bytesWritten;
      }
    } catch (error) {
      throw new TelemetryFullError("Cannot write telemetry to its segment file", { cause: error });
    }
    this.#offset += frame.length;
    this.#entry += 1;
    this.#packets += entry.packets;
    this.#bytes += entry.bytes;
    return this.#entry;
  }

  async #catchUp(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#syncedAtMs < syncEveryMs) return;
    this.#syncedAtMs = nowMs;
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    try {
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
  }
}

function encodeFrame(number: number, entry: EncodedEntry): Uint8Array {
  const frame = new Uint8Array(headBytes + entry.payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, number, true);
  view.setUint32(8, entry.packets, true);
  view.setUint32(12, entry.bytes, true);
  view.setUint32(16, entry.payload.length, true);
  frame.set(entry.payload, headBytes);
  view.setUint32(20, checkSum(frame), true);
  return frame;
}

/** Over head and payload, without the four bytes that hold it. */
function checkSum(frame: Uint8Array): number {
  return crc32(frame.subarray(headBytes), crc32(frame.subarray(0, 20)));
}
