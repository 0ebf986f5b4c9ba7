/** Ships: what they are called, how they speak, how their packets are read. */
import type { Instant } from "../model/clock.ts";
import type { JsonText } from "../model/json.ts";
import type { ShipFormat, ShipRow } from "../model/pass.ts";
import type { ShipQuota, ShipRetention } from "../model/tenancy.ts";
import { instantText } from "./instants.ts";
import { array, type Sql } from "./sql.ts";

export interface ShipDefinition {
  readonly ship: string;
  readonly format: ShipFormat;
  readonly definition: JsonText | null;
  /** Absent: as it was; none, for a new ship. So is `retention`. */
  readonly quota?: ShipQuota | undefined;
  readonly retention?: ShipRetention | undefined;
  readonly by: string;
  readonly at: Instant;
}

/** Registering a ship again replaces what it holds. One statement: a node never sees the half of it. */
export async function saveShip(sql: Sql, ship: ShipDefinition): Promise<void> {
  const { quota, retention } = ship;
  await sql`
    insert into ship as known (ship, format, definition, modified_by, modified_at,
      packets_per_s, bytes_kept, hot_bytes, archive_days, hot_hours, snapshot_days)
    values (${ship.ship}, ${ship.format}, ${ship.definition}, ${ship.by}, ${ship.at}::timestamptz,
      ${quota?.packetsPerS ?? null}::float8, ${quota?.bytesKept ?? null}::bigint, ${quota?.hotBytes ?? null}::bigint,
      ${retention?.archiveDays ?? null}::float8, ${retention?.hotHours ?? null}::float8,
      ${retention?.snapshotDays ?? null}::float8)
    on conflict (ship) do update set format = excluded.format, definition = excluded.definition,
      modified_by = excluded.modified_by, modified_at = excluded.modified_at,
      packets_per_s = case when ${quota !== undefined}::boolean then excluded.packets_per_s else known.packets_per_s end,
      bytes_kept = case when ${quota !== undefined}::boolean then excluded.bytes_kept else known.bytes_kept end,
      hot_bytes = case when ${quota !== undefined}::boolean then excluded.hot_bytes else known.hot_bytes end,
      archive_days = case when ${retention !== undefined}::boolean then excluded.archive_days else known.archive_days end,
      hot_hours = case when ${retention !== undefined}::boolean then excluded.hot_hours else known.hot_hours end,
      snapshot_days = case when ${retention !== undefined}::boolean then excluded.snapshot_days else known.snapshot_days end`;
}

/** Registering a ship anew leaves its orbit as it is. False: there is no such ship. */
export async function saveOrbit(
  sql: Sql,
  {
    ship,
    tle,
    by,
    at,
  }: { readonly ship: string; readonly tle: string | null; readonly by: string; readonly at: Instant },
): Promise<boolean> {
  const rows = await sql`
    update ship set tle = ${tle}, modified_by = ${by}, modified_at = ${at}::timestamptz where ship = ${ship} returning ship`;
  return rows.length > 0;
}

const columns = `ship, format, definition, tle, modified_by as "modifiedBy", ${instantText("modified_at")} as "modifiedAt",
  packets_per_s as "packetsPerS", bytes_kept as "bytesKept", hot_bytes as "hotBytes",
  completeness_min as "completenessMin", archive_days as "archiveDays", hot_hours as "hotHours", snapshot_days as "snapshotDays"`;

type Stored = Omit<ShipRow, "quota" | "retention"> & ShipQuota & ShipRetention;

function rowOf(stored: Stored): ShipRow {
  const { packetsPerS, bytesKept, hotBytes, archiveDays, hotHours, snapshotDays, ...row } = stored;
  return {
    ...row,
    quota: { packetsPerS, bytesKept, hotBytes },
    retention: { archiveDays, hotHours, snapshotDays },
  };
}

/** Registering a ship anew leaves it as it is. Null: no pass is alarming for what it lost. */
export async function saveCompletenessMin(sql: Sql, ship: string, min: number | null): Promise<void> {
  await sql`update ship set completeness_min = ${min}::float8 where ship = ${ship}`;
}

export async function findShip(sql: Sql, ship: string): Promise<ShipRow | null> {
  const [row] = await sql.query<Stored>(`select ${columns} from ship where ship = $1`, [ship]);
  return row === undefined ? null : rowOf(row);
}

/** Those of the names that no ship has. */
export async function unknownShips(sql: Sql, names: readonly string[]): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    select name from unnest(${array(names)}::text::text[]) as name
    where not exists (select 1 from ship where ship = name)`;
  return rows.map(({ name }) => name);
}

/** By name, those after `after`. */
export async function listShips(sql: Sql, after: string, limit: number): Promise<ShipRow[]> {
  const rows = await sql.query<Stored>(
    `select ${columns} from ship where ship collate "C" > $1 collate "C" order by ship collate "C" limit $2::int`,
    [after, limit],
  );
  return rows.map(rowOf);
}
