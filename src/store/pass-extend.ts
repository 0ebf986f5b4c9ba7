/** A pass that goes on for longer than it was planned. */
import { epochMsOf, type Instant } from "../model/clock.ts";
import type { PassId, PassRow } from "../model/pass.ts";
import { type Clash, type ConflictPolicy, clashesOf, givesWay } from "../model/pass-conflicts.ts";
import { cancelPasses, claimOf, findBookings, lockPasses, lockPlanning } from "./pass-plan.ts";
import { findPass, passColumns, rowOf, type StoredPass } from "./passes.ts";
import type { Sql } from "./sql.ts";

export interface Extension {
  readonly passId: PassId;
  /** Later than the one it has. */
  readonly los: Instant;
  readonly policy: Extract<ConflictPolicy, "reject" | "priority">;
  /** Whoever holds the pass hears of it within so long: there must be as much before its LOS. */
  readonly noticeMs: number;
  /** Whoever asks may write for these ships only: passes of others never give way. */
  readonly ships?: readonly string[];
  readonly at: Instant;
}

export interface Extended {
  /** Null: it has ended, or ends too soon for that. */
  readonly pass: PassRow | null;
  /** Passes that were cancelled to make room. */
  readonly cancelled: readonly PassRow[];
  /** What is in the way. Not empty and nothing cancelled: nothing was changed. */
  readonly clashes: readonly Clash[];
}

/** By `priority` only passes of lower priority give way: with another one in the way nothing changes. */
export function extendPass(sql: Sql, order: Extension): Promise<Extended> {
  return sql.begin(async (tx) => {
    await lockPlanning(tx);
    const before = await findPass(tx, order.passId);
    if (before === null) return { pass: null, cancelled: [], clashes: [] };
    const claim = { ...claimOf(before), losMs: epochMsOf(order.los) };
    const others = (await findBookings(tx, [claim])).filter(({ passId }) => passId !== order.passId);
    const clashes = clashesOf(claim, others).map((clash) => ({ ...clash, index: 0, withIndex: null }));
    const isInTheWay = ({ with: other }: Clash) =>
      order.policy === "reject" || !givesWay(other, before.priority, order.ships);
    if (clashes.some(isInTheWay)) return { pass: before, cancelled: [], clashes };
    await lockPasses(tx, [order.passId, ...clashes.map(({ with: { passId } }) => passId)]);
    const [row] = await tx.query<StoredPass>(
      `update pass set los = $2::timestamptz, closes_at = $2::timestamptz + drain_margin_ms * interval '1 millisecond',
        modified_at = $4::timestamptz
      where pass_id = $1::uuid and state in ('planned', 'prepass', 'receiving')
        and los > clock_timestamp() + $3::float8 * interval '1 millisecond'
      returning ${passColumns}`,
      [order.passId, order.los, order.noticeMs, order.at],
    );
    if (row === undefined) return { pass: null, cancelled: [], clashes };
    const reason = `cancelled for pass ${order.passId} of priority ${before.priority}, which was extended`;
    const cancels = clashes.map(({ with: { passId } }) => ({ passId, reason }));
    return { pass: rowOf(row), cancelled: await cancelPasses(tx, cancels, order.at), clashes };
  });
}
