/** Passes: found, listed, cancelled. How they are planned is in pass-plan.ts, how one is held and moved on in pass-leases.ts. */

import type { Instant } from "../model/clock.ts";
import type { PassArchive, PassId, PassRow, PassState } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

/** No pass is planned longer, nor extended beyond it. */
const passDaysMax = 31;

/** As `rowOf` reads them. */
export const passColumns = `pass_id as "passId", ship, station, host, port, ${instantText("aos")} as aos, ${instantText("los")} as los,
  prepass_margin_ms as "prepassMarginMs", drain_margin_ms as "drainMarginMs", template, flows, priority,
  request_digest as "requestDigest", state, reason, token, node, is_open as "isOpen", ${instantText("opened_at")} as "openedAt",
  receive_buffer_bytes as "receiveBufferBytes", archive,
  ${instantText("archive_removed_at")} as "archiveRemovedAt", archive_removed_why as "archiveRemovedWhy", dataset_id as "datasetId", contact, created_by as "createdBy",
  ${instantText("created_at")} as "createdAt", ${instantText("modified_at")} as "modifiedAt"`;

export type StoredPass = Omit<PassRow, "archive" | "flows"> & {
  readonly archive: string | null;
  readonly flows: string | null;
};

export function rowOf(stored: StoredPass): PassRow {
  // Written by us as JSON of this very type.
  return {
    ...stored,
    archive: stored.archive === null ? null : (JSON.parse(stored.archive) as PassArchive),
    flows: stored.flows === null ? [] : (JSON.parse(stored.flows) as string[]),
  };
}

export async function findPass(sql: Sql, passId: PassId): Promise<PassRow | null> {
  const [row] = await sql.query<StoredPass>(`select ${passColumns} from pass where pass_id = $1::uuid`, [passId]);
  return row === undefined ? null : rowOf(row);
}

export async function findPasses(sql: Sql, passIds: readonly PassId[]): Promise<PassRow[]> {
  const rows = await sql.query<StoredPass>(`select ${passColumns} from pass where pass_id = any($1::text::uuid[])`, [
    array(passIds),
  ]);
  return rows.map(rowOf);
}

/** Passes of a ship over a station that have not ended, of any part of that time. */
export async function findPassesOver(
  sql: Sql,
  ask: { readonly ship: string; readonly station: string; readonly from: Instant; readonly to: Instant },
): Promise<PassRow[]> {
  const rows = await sql.query<StoredPass>(
    `select ${passColumns} from pass
      where state in ('planned', 'prepass', 'receiving', 'draining')
        and tstzrange(opens_at, closes_at) && tstzrange($3::timestamptz, $4::timestamptz) and ship = $1 and station = $2
      order by aos`,
    [ask.ship, ask.station, ask.from, ask.to],
  );
  return rows.map(rowOf);
}

export interface PassFilter {
  readonly state: PassState | null;
  readonly ship: string | null;
  readonly contact?: string | null;
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
    ["contact", filter.contact ?? null],
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

/** Passes of any part of that time, of one station or of all, by AOS. A pass is at most `passDaysMax` long. */
export async function listPassesBetween(
  sql: Sql,
  ask: { readonly from: Instant; readonly to: Instant; readonly station: string | null; readonly limit: number },
): Promise<PassRow[]> {
  const rows = await sql.query<StoredPass>(
    `select ${passColumns} from pass
      where aos < $2::timestamptz and aos > $1::timestamptz - ${passDaysMax} * interval '1 day' and los > $1::timestamptz
        and ($3::text is null or station = $3)
      order by aos, pass_id limit $4::int`,
    [ask.from, ask.to, ask.station, ask.limit],
  );
  return rows.map(rowOf);
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
