/**
 * Holding passes: leases by the database's clock, fenced by a token that only grows; and moving them on under that token.
 * A write with a superseded token changes nothing and says so.
 */
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { PassArchive, PassId, PassRow, PassState } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { passColumns, rowOf, type StoredPass } from "./passes.ts";
import { array, type Sql } from "./sql.ts";

export interface PassLease {
  readonly passId: PassId;
  readonly token: number;
}

export interface TakeAsk {
  readonly nodeId: string;
  readonly leaseMs: number;
  /** The addresses that this node can bind. */
  readonly hosts: readonly string[];
  /** Passes that this node holds already. */
  readonly held: readonly PassId[];
  readonly countMax: number;
}

export interface TakenPass {
  readonly pass: PassRow;
  /** The database's clock, ms since 1970: passes begin and end by it. */
  readonly nowMs: number;
}

/**
 * Takes passes whose time has come and that nobody holds; no two nodes get the same one. What this node holds by the store, but
 * not by its own account, is what it took without hearing the answer: it takes that again. A pass whose window is over needs no port
 * any more: then any node may finish it.
 */
export async function takePasses(sql: Sql, ask: TakeAsk): Promise<TakenPass[]> {
  const rows = await sql.query<StoredPass & { nowMs: number }>(
    `with due as materialized (
      select pass_id as due_id from pass
      where state in ('planned', 'prepass', 'receiving', 'draining') and opens_at <= now()
        and (lease_until is null or lease_until <= now() or node = $1) and not (pass_id = any($4::text::uuid[]))
        and ((host = any($3::text::text[]) and not (state = 'planned' and los <= now())) or (closes_at <= now() and state <> 'planned'))
      order by priority desc, opens_at, pass_id limit $5::int for update skip locked)
    update pass set token = token + 1, node = $1, is_open = false, lease_until = now() + $2::float8 * interval '1 millisecond'
    from due where pass_id = due_id
    returning ${passColumns}, extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
    [ask.nodeId, ask.leaseMs, array(ask.hosts), array(ask.held), ask.countMax],
  );
  return rows.map(({ nowMs, ...row }) => ({ pass: rowOf(row), nowMs }));
}

/** Passes that nobody began before their LOS. Returns them. */
export async function missUntakenPasses(sql: Sql, at: Instant): Promise<PassId[]> {
  const rows = await sql<{ passId: PassId }>`
    update pass set state = 'missed', reason = 'no_eligible_node', modified_at = ${at}::timestamptz
    where state = 'planned' and los <= now() and opens_at <= now() and (lease_until is null or lease_until <= now())
    returning pass_id as "passId"`;
  return rows.map((row) => row.passId);
}

/** When the next pass opens that nobody has begun: seconds from now, by the database's clock; null if there is none. */
export async function nextOpeningMs(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ inMs: number | null }>`
    select extract(epoch from min(opens_at) - now())::float8 * 1000 as "inMs" from pass
    where state in ('planned', 'prepass', 'receiving', 'draining') and opens_at > now()`;
  return row?.inMs ?? null;
}

export interface HeldPass extends PassLease {
  readonly state: PassState;
  readonly reason: string | null;
  readonly los: Instant;
  /** Its ship's quota as it is now. */
  readonly packetsPerS: number | null;
}

/**
 * Renews all leases that a node holds. One that is missing from the answer is lost. `state` may have ended: somebody cancelled it;
 * `los` may be later: somebody extended it. `packetsPerS` may be another.
 */
export async function renewPasses(
  sql: Sql,
  leases: readonly PassLease[],
  leaseMs: number,
): Promise<{ held: HeldPass[]; nowMs: number }> {
  const rows = await sql.query<HeldPass & { nowMs: number }>(
    `with held as (
      select * from unnest($1::text::uuid[], $2::text::bigint[]) as held (held_id, held_token)),
    locked as materialized (
      select pass_id as locked_id from held join pass on pass_id = held_id and token = held_token and node is not null
      order by pass_id for update of pass)
    update pass set lease_until = now() + $3::float8 * interval '1 millisecond'
    from locked where pass_id = locked_id
    returning pass_id as "passId", token, state, reason, ${instantText("los")} as los,
      (select packets_per_s from ship where ship.ship = pass.ship) as "packetsPerS",
      extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
    [array(leases.map(({ passId }) => passId)), array(leases.map(({ token }) => token)), leaseMs],
  );
  return { held: rows.map(({ nowMs: _, ...held }) => held), nowMs: rows[0]?.nowMs ?? Number.NaN };
}

export interface PassStanding {
  readonly state: PassState;
  readonly reason: string | null;
  readonly isOpen: boolean;
  /** Noted once. */
  readonly wasOpened: boolean;
}

export interface PassMove extends PassLease, PassStanding {
  readonly receiveBufferBytes: number | null;
  readonly at: Instant;
}

/** False: the lease is lost, or the pass has ended. An ended one gives its lease up. */
export async function movePass(sql: Sql, move: PassMove): Promise<boolean> {
  const rows = await sql`
    update pass set state = ${move.state}, reason = ${move.reason}, modified_at = ${move.at}::timestamptz,
      is_open = ${move.isOpen}::boolean,
      opened_at = case when ${move.wasOpened}::boolean then coalesce(opened_at, now()) else opened_at end,
      receive_buffer_bytes = coalesce(${move.receiveBufferBytes}::bigint, receive_buffer_bytes)
    where pass_id = ${move.passId}::uuid and token = ${move.token}::bigint
      and state in ('planned', 'prepass', 'receiving', 'draining')
    returning pass_id`;
  return rows.length > 0;
}

export interface PassCompletion extends PassLease {
  readonly archive: PassArchive;
  /** Octets of the archive and of what lies beside it. */
  readonly keptBytes: number;
  readonly datasetId: DatasetId | null;
  readonly at: Instant;
}

/** Completes a pass, and asks for its plan in the same transaction. False: the lease is lost, or the pass has ended. */
export function completePass(sql: Sql, end: PassCompletion, askForPlan: (tx: Sql) => Promise<void>): Promise<boolean> {
  return sql.begin(async (tx) => {
    const rows = await tx`
      update pass set state = 'completed', reason = null, archive = ${JSON.stringify(end.archive)},
        kept_bytes = ${end.keptBytes}::bigint, dataset_id = ${end.datasetId}::uuid, modified_at = ${end.at}::timestamptz, lease_until = null, node = null, is_open = false
      where pass_id = ${end.passId}::uuid and token = ${end.token}::bigint
        and state in ('prepass', 'receiving', 'draining')
      returning pass_id`;
    if (rows.length === 0) return false;
    await askForPlan(tx);
    return true;
  });
}

/** Notes where the packets of a pass that ended without a plan lie. */
export async function noteArchive(sql: Sql, lease: PassLease, archive: PassArchive, keptBytes: number): Promise<void> {
  await sql`
    update pass set archive = ${JSON.stringify(archive)}, kept_bytes = ${keptBytes}::bigint
    where pass_id = ${lease.passId}::uuid and token = ${lease.token}::bigint`;
}

/** How a pass has ended under this lease; null: it has not, or the lease is lost. */
export async function endOfPass(sql: Sql, lease: PassLease): Promise<Pick<PassRow, "state" | "reason"> | null> {
  const [row] = await sql<Pick<PassRow, "state" | "reason">>`
    select state, reason from pass where pass_id = ${lease.passId}::uuid and token = ${lease.token}::bigint
      and state in ('completed', 'failed', 'cancelled', 'missed')`;
  return row ?? null;
}

/** Gives a pass up, at once, so that another node (or this one, started again) goes on with it. */
export async function releasePass(sql: Sql, { passId, token }: PassLease): Promise<void> {
  await sql`
    update pass set lease_until = null, node = null, is_open = false where pass_id = ${passId}::uuid and token = ${token}::bigint`;
}

/** For a process that is alone on its store: whatever was held, was held by an earlier run of it. */
export async function releaseAllPasses(sql: Sql): Promise<void> {
  await sql`update pass set lease_until = null, node = null, is_open = false where lease_until is not null`;
}
