/** What a pass has received so far: its ledger, latest values and checkpoint, overwritten; its counters, appended. */
import type { Instant } from "../model/clock.ts";
import type { JsonText } from "../model/json.ts";
import type { PassId, PassProgress } from "../model/pass.ts";
import type { PassLease } from "./pass-leases.ts";
import { array, type Sql } from "./sql.ts";

export interface ProgressReport extends PassLease, PassProgress {
  readonly ship: string;
  readonly checkpoint: JsonText;
  /** A few numbers of the ledger, kept for every report. */
  readonly counters: JsonText;
}

/** One statement. False: the lease is lost, nothing was written. */
export async function saveProgress(sql: Sql, report: ProgressReport): Promise<boolean> {
  const rows = await sql`
    with held as (
      select pass_id from pass where pass_id = ${report.passId}::uuid and token = ${report.token}::bigint),
    noted as (
      insert into pass_snapshot (pass_id, at, token, counters)
      select pass_id, ${report.at}::timestamptz, ${report.token}::bigint, ${report.counters} from held
      on conflict (pass_id, at) do nothing)
    insert into pass_progress (pass_id, ship, token, at, ledger, counters, latest, checkpoint)
    select pass_id, ${report.ship}, ${report.token}::bigint, ${report.at}::timestamptz, ${report.ledger},
      ${report.counters}, ${report.latest}, ${report.checkpoint} from held
    on conflict (pass_id) do update set token = excluded.token, at = excluded.at, ledger = excluded.ledger,
      counters = excluded.counters, latest = excluded.latest, checkpoint = excluded.checkpoint
    where pass_progress.token <= excluded.token
    returning pass_id`;
  return rows.length > 0;
}

export interface StoredProgress extends PassProgress {
  readonly passId: PassId;
  readonly token: number;
}

/** Of the passes that have any. */
export async function findProgress(sql: Sql, passIds: readonly PassId[]): Promise<Map<PassId, StoredProgress>> {
  const rows = await sql<StoredProgress>`
    select pass_id as "passId", token, ledger, latest,
      to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as at
    from pass_progress where pass_id = any(${array(passIds)}::text::uuid[])`;
  return new Map(rows.map((row) => [row.passId, row]));
}

/** The counters of the passes that have any: JSON. */
export async function findCounters(sql: Sql, passIds: readonly PassId[]): Promise<Map<PassId, JsonText>> {
  const rows = await sql<{ passId: PassId; counters: JsonText }>`
    select pass_id as "passId", counters from pass_progress where pass_id = any(${array(passIds)}::text::uuid[])`;
  return new Map(rows.map(({ passId, counters }) => [passId, counters]));
}

/** Where a new holder goes on. */
export async function findCheckpoint(
  sql: Sql,
  passId: PassId,
): Promise<{ readonly checkpoint: JsonText; readonly latest: JsonText; readonly at: Instant } | null> {
  const [row] = await sql<{ checkpoint: JsonText; latest: JsonText; at: Instant }>`
    select checkpoint, latest, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as at
    from pass_progress where pass_id = ${passId}::uuid`;
  return row ?? null;
}

/** The latest values that a ship's newest passes left, the newest pass first. */
export async function findLatestValues(sql: Sql, ship: string, passesMax: number): Promise<JsonText[]> {
  const rows = await sql<{ latest: JsonText }>`
    select latest from pass_progress where ship = ${ship} order by at desc limit ${passesMax}::int`;
  return rows.map((row) => row.latest);
}

/** When each of a pass's holders first noted something, by token: milliseconds since 1970. Of the first `countMax` tokens. */
export async function firstNotes(sql: Sql, passId: PassId, countMax: number): Promise<Map<number, number>> {
  const rows = await sql<{ token: number; atMs: number }>`
    select token, (extract(epoch from min(at)) * 1000)::float8 as "atMs" from pass_snapshot
    where pass_id = ${passId}::uuid group by token order by token limit ${countMax}::int`;
  return new Map(rows.map(({ token, atMs }) => [token, atMs]));
}
