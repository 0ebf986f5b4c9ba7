/**
 * Replays an archived pass: decodes its packets anew by the ship's definition of today, into files of its own beside the archive, judges them
 * again, and asks for a plan. A job of ours; no socket has a part in it. Bears repetition at any point: the same replay makes the same files.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { type Compute, dispatchOf } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import { decodePass } from "../history/decode-pass.ts";
import type { Clock } from "../model/clock.ts";
import type { Uuid } from "../model/ids.ts";
import { parseJson } from "../model/json.ts";
import type { DecodedPass, PassRow } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import { findProgress } from "../store/pass-progress.ts";
import { failReplay, findReplay, finishReplay, type ReplayRow } from "../store/pass-replays.ts";
import { findPass } from "../store/passes.ts";
import { findShip } from "../store/ships.ts";
import type { Sql } from "../store/sql.ts";
import { syncFolder, writeDefinition } from "../telemetry/archive.ts";
import { readArchive } from "../telemetry/archive-index.ts";
import { isSameAccount, ledgerOfArchive } from "./archive-account.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { parsePacketDefinition } from "./packet-definition.ts";
import { paramsOf } from "./pass-params.ts";

export interface ReplayParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly log: Log;
}

const Payload = v.object({ replayId: v.string() });
/** Each one reads and decodes a whole pass. */
const concurrency = 1;
const attemptsMax = 5;

/** What runs the jobs that replay passes. */
export function replayCompute(parts: ReplayParts): Compute {
  return {
    kind: "internal",
    ...dispatchOf({}, concurrency),
    async run({ payload, attempt }) {
      const { replayId } = v.parse(Payload, parseJson(payload ?? "null"));
      try {
        await replay(parts, replayId);
        return { outcome: "succeeded", passback: null, link: null, output: "" };
      } catch (error) {
        const { sql, clock, log } = parts;
        const isFinal = attempt >= attemptsMax;
        log.warn({ err: error, replayId, isFinal }, "a pass could not be replayed");
        await failReplay(sql, replayId, messageOf(error), isFinal, clock.now());
        return { outcome: "failed", error: messageOf(error), isFinal, output: "" };
      }
    },
  };
}

/** What a replay's files are named, but for their suffixes. */
export const replayStem = ({ replayId, passId, archive }: ReplayRow): string =>
  join(dirname(archive.path), `${passId}.replay-${replayId}`);

async function replay({ sql, clock, log }: ReplayParts, replayId: Uuid): Promise<void> {
  const row = await findReplay(sql, replayId);
  if (row === null || row.state === "done") return;
  const pass = await findPass(sql, row.passId);
  if (pass === null) throw new Error(`There is no pass ${row.passId} any more`);
  const { archive } = row;
  const ledger = await ledgerOfArchive(archive);
  const isSame = await compare(sql, pass, row, ledger);
  if (!isSame)
    log.error({ passId: pass.passId, replayId }, "the archive of a pass has another sequence account than its ledger");
  // Read now: by what is the definition when it is decoded.
  const definition = (await findShip(sql, pass.ship))?.definition ?? null;
  const stem = replayStem(row);
  let decoded: DecodedPass | null = null;
  let definitionPath: string | null = null;
  if (definition !== null) {
    definitionPath = await writeDefinition(stem, definition);
    if (archive.format === "ccsds") {
      const packets = parsePacketDefinition(JSON.parse(definition));
      decoded = await decodePass(() => readArchive(archive), { stem, draft: "replay" }, packets);
    }
    await syncFolder(stem);
  }
  const definitionSha256 = definition === null ? null : createHash("sha256").update(definition).digest("hex");
  const params = {
    ...(parseJson(row.params) as object), // checked when it was asked for
    ...paramsOf(pass, ledger, archive, definitionPath),
    replay: {
      of: row.passId,
      id: replayId,
      at: row.createdAt,
      definition_sha256: definitionSha256,
      is_same: isSame,
      csv: decoded?.csv.path ?? null,
      parquet: decoded?.parquet.path ?? null,
      history: decoded?.history.path ?? null,
    },
  };
  await finishReplay(sql, row, { definitionSha256, decoded, isSame, params, at: clock.now() });
}

/** Against the ledger of the pass; where late data has come since it was asked for, that is another pass's, so to speak. */
async function compare(sql: Sql, pass: PassRow, row: ReplayRow, ledger: LedgerJson): Promise<boolean> {
  if (pass.archive?.sha256 !== row.archive.sha256) return true;
  const progress = (await findProgress(sql, [pass.passId])).get(pass.passId);
  // Written by us as JSON of this type.
  return progress === undefined || isSameAccount(ledger, JSON.parse(progress.ledger) as LedgerJson);
}
