/** Where packets go and where they are read again. One interface; Redis Streams and append-only segment files serve it. */
import { StoreUnavailableError } from "../model/errors.ts";
import type { PassId } from "../model/pass.ts";
import type { StoredEntry } from "./entry.ts";

/** What one holder of a pass writes: its own stream, so that a superseded holder cannot interleave with the next one. */
export interface StreamName {
  readonly ship: string;
  readonly passId: PassId;
  readonly token: number;
}

export interface TelemetryCount {
  readonly packets: number;
  readonly bytes: number;
}

/** A place in a ship's telemetry: reading goes on before it. */
export interface TelemetryCursor {
  readonly stream: string;
  readonly entry: number;
  /** How many packets of that entry lie before the place. */
  readonly packet: number;
}

export interface TelemetryPacket {
  readonly passId: PassId;
  readonly arrivedMs: number;
  /** Its sequence count was seen before with other bytes. */
  readonly conflict: boolean;
  readonly bytes: Uint8Array;
}

/** Only one append at a time. */
export interface TelemetryWriter {
  /**
   * Stores one entry (`encodeEntry`, up to 256 packets) and returns its number, from 1. Resolved means stored, once, however often it was tried.
   * Throws `TelemetryFullError` or `TelemetryUnavailableError` (not stored: count the packets as store drops) or
   * `StreamSealedError` (another holder goes on: stop).
   */
  append(entry: EncodedEntry): Promise<number>;
  /** Entries that `append` gave up and that may have got through all the same: counted as lost, so they are taken back once the store answers. */
  readonly givenUp: readonly GivenUpEntry[];
  /** Throws `TelemetryUnavailableError` while what was given up cannot be taken back: then it may be closed again, later. */
  close(): Promise<void>;
}

/** JSON: a checkpoint has it, so that the next holder takes back what this one could not. */
export interface GivenUpEntry {
  readonly entry: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface EncodedEntry {
  readonly packets: number;
  /** Of the packets themselves. */
  readonly bytes: number;
  readonly payload: Uint8Array;
}

export interface Telemetry {
  readonly kind: "redis" | "segments";
  /** `hotBytes`: octets that the ship may have here; null or absent: as many as the configuration allows any. */
  open(stream: StreamName, hotBytes?: number | null): Promise<TelemetryWriter>;
  /** Ends the streams of all tokens below `stream.token`, for good: a late write of their holders is refused. */
  seal(stream: StreamName): Promise<void>;
  /** What the holder of this stream gave up must not be there. The stream is sealed. */
  takeBack(stream: StreamName, givenUp: readonly GivenUpEntry[]): Promise<void>;
  /** Every entry of a pass in the order of storing, tokens 1 … `stream.token`, those after `after` only. */
  read(stream: StreamName, after?: { readonly token: number; readonly entry: number }): AsyncIterable<StoredEntry>;
  /** What was ever stored for a ship. */
  count(ship: string): Promise<TelemetryCount>;
  /** The newest packets of a ship, newest first, at most `limit`. `next`: give it as `before` for the ones before them; null at the end. */
  latest(
    ship: string,
    limit: number,
    before?: TelemetryCursor,
  ): Promise<{ readonly packets: TelemetryPacket[]; readonly next: TelemetryCursor | null }>;
  /**
   * The pass is archived: its streams may go, in `keptMs` (null or absent: a day later in Redis, never in files), or as soon as
   * their ship needs the room, the oldest first.
   */
  release(stream: StreamName, keptMs?: number | null): Promise<void>;
  /** The streams of all tokens up to `stream.token` go now. */
  drop(stream: StreamName): Promise<void>;
  /**
   * Lets archived streams go whose time is over, and the oldest of the others until the ship has `bytesMax` octets here (null or
   * absent: no such bound). Returns how many it has then; streams that are not archived stay.
   */
  trim(ship: string, bytesMax?: number | null): Promise<number>;
  close(): Promise<void>;
}

/** No room: memory or disk. */
export class TelemetryFullError extends Error {
  override readonly name: string = "TelemetryFullError";
}

/** The ship has as much here as it may, none of it archived. */
export class HotStoreFullError extends TelemetryFullError {
  constructor(ship: string, octets: number, max: number) {
    super(
      `Ship ${ship} has ${octets} octets of packets that are not archived, and may have ${max}: end its passes, ` +
        "or raise its quota.hot_bytes or ground.hot_bytes_max (from the next pass on)",
    );
  }
}

/** Octets that a ship may have in the hot store where nobody says otherwise. */
export const hotBytesDefault = 4 * 1024 ** 3;

/** No answer within the deadline, and none since. */
export class TelemetryUnavailableError extends StoreUnavailableError {
  constructor(detail: string, options: ErrorOptions) {
    super(detail);
    this.cause = options.cause;
  }
}

/** Another holder of the pass has sealed this stream. */
export class StreamSealedError extends Error {
  override readonly name = "StreamSealedError";
  constructor(stream: StreamName) {
    super(`Cannot store packets of pass ${stream.passId} under token ${stream.token}: a newer holder goes on with it`);
  }
}
