/** Passes: asked for, found, listed, cancelled. How one is held and moved on is in pass-leases.ts. */

import type { Instant } from "../model/clock.ts";
import { ConflictError } from "../model/errors.ts";
import type { PassArchive, PassDefinition, PassId, PassRow, PassState } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

/** As `rowOf` reads them. */
export const passColumns = `pass_id as "passId", ship, station, host, port, ${instantText("aos")} as aos, ${instantText("los")} as los,
  prepass_margin_ms as "prepassMarginMs", drain_margin_ms as "drainMarginMs", template, priority,
  request_digest as "requestDigest", state, reason, token, node, is_open as "isOpen", ${instantText("opened_at")} as "openedAt",
  receive_buffer_bytes as "receiveBufferBytes", archive, dataset_id as "datasetId", created_by as "createdBy",
  ${instantText("created_at")} as "createdAt", ${instantText("modified_at")} as "modifiedAt"`;

export type StoredPass = Omit<PassRow, "archive"> & { readonly archive: string | null };

export function rowOf(stored: StoredPass): PassRow {
  // Written by us as JSON of this very type.
  return { ...stored, archive: stored.archive === null ? null : (JSON.parse(stored.archive) as PassArchive) };
}

/** "orrery" + 1: one creation at a time, so that two passes cannot get one port. */
const portLockKey = 0x6f72_7266;
const anyAddress = array(["0.0.0.0", "::"]);

export interface PassOrder extends PassDefinition {
  readonly portMin: number;
  readonly portMax: number;
  readonly by: string;
  readonly at: Instant;
}

/**
 * Stores a pass, once: the same id and body again gives the pass that is there. One whose window is over is missed from the start.
 * Throws `ConflictError` when the id is another pass's, the port is taken in that window, or no port of the range is free.
 */
export function createPass(sql: Sql, order: PassOrder): Promise<PassRow> {
  return sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${portLockKey}::bigint)`;
    const known = await findPass(tx, order.passId);
    if (known !== null) {
      if (known.requestDigest === order.requestDigest) return known;
      throw new ConflictError(`Cannot plan pass ${order.passId} as it exists with another body: choose another id`, {
        pass_id: order.passId,
      });
    }
    const port = order.port ?? (await freePort(tx, order));
    if (order.port !== null) await refuseTakenPort(tx, order, port);
    const rows = await tx.query<StoredPass>(
      `insert into pass (pass_id, ship, station, host, port, aos, los, opens_at, closes_at, prepass_margin_ms,
        drain_margin_ms, template, priority, request_digest, state, reason, created_by, created_at, modified_at)
      select $1::uuid, $2, $3, $4, $5::int, aos, los, aos - $8::int * interval '1 millisecond',
        los + $9::int * interval '1 millisecond', $8::int, $9::int, $10, $11::int, $12,
        case when los <= now() then 'missed' else 'planned' end,
        case when los <= now() then 'its window was over when it was asked for' end, $13, $14::timestamptz, $14::timestamptz
      from (select $6::timestamptz as aos, $7::timestamptz as los) as pass_window
      returning ${passColumns}`,
      [
        ...[order.passId, order.ship, order.station, order.host, port, order.aos, order.los],
        ...[order.prepassMarginMs, order.drainMarginMs, order.template, order.priority, order.requestDigest],
        ...[order.by, order.at],
      ],
    );
    return rowOf(first(rows));
  });
}

/** The other pass that has this port while ours would, on this host or on all of them. */
async function refuseTakenPort(tx: Sql, order: PassOrder, port: number): Promise<void> {
  const [taken] = await tx<{ passId: PassId; ship: string }>`
    select pass_id as "passId", ship from pass
    where state in ('planned', 'prepass', 'receiving', 'draining') and port = ${port}::int
      and (host = ${order.host} or ${order.host} = any(${anyAddress}::text::text[]) or host = any(${anyAddress}::text::text[]))
      and opens_at < ${order.los}::timestamptz + ${order.drainMarginMs}::int * interval '1 millisecond'
      and closes_at > ${order.aos}::timestamptz - ${order.prepassMarginMs}::int * interval '1 millisecond'
      and ${order.los}::timestamptz > now()
    order by opens_at limit 1`;
  if (taken === undefined) return;
  throw new ConflictError(
    `Cannot plan the pass as port ${port} of ${order.host} is taken by pass ${taken.passId} of ${taken.ship} in that window: choose another port, "auto", or another time`,
    { field: "port", pass_id: taken.passId, port },
  );
}

/** Any of them: nodes that share a machine but no store would all begin with the lowest one. */
async function freePort(tx: Sql, order: PassOrder): Promise<number> {
  const [free] = await tx<{ port: number }>`
    select port from generate_series(${order.portMin}::int, ${order.portMax}::int) as port
    where port not in (
      select pass.port from pass
      where state in ('planned', 'prepass', 'receiving', 'draining')
        and (host = ${order.host} or ${order.host} = any(${anyAddress}::text::text[]) or host = any(${anyAddress}::text::text[]))
        and opens_at < ${order.los}::timestamptz + ${order.drainMarginMs}::int * interval '1 millisecond'
        and closes_at > ${order.aos}::timestamptz - ${order.prepassMarginMs}::int * interval '1 millisecond')
    order by random() limit 1`;
  if (free !== undefined) return free.port;
  throw new ConflictError(
    `Cannot plan the pass as every port from ${order.portMin} to ${order.portMax} is taken in that window: name a port, or another time`,
    { field: "port" },
  );
}

export async function findPass(sql: Sql, passId: PassId): Promise<PassRow | null> {
  const [row] = await sql.query<StoredPass>(`select ${passColumns} from pass where pass_id = $1::uuid`, [passId]);
  return row === undefined ? null : rowOf(row);
}

export interface PassFilter {
  readonly state: PassState | null;
  readonly ship: string | null;
  /** From 0. */
  readonly page: number;
  readonly limit: number;
}

/** The latest AOS first. `nextPage` null: there are no more. */
export async function listPasses(sql: Sql, filter: PassFilter): Promise<{ rows: PassRow[]; nextPage: number | null }> {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  for (const [column, value] of [
    ["state", filter.state],
    ["ship", filter.ship],
  ] as const) {
    if (value === null) continue;
    values.push(value);
    conditions.push(`${column} = $${values.length}`);
  }
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  values.push(filter.limit + 1, filter.page * filter.limit);
  const rows = await sql.query<StoredPass>(
    `select ${passColumns} from pass ${where} order by aos desc, pass_id
      limit $${values.length - 1}::int offset $${values.length}::bigint`,
    values,
  );
  const nextPage = rows.length > filter.limit ? filter.page + 1 : null;
  return { rows: rows.slice(0, filter.limit).map(rowOf), nextPage };
}

/** Whose port is open now, on all nodes, by what they said last. */
export async function listListening(sql: Sql, countMax: number): Promise<{ rows: PassRow[]; count: number }> {
  const where = `where state in ('receiving', 'draining') and is_open and lease_until > now()`;
  const rows = await sql.query<StoredPass>(
    `select ${passColumns} from pass ${where} order by aos, pass_id limit $1::int`,
    [countMax],
  );
  if (rows.length < countMax) return { rows: rows.map(rowOf), count: rows.length };
  const [total] = await sql.query<{ count: number }>(`select count(*) as count from pass ${where}`, []);
  return { rows: rows.map(rowOf), count: total?.count ?? rows.length };
}

/** Cancels a pass that has not ended; null when there is none to cancel. Its holder closes the port as soon as it hears of it. */
export async function cancelPass(sql: Sql, passId: PassId, reason: string, at: Instant): Promise<PassRow | null> {
  const [row] = await sql.query<StoredPass>(
    `update pass set state = 'cancelled', reason = $2, modified_at = $3::timestamptz
      where pass_id = $1::uuid and state in ('planned', 'prepass', 'receiving', 'draining')
      returning ${passColumns}`,
    [passId, reason, at],
  );
  return row === undefined ? null : rowOf(row);
}

function first<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new TypeError("The store returned no row where one is certain");
  return row;
}
