/** Reads one file line by line, as far as it reaches and as it grows. */
import { type FileHandle, open } from "node:fs/promises";
import { messageOf } from "../../compute/function.ts";
import type { Message } from "../message.ts";
import type { SourceListener } from "../source.ts";
import type { PartitionReader } from "./leased-readers.ts";
import { countLines, type Line, linesOf } from "./lines.ts";
import { createProgress } from "./progress.ts";

export interface FileReader extends PartitionReader {
  /** Whoever looks at files says how long this one is; null: it is gone. What is new is read. */
  sizeIs(sizeBytes: number | null): void;
  /** All of it is read and committed. */
  readonly isDone: boolean;
}

export interface FileReaderParts {
  readonly flow: string;
  readonly name: string;
  readonly path: string;
  readonly start: number;
  readonly listener: SourceListener;
}

const chunkBytes = 256 * 1024;
/** Of a longer line the beginning is handed over, as what it is: no JSON. */
const lineBytesMax = 16 * 1024 * 1024;
/** What a look counts ahead at most, while nothing is read: the rest is counted at the next ones. */
const countedBytesMax = 16 * 1024 * 1024;
/** A last line without a line break is taken once the file has not grown in so many looks, if it is JSON: a line half written is not. */
const looksMax = 3;

export function createFileReader({ flow, name, path, start, listener }: FileReaderParts): FileReader {
  const progress = createProgress(start);
  let sizeBytes = start;
  let looksWithoutGrowth = 0;
  let isPaused = false;
  let isClosed = false;
  let hasFailed = false;
  let reading: Promise<void> | null = null;
  /** Lines that are known to lie between what was read and `upTo`. */
  const ahead = { upTo: start, lines: 0 };
  let counting: Promise<void> | null = null;

  /** What is read on at once needs no count; what is held up is counted so that people see how far behind it is. */
  function count(): void {
    if (!isPaused || isClosed || ahead.upTo >= sizeBytes) return;
    counting ??= countOn()
      .catch(() => undefined) // whoever reads it says so
      .finally(() => {
        counting = null;
      });
  }

  async function countOn(): Promise<void> {
    const file = await open(path, "r");
    try {
      const end = ahead.upTo + countedBytesMax;
      while (isPaused && !isClosed && ahead.upTo < Math.min(end, sizeBytes)) {
        const from = ahead.upTo;
        const bytes = await readAt(file, from, chunkBytes);
        if (ahead.upTo !== from || bytes.length === 0) return; // it was read meanwhile
        ahead.lines += countLines(bytes);
        ahead.upTo += bytes.length;
      }
    } finally {
      await file.close();
    }
  }

  function go(): void {
    if (isPaused || isClosed || progress.next >= sizeBytes) return;
    reading ??= readOn()
      .catch((error: unknown) => fail(`${path} cannot be read: ${messageOf(error)}`))
      .finally(() => {
        reading = null;
      });
  }

  function fail(reason: string): void {
    if (isClosed) return;
    isClosed = true;
    hasFailed = true;
    listener.failed(name, new Error(reason));
  }

  async function readOn(): Promise<void> {
    const file = await open(path, "r");
    try {
      let lengthBytes = chunkBytes;
      while (!isPaused && !isClosed && progress.next < sizeBytes) {
        const bytes = await readAt(file, progress.next, lengthBytes);
        if (isPaused || isClosed) return;
        const { lines, next } = linesOf(bytes, progress.next);
        if (next > progress.next) {
          lengthBytes = chunkBytes;
          handOver(lines, next);
        } else if (bytes.length < lengthBytes) {
          takeUnended(bytes);
          return;
        } else if (lengthBytes < lineBytesMax) lengthBytes = lineBytesMax;
        else await skipLine(file, bytes);
      }
    } finally {
      await file.close();
    }
  }

  /** The rest of the file, if it is a line that nobody will end. */
  function takeUnended(bytes: Uint8Array): void {
    if (bytes.length === 0 || looksWithoutGrowth < looksMax || !isJson(bytes)) return;
    const end = progress.next + bytes.length;
    handOver([{ start: progress.next, bytes }], end);
  }

  async function skipLine(file: FileHandle, beginning: Uint8Array): Promise<void> {
    let at = progress.next + beginning.length;
    while (!isClosed) {
      const bytes = await readAt(file, at, chunkBytes);
      const found = bytes.indexOf(0x0a);
      if (found < 0 && bytes.length < chunkBytes) return; // it may grow, and is looked at again
      at += found < 0 ? bytes.length : found + 1;
      if (found < 0) continue;
      handOver([{ start: progress.next, bytes: beginning.slice(0, 1024) }], at);
      return;
    }
  }

  function handOver(lines: readonly Line[], next: number): void {
    const last = lines.at(-1);
    if (last !== undefined) progress.handedOver(last.start);
    progress.lookedAt(next);
    ahead.lines = Math.max(0, ahead.lines - lines.length);
    if (next >= ahead.upTo) Object.assign(ahead, { upTo: next, lines: 0 });
    if (last !== undefined) listener.messages(name, lines.map(messageAt));
  }

  const messageAt = ({ start, bytes }: Line): Message => ({
    flow,
    partition: name,
    id: String(start),
    offset: start,
    key: null,
    value: bytes,
    timestampMs: Date.now(),
    headers: {},
  });

  return {
    sizeIs(size) {
      if (isClosed) return;
      if (size === null)
        return void (progress.next < sizeBytes && fail(`${path} is gone, and was not read to its end`));
      if (size < progress.next)
        return fail(`${path} has ${size} bytes, and ${progress.next} were read: files may only grow`);
      looksWithoutGrowth = size === sizeBytes ? looksWithoutGrowth + 1 : 0;
      sizeBytes = size;
      go();
      count();
    },
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      // What is under way may have seen the pause, and ends.
      void (reading ?? Promise.resolve()).then(go);
    },
    progress,
    get waiting() {
      if (progress.next >= sizeBytes) return 0;
      return ahead.upTo > progress.next ? ahead.lines : null;
    },
    get isDone() {
      return progress.isSettled && progress.next >= sizeBytes && reading === null;
    },
    get hasFailed() {
      return hasFailed;
    },
    async close() {
      isClosed = true;
      await Promise.all([reading, counting]);
    },
  };
}

async function readAt(file: FileHandle, position: number, lengthBytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const { bytesRead } = await file.read(buffer, filled, lengthBytes - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
