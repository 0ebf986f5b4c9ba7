/** What passes keep on disk: how much a ship's archives hold, which are to go, and the marks of those that went. */
import type { Instant } from "../model/clock.ts";
import type { PassId } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { array, type Sql } from "./sql.ts";

/** Octets of the archives of a ship's passes, and of what lies beside them; not of those that are being removed. */
export async function archiveUsage(
  sql: Sql,
  ship: string,
): Promise<{ readonly bytes: number; readonly archives: number }> {
  const [row] = await sql<{ bytes: number; archives: number }>`
    select coalesce(sum(kept_bytes), 0)::bigint as bytes, count(*) as archives from pass
    where ship = ${ship} and kept_bytes is not null and archive_removed_at is null`;
  return row ?? { bytes: 0, archives: 0 };
}

export interface KeptPass {
  readonly passId: PassId;
  readonly ship: string;
  readonly token: number;
  /** Of the archive itself, on the node that received the pass. */
  readonly path: string;
  readonly bytes: number;
  readonly los: Instant;
}

const keptColumns = `pass_id as "passId", pass.ship, token, ${instantText("los")} as los, archive::json ->> 'path' as path, kept_bytes as bytes`;

/** None of its products is queued, runs, or waits where none has failed. A plan that is not there yet is waited for, for a day. */
const isPlanDone = (datasetId: string, since: string): string => `(
  case when exists (select 1 from dataset where dataset.dataset_id = ${datasetId})
  then not exists (select 1 from product p where p.dataset_id = ${datasetId} and p.state in ('queued', 'running'))
    and (not exists (select 1 from product p where p.dataset_id = ${datasetId} and p.state = 'waiting')
      or exists (select 1 from product p where p.dataset_id = ${datasetId} and p.state = 'failed'))
  else ${since} < now() - interval '1 day' end)`;

/** A pass that has ended, and no plan of which may still read it: neither its own nor one of a replay. */
const isDone = `pass.state in ('completed', 'failed', 'cancelled', 'missed')
  and (pass.dataset_id is null or ${isPlanDone("pass.dataset_id", "pass.los")})
  and not exists (select 1 from pass_replay r where r.pass_id = pass.pass_id and (r.state = 'queued'
    or (r.state = 'done' and not ${isPlanDone("r.dataset_id", "r.finished_at")})))`;

/** Those whose time is over, of any ship, after `after`, by their ids. */
export function listExpired(sql: Sql, after: PassId, countMax: number): Promise<KeptPass[]> {
  return sql.query<KeptPass>(
    `select ${keptColumns} from ship join pass on pass.ship = ship.ship
      where archive_days is not null and los < now() - archive_days * interval '1 day'
        and kept_bytes is not null and archive_removed_at is null and pass_id > $1::uuid and ${isDone}
      order by pass_id limit $2::int`,
    [after, countMax],
  );
}

/** A ship's, the oldest first; `after`: the last one of the page before, if any. */
export function listOldest(
  sql: Sql,
  ship: string,
  after: Pick<KeptPass, "los" | "passId"> | null,
  countMax: number,
): Promise<KeptPass[]> {
  return sql.query<KeptPass>(
    `select ${keptColumns} from pass
      where pass.ship = $1 and kept_bytes is not null and archive_removed_at is null and ${isDone}
        and ($2::timestamptz is null or (pass.los, pass_id) > ($2::timestamptz, $3::uuid))
      order by pass.los, pass_id limit $4::int`,
    [ship, after?.los ?? null, after?.passId ?? null, countMax],
  );
}

/** Those that are marked, and whose files are not known to be gone: whoever marked them was stopped in the middle. */
export function listHalfRemoved(sql: Sql, after: PassId, countMax: number): Promise<KeptPass[]> {
  return sql.query<KeptPass>(
    `select ${keptColumns} from pass
      where kept_bytes is not null and archive_removed_at is not null and pass_id > $1::uuid
      order by pass_id limit $2::int`,
    [after, countMax],
  );
}

/** Before a file is touched: from here on nobody is promised one. False: it is marked already, or in use again. */
export function markRemoved(
  sql: Sql,
  mark: { readonly passId: PassId; readonly why: string; readonly at: Instant },
): Promise<boolean> {
  return sql.begin(async (tx) => {
    const rows = await tx.query(
      `update pass set archive_removed_at = $3::timestamptz, archive_removed_why = $2
        where pass_id = $1::uuid and archive_removed_at is null and ${isDone} returning pass_id`,
      [mark.passId, mark.why, mark.at],
    );
    if (rows.length === 0) return false;
    await tx`delete from pass_decoded where pass_id = ${mark.passId}::uuid`;
    return true;
  });
}

/** Its files are gone. */
export async function noteRemoved(sql: Sql, passIds: readonly PassId[]): Promise<void> {
  await sql`update pass set kept_bytes = null where pass_id = any(${array(passIds)}::text::uuid[])`;
}

export const snapshotDaysDefault = 90;

/** Counters over time of passes whose ship keeps them no longer. Returns how many went. */
export async function pruneSnapshots(sql: Sql, countMax: number): Promise<number> {
  const rows = await sql`
    with old as (
      select pass_snapshot.pass_id, pass_snapshot.at from pass_snapshot
      join pass on pass.pass_id = pass_snapshot.pass_id join ship on ship.ship = pass.ship
      where pass_snapshot.at < now() - (select least(${snapshotDaysDefault}::float8, min(snapshot_days)) from ship) * interval '1 day'
        and los < now() - coalesce(snapshot_days, ${snapshotDaysDefault}::float8) * interval '1 day'
        and pass.state in ('completed', 'failed', 'cancelled', 'missed')
      limit ${countMax}::int for update of pass_snapshot skip locked)
    delete from pass_snapshot using old where pass_snapshot.pass_id = old.pass_id and pass_snapshot.at = old.at returning 1`;
  return rows.length;
}

export interface BoundedShip {
  readonly ship: string;
  /** Null: it has no such quota, and its hot store only has to let go what has had its time. */
  readonly bytesKept: number | null;
}

export function listBounded(sql: Sql): Promise<BoundedShip[]> {
  return sql<BoundedShip>`
    select ship, bytes_kept as "bytesKept" from ship
    where bytes_kept is not null or hot_hours is not null order by ship`;
}
