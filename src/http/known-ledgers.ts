/** The ledgers of passes: at first hand from this node's own, else as their holders last stored them. */
import type { Ground } from "../ground/ground.ts";
import type { LedgerJson } from "../ground/ledger-json.ts";
import type { Clock } from "../model/clock.ts";
import type { PassId, PassRow } from "../model/pass.ts";
import { findProgress } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";
import type { KnownLedger } from "./pass-json.ts";

export async function knownLedgers(
  { sql, ground, clock }: { readonly sql: Sql; readonly ground: Ground; readonly clock: Clock },
  passes: readonly PassRow[],
): Promise<ReadonlyMap<PassId, KnownLedger>> {
  const known = new Map<PassId, KnownLedger>();
  for (const { passId } of passes) {
    const live = ground.live(passId);
    if (live !== null) known.set(passId, { ledger: live.ledger, at: clock.now() });
  }
  const others = passes.filter(({ passId, openedAt }) => openedAt !== null && !known.has(passId));
  if (others.length === 0) return known;
  const stored = await findProgress(
    sql,
    others.map(({ passId }) => passId),
  );
  // Written by us as JSON of this type.
  for (const [passId, { ledger, at }] of stored) known.set(passId, { ledger: JSON.parse(ledger) as LedgerJson, at });
  return known;
}
