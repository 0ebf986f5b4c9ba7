/**
 * Reads one pass. While it receives: what its holder has accounted for, in the hot store. Once it is archived: its archive. A packet's place is how
 * many the pass stored before it, in both.
 *
 * That holds because of what is not read: entries behind the checkpoint, and entries that it says were given up. Their holder counted those as lost
 * and takes them back, so that no archive has them. A checkpoint under a newer token is written when the streams of all older ones are sealed, so what a
 * new holder stores never comes before what is still to come of the last one.
 */
import { messageOf } from "../../compute/function.ts";
import { StoreUnavailableError } from "../../model/errors.ts";
import type { PassStanding } from "../../store/flow-passes.ts";
import { ArchiveUnreadableError, readArchive } from "../../telemetry/archive-index.ts";
import { placesOf } from "../../telemetry/entry.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { SourceListener } from "../source.ts";
import type { PartitionReader } from "./leased-readers.ts";
import type { PacketMessages } from "./packet-message.ts";
import { createProgress } from "./progress.ts";
import type { SourceParts } from "./setup.ts";

export interface PassReader extends PartitionReader {
  /** What the store says of the pass now. What is new is read, and what could not be read is tried again. */
  heardOf(standing: PassStanding): void;
  /** The pass is over, and all that it stored is handed over and committed. */
  readonly isDone: boolean;
  /** What it reads now: the hot store, or the archive. */
  readonly isArchived: boolean;
}

export interface PassReaderParts {
  readonly ship: string;
  readonly passId: string;
  /** The place of the first packet to hand over. */
  readonly start: number;
  readonly messages: PacketMessages;
  readonly telemetry: Pick<Telemetry, "read">;
  readonly listener: Pick<SourceListener, "messages" | "failed">;
  readonly log: SourceParts["log"];
}

export function createPassReader(parts: PassReaderParts): PassReader {
  const { ship, passId, start, messages, telemetry, listener, log } = parts;
  const progress = createProgress(start);
  /** The last entry of the hot store that was looked at, and how many packets lie up to it. */
  let hot = { token: 0, entry: 0, packets: 0 };
  let standing: PassStanding | null = null;
  /** Of the standing that was read to its end. */
  let isAtEnd = false;
  let isPaused = false;
  let isClosed = false;
  let hasFailed = false;
  let reading: Promise<void> | null = null;
  const isStopped = () => isPaused || isClosed;

  function go(): void {
    if (isStopped() || isAtEnd || standing === null) return;
    const asked = standing;
    reading ??= readOn(asked)
      .then((isRead) => {
        isAtEnd = isRead && asked === standing;
      })
      .catch(onError)
      .finally(() => {
        reading = null;
      });
  }

  /** What may be over when somebody tells next how the pass stands is no failure. */
  function onError(error: unknown): void {
    if (isClosed) return;
    if (isPassing(error)) {
      log.warn({ err: error, passId }, "a pass cannot be read at this moment: it is tried again");
      return;
    }
    isClosed = true;
    hasFailed = true;
    listener.failed(passId, new Error(`pass ${passId} cannot be read: ${messageOf(error)}`));
  }

  /** False: it was stopped before the end. */
  const readOn = ({ archive, checkpoint }: PassStanding): Promise<boolean> =>
    archive !== null ? readFile(archive) : checkpoint !== null ? readHot(checkpoint) : Promise.resolve(true);

  async function readHot({ token, entry, givenUp }: NonNullable<PassStanding["checkpoint"]>): Promise<boolean> {
    for await (const found of telemetry.read({ ship, passId, token }, hot)) {
      if (found.token === token && found.entry > entry) break;
      if (isStopped()) return false;
      const isGone = found.token === token && givenUp.includes(found.entry);
      const packets = isGone ? 0 : placesOf(found.payload).length;
      if (packets > 0) handOver(found.payload, hot.packets, packets);
      hot = { token: found.token, entry: found.entry, packets: hot.packets + packets };
    }
    return true;
  }

  async function readFile(archive: NonNullable<PassStanding["archive"]>): Promise<boolean> {
    let at = progress.next;
    for await (const { payload, facts } of readArchive(archive, at)) {
      if (isStopped()) return false;
      // What came after the pass lies behind all else.
      const late = facts.findIndex((fact) => fact.late);
      handOver(payload, at, facts.length, late);
      if (late >= 0) return true;
      at += facts.length;
    }
    return true;
  }

  function handOver(payload: Uint8Array, at: number, count: number, late = -1): void {
    const end = late < 0 ? count : late;
    const from = progress.next - at;
    if (from >= end) return;
    const batch = messages.of(payload, at, from).filter(({ offset }) => offset < at + end);
    const last = batch.at(-1);
    if (last !== undefined) {
      progress.handedOver(last.offset);
      listener.messages(passId, batch);
    }
    progress.lookedAt(at + end);
  }

  return {
    progress,
    heardOf(heard) {
      if (isClosed || isSame(heard, standing)) return go();
      standing = heard;
      isAtEnd = false;
      // What is under way is of what was heard before, and ends.
      void (reading ?? Promise.resolve()).then(go);
    },
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      void (reading ?? Promise.resolve()).then(go);
    },
    get isDone() {
      return isAtEnd && standing?.isOver === true && progress.isSettled;
    },
    get isArchived() {
      return (standing?.archive ?? null) !== null;
    },
    get hasFailed() {
      return hasFailed;
    },
    get waiting() {
      return standing === null ? null : Math.max(0, standing.stored - progress.next);
    },
    async close() {
      isClosed = true;
      await reading;
    },
  };
}

/** The hot store is away, or the archive has just been moved or removed. */
const isPassing = (error: unknown): boolean =>
  error instanceof StoreUnavailableError || (error instanceof ArchiveUnreadableError && error.cause !== undefined);

function isSame(a: PassStanding, b: PassStanding | null): boolean {
  if (b === null || a.isOver !== b.isOver || a.archive?.path !== b.archive?.path) return false;
  return (
    a.archive !== null || (a.checkpoint?.token === b.checkpoint?.token && a.checkpoint?.entry === b.checkpoint?.entry)
  );
}
