/** Planning passes: all that are asked for or none, one transaction at a time, so that no two get one port, station or ship. */

import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import { ConflictError } from "../model/errors.ts";
import type { PassDefinition, PassId, PassRow } from "../model/pass.ts";
import {
  type Booking,
  type Claim,
  type Clash,
  type ConflictPolicy,
  type Placed,
  type Placement,
  partId,
  place,
} from "../model/pass-conflicts.ts";
import { instantText } from "./instants.ts";
import { findPasses, passColumns, rowOf, type StoredPass } from "./passes.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

/** "orrery" + 1 */
const planLockKey = 0x6f72_7266;
/** Parts of a split pass that are looked for in one query. */
const partsAtOnce = 32;

export interface PlanRules {
  readonly policy: ConflictPolicy;
  readonly portMin: number;
  readonly portMax: number;
  readonly by: string;
  readonly at: Instant;
  /** The contact that they are planned from. */
  readonly contact?: string;
  /** Whoever plans may write for these ships only: passes of others never give way. */
  readonly ships?: readonly string[];
}

export interface PassPlan {
  /** In the order in which they were asked for; those that were there before too, under the same id and body. */
  readonly passes: readonly PassRow[];
  /** Passes that were there and are cancelled to make room. */
  readonly cancelled: readonly PassRow[];
  readonly clashes: readonly Clash[];
  readonly refusals: Placement["refusals"];
}

/** Does it all and takes it back: the answer is what planning would have given. */
export async function dryPlan(sql: Sql, asked: readonly PassDefinition[], rules: PlanRules): Promise<PassPlan> {
  let plan: PassPlan | null = null;
  const takeBack = new Error("a dry run is taken back");
  await sql
    .begin(async (tx) => {
      plan = await planPassesIn(tx, asked, rules);
      throw takeBack;
    })
    .catch((error: unknown) => {
      if (error !== takeBack) throw error;
    });
  return plan ?? { passes: [], cancelled: [], clashes: [], refusals: [] };
}

/**
 * Stores passes, once: the same id and body again gives the pass that is there. One whose window is over is missed from the start.
 * With a refusal nothing is stored. Throws `ConflictError` when an id is another pass's.
 */
export function planPasses(sql: Sql, asked: readonly PassDefinition[], rules: PlanRules): Promise<PassPlan> {
  return sql.begin((tx) => planPassesIn(tx, asked, rules));
}

export async function planPassesIn(tx: Sql, asked: readonly PassDefinition[], rules: PlanRules): Promise<PassPlan> {
  await lockPlanning(tx);
  const ids = asked.map(({ passId }) => passId);
  const known = new Map((await findPasses(tx, ids)).map((pass) => [pass.passId, pass]));
  for (const { passId, requestDigest } of asked) {
    if (known.has(passId) && known.get(passId)?.requestDigest !== requestDigest)
      throw new ConflictError(`Cannot plan pass ${passId} as it exists with another body: choose another id`, {
        pass_id: passId,
      });
  }
  const partsBefore = await findLaterParts(tx, asked, known);
  const fresh = asked.filter(({ passId }) => !known.has(passId));
  const claims = fresh.map(claimOf);
  const nowMs = await databaseNowMs(tx);
  // What is over needs no room any more.
  const ahead = claims.flatMap((claim, i) => (claim.losMs > nowMs ? [i] : []));
  const placement = place(
    ahead.flatMap((i) => claims[i] ?? []),
    await findBookings(
      tx,
      ahead.flatMap((i) => claims[i] ?? []),
    ),
    { ...rules, random: Math.random },
  );
  const indexOf = (i: number): number => asked.indexOf(fresh[ahead[i] ?? 0] as PassDefinition); // an index that came of it
  const clashes = placement.clashes.map((clash) => ({
    ...clash,
    index: indexOf(clash.index),
    withIndex: clash.withIndex === null ? null : indexOf(clash.withIndex),
  }));
  const refusals = placement.refusals.map((refusal) => ({ ...refusal, index: indexOf(refusal.index) }));
  if (refusals.length > 0) return { passes: [], cancelled: [], clashes, refusals };

  const cancelled = await cancelPasses(tx, placement.cancels, rules.at);
  const parts: Placed[] = placement.placed.map((part) => ({ ...part, index: indexOf(part.index) }));
  for (const claim of claims) {
    if (claim.losMs > nowMs) continue;
    const index = ids.indexOf(claim.passId);
    parts.push({ ...claim, index, port: claim.port ?? rules.portMin, cancelled: null });
  }
  const stored = new Map((await insertPasses(tx, asked, parts, rules)).map((pass) => [pass.passId, pass]));
  const order = parts.sort((a, b) => a.index - b.index || a.aosMs - b.aosMs);
  const passes = asked.flatMap(({ passId }, index) => {
    const before = known.get(passId);
    if (before !== undefined) return [before, ...(partsBefore.get(passId) ?? [])];
    return order.flatMap((part) => (part.index === index ? (stored.get(part.passId) ?? []) : []));
  });
  return { passes, cancelled, clashes, refusals };
}

/** Of passes that were split when they were planned: their parts but the first, which has the id that was asked for. */
async function findLaterParts(
  tx: Sql,
  asked: readonly PassDefinition[],
  known: ReadonlyMap<PassId, PassRow>,
): Promise<Map<PassId, PassRow[]>> {
  const parts = new Map<PassId, PassRow[]>();
  for (const { passId, los } of asked) {
    const first = known.get(passId);
    // Every part but the last one ends before the pass would have.
    if (first === undefined || first.los >= los) continue;
    const found: PassRow[] = [];
    for (let from = 1, isMore = true; isMore; from += partsAtOnce) {
      const ids = Array.from({ length: partsAtOnce }, (_, i) => partId(passId, from + i));
      const rows = await findPasses(tx, ids);
      found.push(...rows);
      isMore = rows.length === partsAtOnce;
    }
    parts.set(
      passId,
      found.sort((a, b) => epochMsOf(a.aos) - epochMsOf(b.aos)),
    );
  }
  return parts;
}

/** One planning at a time: what it read stays true until it is stored. */
export async function lockPlanning(tx: Sql): Promise<void> {
  await tx`select pg_advisory_xact_lock(${planLockKey}::bigint)`;
}

export async function databaseNowMs(tx: Sql): Promise<number> {
  const [row] = await tx<{ nowMs: number }>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`;
  return row?.nowMs ?? 0;
}

export function claimOf(pass: PassDefinition): Claim {
  const { passId, ship, station, host, port, priority, prepassMarginMs, drainMarginMs } = pass;
  const window = { aosMs: epochMsOf(pass.aos), losMs: epochMsOf(pass.los), prepassMarginMs, drainMarginMs };
  return { passId, ship, station, host, port, priority, ...window };
}

/** The passes whose ports would be open at any moment that one of these would have its own. */
export async function findBookings(tx: Sql, claims: readonly Claim[]): Promise<Booking[]> {
  if (claims.length === 0) return [];
  const opens = claims.map(({ aosMs, prepassMarginMs }) => instantOf(aosMs - prepassMarginMs));
  const closes = claims.map(({ losMs, drainMarginMs }) => instantOf(losMs + drainMarginMs));
  const rows = await tx.query<Omit<Booking, "aosMs" | "losMs"> & { aos: Instant; los: Instant }>(
    `with asked as (
      select tstzrange(opens, closes) as span
      from unnest($1::text::timestamptz[], $2::text::timestamptz[]) as ask (opens, closes))
    select distinct on (pass_id) pass_id as "passId", ship, station, host, port, priority,
      prepass_margin_ms as "prepassMarginMs", drain_margin_ms as "drainMarginMs",
      ${instantText("aos")} as aos, ${instantText("los")} as los
    from asked join pass on tstzrange(opens_at, closes_at) && span
    where state in ('planned', 'prepass', 'receiving', 'draining')
    order by pass_id`,
    [array(opens), array(closes)],
  );
  const bookings = rows.map(({ aos, los, ...row }) => ({ ...row, aosMs: epochMsOf(aos), losMs: epochMsOf(los) }));
  return bookings.sort((a, b) => a.aosMs - b.aosMs);
}

/** In the order of the leases' renewals, before anything is written: neither waits for the other in a circle. */
export async function lockPasses(tx: Sql, passIds: readonly PassId[]): Promise<void> {
  await tx`select pass_id from pass where pass_id = any(${array(passIds)}::text::uuid[]) order by pass_id for update`;
}

export async function cancelPasses(
  tx: Sql,
  cancels: readonly { readonly passId: PassId; readonly reason: string }[],
  at: Instant,
): Promise<PassRow[]> {
  if (cancels.length === 0) return [];
  const ids = cancels.map(({ passId }) => passId);
  await lockPasses(tx, ids);
  const rows = await tx.query<StoredPass>(
    `update pass set state = 'cancelled', reason = why, modified_at = $3::timestamptz
    from unnest($1::text::uuid[], $2::text::text[]) as ask (asked_id, why)
    where pass_id = asked_id and state in ('planned', 'prepass', 'receiving', 'draining')
    returning ${passColumns}`,
    [array(ids), array(cancels.map(({ reason }) => reason)), at],
  );
  return rows.map(rowOf);
}

async function insertPasses(
  tx: Sql,
  asked: readonly PassDefinition[],
  parts: readonly Placed[],
  rules: PlanRules,
): Promise<PassRow[]> {
  if (parts.length === 0) return [];
  const column = (of: (part: Placed, definition: PassDefinition) => SqlValue): string =>
    array(parts.map((part) => of(part, asked[part.index] as PassDefinition))); // an index that came of it
  const rows = await tx.query<StoredPass>(
    `insert into pass (pass_id, ship, station, host, port, aos, los, opens_at, closes_at, prepass_margin_ms,
      drain_margin_ms, template, flows, priority, request_digest, state, reason, contact, created_by, created_at, modified_at)
    select id, ship, station, host, port, aos, los, aos - prepass_ms * interval '1 millisecond',
      los + drain_ms * interval '1 millisecond', prepass_ms, drain_ms, template, flows, priority, digest,
      case when cancelled is not null then 'cancelled' when los <= now() then 'missed' else 'planned' end,
      case when cancelled is not null then cancelled when los <= now() then 'its window was over when it was asked for' end,
      $15, $16, $17::timestamptz, $17::timestamptz
    from unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::int[],
      $6::text::timestamptz[], $7::text::timestamptz[], $8::text::int[], $9::text::int[], $10::text::text[],
      $11::text::text[], $12::text::int[], $13::text::text[], $14::text::text[])
      as part (id, ship, station, host, port, aos, los, prepass_ms, drain_ms, template, flows, priority, digest, cancelled)
    returning ${passColumns}`,
    [
      column(({ passId }) => passId),
      column(({ ship }) => ship),
      column(({ station }) => station),
      column(({ host }) => host),
      column(({ port }) => port),
      // As asked for, where nothing was cut off: to the microsecond.
      column(({ aosMs }, { aos }) => (epochMsOf(aos) === aosMs ? aos : instantOf(aosMs))),
      column(({ losMs }, { los }) => (epochMsOf(los) === losMs ? los : instantOf(losMs))),
      column(({ prepassMarginMs }) => prepassMarginMs),
      column(({ drainMarginMs }) => drainMarginMs),
      column((_, { template }) => template),
      column((_, { flows }) => (flows.length === 0 ? null : JSON.stringify(flows))),
      column(({ priority }) => priority),
      column((_, { requestDigest }) => requestDigest),
      column(({ cancelled }) => cancelled),
      rules.contact ?? null,
      rules.by,
      rules.at,
    ],
  );
  return rows.map(rowOf);
}
