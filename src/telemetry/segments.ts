/** Telemetry in segment files under the data directory: one file a holder of a pass, `<ship>/<opened, ms>-<pass>-<token>.seg`. For a single process. */
import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { readBackwards, type StreamShelf } from "./backwards.ts";
import type { StoredEntry } from "./entry.ts";
import { HotFiles } from "./hot-files.ts";
import { entriesOf, type Frame, frameBytes, framesOf, readFrame, SegmentWriter } from "./segment-file.ts";
import {
  type EncodedEntry,
  hotBytesDefault,
  type StreamName,
  StreamSealedError,
  type Telemetry,
  type TelemetryCount,
  type TelemetryWriter,
} from "./telemetry.ts";

const namePattern = /^(\d{13})-([0-9a-f-]{36})-(\d+)\.seg$/;
/** Of frame places that are kept for paging backwards; the least recently used file goes first. */
const indexedFilesMax = 64;

interface Segment {
  readonly name: string;
  readonly passId: string;
  readonly token: number;
}

/** `hotBytesMax`: octets that a ship may have here unless it has a quota of its own; default 4 GiB. */
export function openSegments(directory: string, { hotBytesMax = hotBytesDefault } = {}): Telemetry {
  return new Segments(directory, hotBytesMax);
}

class Segments implements Telemetry {
  readonly kind = "segments";
  readonly #directory: string;
  readonly #hotBytesMax: number;
  /** By ship. */
  readonly #hot = new Map<string, Promise<HotFiles>>();
  /** By path: what is being written now. */
  readonly #open = new Map<string, SegmentWriter>();
  /** By path: what closed files hold. */
  readonly #totals = new Map<string, TelemetryCount>();
  readonly #frames = new Map<string, Frame[]>();
  /** By pass: tokens up to this one are sealed. */
  readonly #sealed = new Map<string, number>();
  readonly #shelf: StreamShelf = {
    streams: async (ship) => (await this.#segmentsOf(ship)).reverse(),
    entriesBelow: (ship, stream, below, countMax) => this.#entriesBelow(ship, stream, below, countMax),
  };

  constructor(directory: string, hotBytesMax: number) {
    this.#directory = directory;
    this.#hotBytesMax = hotBytesMax;
  }

  async open(stream: StreamName, hotBytes: number | null = null): Promise<TelemetryWriter> {
    const folder = join(this.#directory, stream.ship);
    await mkdir(folder, { recursive: true });
    const known = (await this.#segmentsOf(stream.ship)).find(
      (segment) => segment.passId === stream.passId && segment.token === stream.token,
    );
    const path = join(
      folder,
      known?.name ?? `${String(Date.now()).padStart(13, "0")}-${stream.passId}-${stream.token}.seg`,
    );
    const hot = await this.#hotOf(stream.ship);
    const writer = await SegmentWriter.open(path);
    this.#open.set(path, writer);
    return {
      append: async (entry: EncodedEntry) => {
        if (stream.token <= (this.#sealed.get(stream.passId) ?? 0)) throw new StreamSealedError(stream);
        const octets = frameBytes(entry);
        await hot.take(octets, hotBytes ?? this.#hotBytesMax);
        try {
          return await writer.append(entry);
        } catch (error) {
          hot.giveBack(octets);
          throw error;
        }
      },
      givenUp: [],
      close: async () => {
        if (!this.#open.delete(path)) return;
        this.#totals.set(path, writer.totals);
        await writer.close();
      },
    };
  }

  async seal(stream: StreamName): Promise<void> {
    this.#sealed.set(stream.passId, Math.max(stream.token - 1, this.#sealed.get(stream.passId) ?? 0));
  }

  /** A write to a file is known to be done or not. */
  async takeBack(): Promise<void> {}

  async *read(stream: StreamName, after = { token: 0, entry: 0 }): AsyncGenerator<StoredEntry> {
    const segments = (await this.#streamsOf(stream))
      .filter(({ token }) => token >= after.token)
      .sort((a, b) => a.token - b.token);
    for (const { name, token } of segments) {
      const path = join(this.#directory, stream.ship, name);
      yield* entriesOf(path, token, token === after.token ? after.entry : 0);
    }
  }

  async count(ship: string): Promise<TelemetryCount> {
    let { packets, bytes } = (await this.#hotOf(ship)).gone;
    for (const { name } of await this.#segmentsOf(ship)) {
      const path = join(this.#directory, ship, name);
      const totals = await this.#totalsOf(path);
      packets += totals.packets;
      bytes += totals.bytes;
    }
    return { packets, bytes };
  }

  latest(ship: string, limit: number, before?: Parameters<Telemetry["latest"]>[2]) {
    return readBackwards(this.#shelf, ship, limit, before);
  }

  /** Without `keptMs` segments are kept until room is needed: they hold the times of arrival, which the archive does not. */
  async release(stream: StreamName, keptMs: number | null = null): Promise<void> {
    this.#sealed.delete(stream.passId);
    const hot = await this.#hotOf(stream.ship);
    for (const { name } of await this.#streamsOf(stream)) await hot.archived(name, keptMs);
  }

  async drop(stream: StreamName): Promise<void> {
    const hot = await this.#hotOf(stream.ship);
    for (const { name } of await this.#streamsOf(stream)) await hot.drop(name);
  }

  async trim(ship: string, bytesMax: number | null = null): Promise<number> {
    return (await this.#hotOf(ship)).trim(bytesMax);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((writer) => writer.close()));
  }

  #hotOf(ship: string): Promise<HotFiles> {
    const known = this.#hot.get(ship);
    if (known !== undefined) return known;
    const opening = HotFiles.open(this.#directory, ship, (name) => this.#totalsOf(join(this.#directory, ship, name)));
    this.#hot.set(ship, opening);
    opening.catch(() => this.#hot.delete(ship)); // whoever asked hears of it, the next one tries again
    return opening;
  }

  /** Those of a pass, of all tokens up to this one. */
  async #streamsOf({ ship, passId, token }: StreamName): Promise<Segment[]> {
    return (await this.#segmentsOf(ship)).filter((one) => one.passId === passId && one.token <= token);
  }

  /** Oldest first: a name begins with the time at which the stream was opened. */
  async #segmentsOf(ship: string): Promise<Segment[]> {
    const names = await readdir(join(this.#directory, ship)).catch(() => []); // no such folder: nothing received yet
    return names.sort().flatMap((name) => {
      const [, , passId, token] = namePattern.exec(name) ?? [];
      return passId === undefined ? [] : [{ name, passId, token: Number(token) }];
    });
  }

  async #totalsOf(path: string): Promise<TelemetryCount> {
    const known = this.#open.get(path)?.totals ?? this.#totals.get(path);
    if (known !== undefined) return known;
    let packets = 0;
    let bytes = 0;
    const file = await open(path, "r");
    try {
      for await (const frame of framesOf(file)) {
        packets += frame.packets;
        bytes += frame.bytes;
      }
    } finally {
      await file.close();
    }
    this.#totals.set(path, { packets, bytes });
    return { packets, bytes };
  }

  async #entriesBelow(ship: string, stream: string, below: number, countMax: number): Promise<StoredEntry[]> {
    const path = join(this.#directory, ship, stream);
    const token = Number(namePattern.exec(stream)?.[3]);
    const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null; // let go meanwhile
      throw error;
    });
    if (file === null) return [];
    try {
      const frames = this.#frames.get(path) ?? [];
      const last = frames.at(-1);
      for await (const frame of framesOf(file, last === undefined ? 0 : last.offset)) {
        if (last === undefined || frame.entry > last.entry) frames.push(frame);
      }
      this.#remember(path, frames);
      const entries: StoredEntry[] = [];
      // Entries are numbered from 1 without a gap: the one below `below` is at `below - 2`.
      for (let i = Math.min(below - 2, frames.length - 1); i >= 0 && entries.length < countMax; i--) {
        const frame = frames[i];
        const payload = frame === undefined ? null : await readFrame(file, frame);
        if (frame !== undefined && payload !== null) entries.push({ token, entry: frame.entry, payload });
      }
      return entries;
    } finally {
      await file.close();
    }
  }

  #remember(path: string, frames: Frame[]): void {
    this.#frames.delete(path);
    this.#frames.set(path, frames);
    const [oldest] = this.#frames.keys();
    if (this.#frames.size > indexedFilesMax && oldest !== undefined) this.#frames.delete(oldest);
  }
}
