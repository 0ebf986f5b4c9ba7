/** The end of a pass: its packets archived, and in one transaction the pass completed and its template asked for a plan. */
import { keptBytesOf } from "../history/archive-files.ts";
import { decodePass, writeChecksums } from "../history/decode-pass.ts";
import type { Instant } from "../model/clock.ts";
import { type DatasetId, derivedUuid } from "../model/ids.ts";
import type { DecodedPass, PassArchive, PassRow } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import { saveDecoded } from "../store/decoded-passes.ts";
import { enqueueInstantiation } from "../store/instantiations.ts";
import { completePass, endOfPass, noteArchive } from "../store/pass-leases.ts";
import type { Sql } from "../store/sql.ts";
import { stemOf, writeArchive, writeDefinition } from "../telemetry/archive.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { paramsOf } from "./pass-params.ts";
import type { PassToRun } from "./resume.ts";
import { isTransient } from "./transient.ts";

export interface CompletionParts {
  readonly sql: Sql;
  readonly telemetry: Telemetry;
  readonly dataDir: string;
}

export interface CompletionOrder {
  readonly pass: PassRow;
  readonly ship: PassToRun["ship"];
  readonly ledger: LedgerJson;
  readonly at: Instant;
}

/** The dataset of a pass: the same however often it is asked for. */
export const datasetOfPass = (passId: string): DatasetId => derivedUuid("pass", passId);

/** A disk that is full may be made room on: some seconds later, not for ever. */
const triesMax = 10;
const pauseMs = 1_000;

/**
 * Archives, completes, asks for the plan. What is wrong with this node's disk is tried again for a while. False: the lease is lost
 * or the pass has ended otherwise.
 */
export async function completeAtLast(parts: CompletionParts, order: CompletionOrder, log: Log): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      // Refused, it may be stored already: the answer was lost.
      const isStored =
        (await complete(parts, order, log)) || (await endOfPass(parts.sql, order.pass))?.state === "completed";
      if (isStored) await release(parts, order, log);
      return isStored;
    } catch (error) {
      if (isTransient(error) || tries === triesMax) throw error;
      log.warn({ err: error, passId: order.pass.passId, tries }, "pass could not be completed yet");
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The packets are in the archive: their store may let them go in its own time. */
async function release(parts: CompletionParts, { pass, ship: of }: CompletionOrder, log: Log): Promise<void> {
  const { ship, passId, token } = pass;
  const { hotHours } = of.retention;
  const keptMs = hotHours === null ? null : hotHours * 3_600_000;
  await parts.telemetry.release({ ship, passId, token }, keptMs).catch((error: unknown) => {
    log.warn({ err: error, passId }, "telemetry of an archived pass stays in its store");
  });
}

/** Cancelled or failed: what it received is archived all the same, but no plan is made of it. */
export async function archiveOnly(parts: CompletionParts, order: CompletionOrder, log: Log): Promise<void> {
  if (order.ledger.stored === 0) return;
  const archive = await archiveOf(parts, order);
  const decoded = await decodedOf(parts, order, archive, log);
  await definitionBeside(order, archive);
  await noteArchive(parts.sql, order.pass, archive, keptBytesOf(archive, decoded, order.ship.definition));
  if (decoded !== null) await saveDecoded(parts.sql, order.pass, decoded);
  await release(parts, order, log);
}

/** Bears repetition at any point. False: refused, nothing was asked for. */
async function complete(parts: CompletionParts, order: CompletionOrder, log: Log): Promise<boolean> {
  const { pass, at } = order;
  const { passId, token, template } = pass;
  const archive = await archiveOf(parts, order);
  compare(archive, order, log);
  const decoded = await decodedOf(parts, order, archive, log);
  const definitionPath = await definitionBeside(order, archive);
  const datasetId = template === null ? null : datasetOfPass(passId);
  const keptBytes = keptBytesOf(archive, decoded, order.ship.definition);
  return completePass(parts.sql, { passId, token, archive, keptBytes, datasetId, at }, async (tx) => {
    if (decoded !== null) await saveDecoded(tx, pass, decoded);
    if (template === null || datasetId === null) return;
    const params = { ...paramsOf(pass, order.ledger, archive, definitionPath) };
    await enqueueInstantiation(tx, { source: "pass", sourceKey: passId, templateId: template, datasetId, params, at });
  });
}

function archiveOf({ telemetry, dataDir }: CompletionParts, { pass, ship }: CompletionOrder): Promise<PassArchive> {
  const stream = { ship: pass.ship, passId: pass.passId, token: pass.token };
  return writeArchive(telemetry, { dataDir, stream, format: ship.format });
}

/** Null: there is nothing to decode, or it failed. The packets and the plan matter more, so the pass goes on without. */
async function decodedOf(
  { telemetry }: CompletionParts,
  { pass, ship }: CompletionOrder,
  archive: PassArchive,
  log: Log,
): Promise<DecodedPass | null> {
  const { passId, token } = pass;
  let decoded: DecodedPass | null = null;
  try {
    const read = () => telemetry.read({ ship: pass.ship, passId, token });
    const order = { stem: stemOf(archive), draft: String(token) };
    if (ship.packets !== null) decoded = await decodePass(read, order, ship.packets);
    await writeChecksums(archive, decoded);
  } catch (error) {
    if (isTransient(error)) throw error;
    log.error({ err: error, passId }, "a pass could not be decoded: it has no exports and no history");
  }
  return decoded;
}

/** A store that was started anew without its data, or another node's files: the archive has less than was acknowledged. */
function compare({ packets }: PassArchive, { pass, ledger }: CompletionOrder, log: Log): void {
  if (packets === ledger.stored) return;
  const about = { passId: pass.passId, archived: packets, stored: ledger.stored };
  log.error(about, "the archive of a pass has not the packets that its ledger says were stored");
}

/** By what its packets are decoded, now and later. */
async function definitionBeside({ ship }: CompletionOrder, { path }: PassArchive): Promise<string | null> {
  return ship.definition === null ? null : await writeDefinition(path, ship.definition);
}
