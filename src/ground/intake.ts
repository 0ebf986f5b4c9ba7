/**
 * The way of a pass's packets: ingest → judge → store → apply, a slice of up to 256 packets at a time and one slice in flight,
 * so that the ledger never speaks of a packet that is not stored. Its queue is bounded by the receiver's credits.
 */
import { encodeEntry, entryPacketsMax } from "../telemetry/entry.ts";
import {
  type GivenUpEntry,
  type StreamName,
  StreamSealedError,
  type Telemetry,
  TelemetryFullError,
  TelemetryUnavailableError,
  type TelemetryWriter,
} from "../telemetry/telemetry.ts";
import type { DatagramBatch, PacketBatch } from "./batch.ts";
import { type Ingested, type IngestRules, ingest, type RejectSample } from "./ingest.ts";
import type { Ledger, LedgerTurn } from "./ledger.ts";
import { choiceOf } from "./packet-choice.ts";
import { slicesOf } from "./slices.ts";
import type { StreamPlace, Trail } from "./trail.ts";

/** Told after a slice is settled. */
export interface IntakeObserver {
  /** Stored: their values count from now on. */
  stored(packets: PacketBatch, turn: LedgerTurn): void;
  settled(ingested: Ingested, turn: LedgerTurn, isStored: boolean): void;
  /** The first of each reason. */
  rejected(sample: RejectSample): void;
  dropped(error: Error, packets: number): void;
  /** Another holder goes on with this pass. */
  sealed(error: StreamSealedError): void;
}

export interface IntakeParts {
  readonly ledger: Ledger;
  readonly telemetry: Pick<Telemetry, "open">;
  readonly stream: StreamName;
  /** Octets that the ship may have in the hot store; null or absent: as configured. */
  readonly hotBytes?: number | null;
  readonly rules: IngestRules;
  /** Of what earlier holders stored; goes on here. */
  readonly trail: Trail;
  readonly observer: IntakeObserver;
}

/** `entry`: the last one that is stored. */
export interface StreamPosition extends StreamPlace {
  readonly givenUp: readonly GivenUpEntry[];
  /** Packets after this place are to be known by whoever goes on. */
  readonly rememberFrom: StreamPlace;
}

export class Intake {
  readonly ledger: Ledger;
  readonly #parts: IntakeParts;
  #writer: TelemetryWriter | null = null;
  /** The number of the last entry in our own stream. */
  #entry = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #isSealed = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.ledger = parts.ledger;
  }

  /** Settles when everything in the batch is stored or counted as lost: then the receiver has its credit back. */
  take(batch: DatagramBatch): Promise<void> {
    return this.between(() => this.#settle(batch));
  }

  /** Runs `work` when no slice is under way and all that was taken before is settled. */
  between<T>(work: () => T | Promise<T>): Promise<T> {
    const run = this.#queue.then(work);
    this.#queue = run.catch(() => {}); // the caller hears of it
    return run;
  }

  /** How far the stream of this holder goes: what a checkpoint remembers. */
  get position(): StreamPosition {
    const { trail, stream } = this.#parts;
    return {
      token: stream.token,
      entry: this.#entry,
      givenUp: this.#writer?.givenUp ?? [],
      rememberFrom: trail.from,
    };
  }

  /** From then on the store has what the ledger calls stored, and nothing else. Throws while the store cannot say so: to be tried again. */
  async close(): Promise<void> {
    await this.between(async () => {
      await this.#writer?.close();
      this.#writer = null;
    });
  }

  async #settle(batch: DatagramBatch): Promise<void> {
    if (this.#isSealed) return;
    const ingested = ingest(batch, this.#parts.rules);
    for (const sample of ingested.samples) this.#parts.observer.rejected(sample);
    for (const slice of slicesOf(ingested, entryPacketsMax)) {
      await this.#settleSlice(slice);
      if (this.#isSealed) return;
    }
  }

  async #settleSlice(slice: Ingested): Promise<void> {
    const { observer, ledger } = this.#parts;
    const turn = ledger.judge(slice);
    let isStored = false;
    try {
      if (turn.toStore > 0) {
        const entry = encodeEntry(slice.packets, choiceOf(turn));
        this.#writer ??= await this.#parts.telemetry.open(this.#parts.stream, this.#parts.hotBytes);
        this.#entry = await this.#writer.append(entry);
        this.#parts.trail.stored({ token: this.#parts.stream.token, entry: this.#entry }, turn.toStore);
      }
      isStored = true;
    } catch (error) {
      if (error instanceof StreamSealedError) {
        this.#isSealed = true;
        observer.sealed(error);
      } else if (error instanceof TelemetryFullError || error instanceof TelemetryUnavailableError) {
        observer.dropped(error, turn.toStore);
      } else {
        observer.dropped(new Error("Cannot store packets", { cause: error }), turn.toStore);
      }
    }
    if (isStored) turn.apply();
    else turn.discard();
    if (isStored) observer.stored(slice.packets, turn);
    observer.settled(slice, turn, isStored);
  }
}
