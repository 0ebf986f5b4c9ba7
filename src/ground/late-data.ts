/**
 * Adds packets to a pass that has ended: a station's recording, a retransmission. They are judged by the pass's own account; what is new makes
 * its files anew, under new names, and one transaction makes these the pass's. Killed at any point it is the old pass or the new one, and doing it
 * again changes nothing more. Whoever is later of two nodes begins anew on what the other one has stored.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { keptBytesOf, removeOlder } from "../history/archive-files.ts";
import { decodePass, writeChecksums } from "../history/decode-pass.ts";
import { type Clock, epochMsOf } from "../model/clock.ts";
import { ConflictError, NotFoundError, OverloadedError } from "../model/errors.ts";
import { hasEnded, type PassArchive, type PassId, type PassRow } from "../model/pass.ts";
import { ArchiveRemovedError } from "../model/pass-errors.ts";
import type { Log } from "../observe/log.ts";
import { type LateChange, storeLate } from "../store/late-data.ts";
import { findCheckpoint } from "../store/pass-progress.ts";
import { listReplayedArchives } from "../store/pass-replays.ts";
import { findPass } from "../store/passes.ts";
import type { Sql } from "../store/sql.ts";
import {
  ArchiveWriter,
  archivePath,
  definitionPathOf,
  stemOf,
  syncFolder,
  writeDefinition,
} from "../telemetry/archive.ts";
import { ArchiveUnreadableError, readArchive } from "../telemetry/archive-index.ts";
import { placesOf } from "../telemetry/entry.ts";
import { lateSequenceOf } from "./archive-account.ts";
import { verdictCode } from "./batch.ts";
import { type Ingested, ingest } from "./ingest.ts";
import { newByApid, withLate } from "./late-ledger.ts";
import { TooManyPacketsError } from "./late-sequence.ts";
import { Ledger } from "./ledger.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { crcRule, type PacketDefinition, parsePacketDefinition } from "./packet-definition.ts";
import { countersOf } from "./pass-record.ts";
import type { PassCheckpoint } from "./resume.ts";
import type { SequenceTurn } from "./sequence.ts";

export interface LateDataParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly log: Log;
  readonly packetSizeMax: number;
}

/** What came of one addition. `apids` counts what is new; without any, nothing was changed. */
export interface Added {
  readonly pass: PassRow;
  readonly ledger: LedgerJson;
  readonly ingested: Ingested;
  readonly turn: SequenceTurn;
  readonly apids: readonly { readonly apid: number; readonly stored: number }[];
}

export interface LateData {
  /** `bytes`: space packets back to back. Throws what keeps them from being added, as the caller is to hear it. */
  add(passId: PassId, bytes: Uint8Array): Promise<Added>;
}

/** One after the other on a node, as each one reads and writes whole passes; those that wait hold their packets in memory. */
const waitingMax = 4;
/** Other nodes may be quicker so often. */
const triesMax = 10;

export function createLateData(parts: LateDataParts): LateData {
  let waiting = 0;
  let queue: Promise<unknown> = Promise.resolve();
  return {
    add(passId, bytes) {
      if (waiting >= waitingMax)
        throw new OverloadedError(`${waiting} additions to passes are under way on this node: try again shortly`);
      waiting += 1;
      const added = queue
        .then(() => addAtLast(parts, passId, bytes))
        .finally(() => {
          waiting -= 1;
        });
      queue = added.catch(() => {}); // the caller hears of it
      return added;
    },
  };
}

async function addAtLast(parts: LateDataParts, passId: PassId, bytes: Uint8Array): Promise<Added> {
  for (let tries = 1; tries <= triesMax; tries++) {
    const pass = await passToAddTo(parts.sql, passId);
    try {
      const added = await addOnce(parts, pass, bytes);
      if (added !== null) return added;
    } catch (error) {
      // Its files may be gone because another node has made newer ones.
      const isMoved = (await findPass(parts.sql, passId))?.archive?.path !== pass.archive.path;
      if (!isMoved) throw answerOf(error, pass);
    }
  }
  throw new OverloadedError(`Others keep adding to pass ${passId}: try again shortly`);
}

type ArchivedPass = PassRow & { readonly archive: PassArchive };

async function passToAddTo(sql: Sql, passId: PassId): Promise<ArchivedPass> {
  const pass = await findPass(sql, passId);
  if (pass === null) throw new NotFoundError("pass", passId);
  const { archive, state, port } = pass;
  const refuse = (why: string): never => {
    throw new ConflictError(`Cannot add packets to pass ${passId} as ${why}`, { pass_id: passId, state });
  };
  if (!hasEnded(state))
    return refuse(`it is ${state}: send them to its port ${port} while it receives, or wait for its end`);
  if (pass.node !== null) return refuse("it is being archived at this moment: try again shortly");
  if (pass.archiveRemovedAt !== null) throw new ArchiveRemovedError("archive", pass);
  if (archive === null) return refuse(`it is ${state} and has no archive: nothing was received`);
  if (archive.format !== "ccsds")
    return refuse(`${pass.ship} sends ${archive.format}: without sequence counts nothing tells what is missing`);
  return { ...pass, archive };
}

/** Null: another node has changed the pass meanwhile. */
async function addOnce(parts: LateDataParts, pass: ArchivedPass, bytes: Uint8Array): Promise<Added | null> {
  const { sql, clock, packetSizeMax } = parts;
  const at = clock.now();
  const definition = await definitionOf(pass);
  const batch = { bytes, count: 1, ends: Uint32Array.of(bytes.length), arrivedMs: Float64Array.of(epochMsOf(at)) };
  const ingested = ingest(batch, { format: "ccsds", packetSizeMax, hasCrc: crcRule(definition?.packets ?? null) });
  const stored = await findCheckpoint(sql, pass.passId);
  if (stored === null) throw new ConflictError(`Cannot add packets to pass ${pass.passId} as it has no ledger`);
  // Written by a runner, or here, as JSON of this type.
  const checkpoint = JSON.parse(stored.checkpoint) as PassCheckpoint;
  const late = await lateSequenceOf(pass.archive, checkpoint.ledger);
  const turn = late.judge(ingested.packets);
  const apids = newByApid(ingested.packets, turn);
  if (turn.toStore === 0) return { pass, ledger: new Ledger("ccsds", checkpoint.ledger).json(), ingested, turn, apids };

  const next: PassCheckpoint = {
    ...checkpoint,
    ledger: withLate(checkpoint.ledger, { ingested, turn, apids: late.checkpoint(), at }),
  };
  const ledger = new Ledger("ccsds", next.ledger).json();
  const name = `${pass.passId}.late-${randomBytes(6).toString("hex")}`;
  const discard = () => removeOlder(pass, (stem) => stem === join(dirname(pass.archive.path), name));
  const files = await writeFiles(pass, name, { ingested, turn }, definition).catch(async (error: unknown) => {
    await discard().catch(() => {}); // the next addition finds them
    throw error;
  });
  const change: LateChange = {
    ...{ pass, ...files, at },
    keptBytes: keptBytesOf(files.archive, files.decoded, definition?.text ?? null),
    ledger: JSON.stringify(ledger),
    counters: JSON.stringify(countersOf(ledger)),
    checkpoint: JSON.stringify(next),
    apids: apids.map(({ apid }) => apid),
  };
  if (!(await storeLate(sql, change))) {
    await discard();
    return null;
  }
  await removeOld(parts, pass, files.archive);
  return { pass: { ...pass, archive: files.archive }, ledger, ingested, turn, apids };
}

/** The archive with the new packets behind the others, and all that is made of it, under a name of its own. On the disk when it resolves. */
async function writeFiles(
  { archive: before }: ArchivedPass,
  name: string,
  { ingested, turn }: Pick<Added, "ingested" | "turn">,
  definition: Definition | null,
): Promise<Pick<LateChange, "archive" | "decoded">> {
  const writer = await ArchiveWriter.open(archivePath(dirname(before.path), name, "ccsds"), "ccsds");
  try {
    for await (const { payload, facts } of readArchive(before)) {
      for (const [i, { start, sizeBytes }] of placesOf(payload).entries()) {
        const fact = facts[i];
        if (fact !== undefined) await writer.add(payload.subarray(start, start + sizeBytes), fact);
      }
    }
    const { packets } = ingested;
    for (let i = 0; i < packets.count; i++) {
      if (turn.verdicts[i] === verdictCode.duplicate) continue;
      const start = packets.starts[i] ?? 0;
      await writer.add(packets.bytes.subarray(start, start + (packets.sizes[i] ?? 0)), {
        arrivedMs: packets.arrivedMs[i] ?? 0,
        sequence: turn.sequences[i] ?? 0,
        conflict: turn.verdicts[i] === verdictCode.conflict,
        late: true,
      });
    }
  } finally {
    await writer.close();
  }
  const archive = writer.archive();
  if (definition !== null) await writeDefinition(archive.path, definition.text);
  const order = { stem: stemOf(archive), draft: "late" };
  const decoded = definition === null ? null : await decodePass(() => readArchive(archive), order, definition.packets);
  await writeChecksums(archive, decoded);
  await syncFolder(archive.path);
  return { archive, decoded };
}

interface Definition {
  readonly text: string;
  readonly packets: PacketDefinition;
}

/** The definition of the day of the pass, which lies beside its archive; null: its packets were not decoded, and are not now. */
async function definitionOf({ archive }: ArchivedPass): Promise<Definition | null> {
  const text = await readFile(definitionPathOf(archive.path), "utf8").catch(() => null); // none, or the archive is elsewhere, too
  return text === null ? null : { text, packets: parsePacketDefinition(JSON.parse(text)) };
}

/** What was before stays for whoever reads it now, and goes with the next addition, unless a replay is made of it. */
async function removeOld({ sql, log }: LateDataParts, pass: ArchivedPass, archive: PassArchive): Promise<void> {
  try {
    const kept = new Set([pass.archive, archive, ...(await listReplayedArchives(sql, pass.passId))].map(stemOf));
    await removeOlder(pass, (stem) => !kept.has(stem));
  } catch (error) {
    log.warn({ err: error, passId: pass.passId }, "older files of a pass stay in the archive");
  }
}

function answerOf(error: unknown, { passId, archive }: ArchivedPass): unknown {
  if (error instanceof TooManyPacketsError)
    return new ConflictError(`Cannot add packets to pass ${passId} as it has ${error.message}`, { pass_id: passId });
  if (!(error instanceof ArchiveUnreadableError)) return error;
  return new ConflictError(
    `Cannot add packets to pass ${passId} as its archive cannot be read on this node (${error.message}): send them to the node that received the pass, or let the nodes share their data directory; an archive that was removed, or that an earlier version wrote, cannot be added to`,
    { pass_id: passId, path: archive.path },
  );
}
