/** What passes have received: at first hand from this node's own, else as their holders last stored it. */
import type { Ground } from "../ground/ground.ts";
import type { LedgerJson } from "../ground/ledger-json.ts";
import { countersOf, type PassCounters } from "../ground/pass-record.ts";
import type { Clock, Instant } from "../model/clock.ts";
import type { PassId, PassRow } from "../model/pass.ts";
import { findCounters, findProgress } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";

export interface LedgerSources {
  readonly sql: Sql;
  readonly ground: Ground;
  readonly clock: Clock;
}

/** A pass's ledger, and when it was as it says. */
export interface KnownLedger {
  readonly ledger: LedgerJson;
  readonly at: Instant;
}

/** Null: nothing was received yet, as its port was not open. */
export async function knownLedger({ sql, ground, clock }: LedgerSources, pass: PassRow): Promise<KnownLedger | null> {
  const live = ground.live(pass.passId);
  if (live !== null) return { ledger: live.ledger, at: clock.now() };
  const stored = (await findProgress(sql, [pass.passId])).get(pass.passId);
  if (stored === undefined) return null;
  // Written by us as JSON of this type; an earlier version wrote no `late`.
  const ledger = JSON.parse(stored.ledger) as LedgerJson;
  return { ledger: { ...ledger, late: ledger.late ?? null }, at: stored.at };
}

/** Of many passes at once: those that have received anything. */
export async function knownCounters(
  { sql, ground }: LedgerSources,
  passes: readonly PassRow[],
): Promise<ReadonlyMap<PassId, PassCounters>> {
  const known = new Map<PassId, PassCounters>();
  for (const { passId } of passes) {
    const live = ground.live(passId);
    if (live !== null) known.set(passId, countersOf(live.ledger));
  }
  const others = passes.filter(({ passId, openedAt }) => openedAt !== null && !known.has(passId));
  if (others.length === 0) return known;
  const ids = others.map(({ passId }) => passId);
  // Written by us as JSON of this type.
  for (const [passId, text] of await findCounters(sql, ids)) known.set(passId, JSON.parse(text) as PassCounters);
  return known;
}
