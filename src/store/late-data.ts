/** What packets that come after a pass change of it, in one transaction: its archive, its ledger, what was decoded, and a job for its plan. */
import type { Instant } from "../model/clock.ts";
import type { JsonText } from "../model/json.ts";
import type { DecodedPass, PassArchive, PassRow } from "../model/pass.ts";
import { saveDecoded } from "./decoded-passes.ts";
import { enqueueOwn } from "./instantiations.ts";
import type { Sql } from "./sql.ts";

/** The type of jobs that give a plan its new inputs. */
export const renewType = "orrery.renew";

export interface LateChange {
  /** As it was when the change began: another one since then, and nothing is changed. */
  readonly pass: PassRow & { readonly archive: PassArchive };
  readonly archive: PassArchive;
  readonly decoded: DecodedPass | null;
  /** Of all its files. */
  readonly keptBytes: number;
  readonly ledger: JsonText;
  readonly counters: JsonText;
  readonly checkpoint: JsonText;
  /** Those that have something new. */
  readonly apids: readonly number[];
  readonly at: Instant;
}

/** False: somebody else has changed the archive meanwhile. */
export function storeLate(sql: Sql, change: LateChange): Promise<boolean> {
  const { pass, archive, decoded, at } = change;
  const { passId } = pass;
  return sql.begin(async (tx) => {
    const rows = await tx`
      update pass set archive = ${JSON.stringify(archive)}, kept_bytes = ${change.keptBytes}::bigint, modified_at = ${at}::timestamptz
      where pass_id = ${passId}::uuid and archive = ${JSON.stringify(pass.archive)} and node is null
        and archive_removed_at is null and state in ('completed', 'failed', 'cancelled')
      returning pass_id`;
    if (rows.length === 0) return false;
    // Its time stays: by it the newest values of a ship are found, and these are old ones.
    await tx`
      update pass_progress set ledger = ${change.ledger}, counters = ${change.counters}, checkpoint = ${change.checkpoint}
      where pass_id = ${passId}::uuid`;
    if (decoded !== null) await saveDecoded(tx, pass, decoded);
    if (pass.datasetId === null) return true;
    // By the archive that this made: each one asks once.
    const key = `${passId}:${archive.path}`;
    const payload = JSON.stringify({ passId, key, apids: change.apids });
    await enqueueOwn(tx, { source: "late", sourceKey: key, jobType: renewType, payload, at });
    return true;
  });
}
