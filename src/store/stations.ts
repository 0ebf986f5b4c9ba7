/** Stations: where they stand and what they see. */
import type { ElevationMask, StationRow } from "../model/station.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

const columns = `station, description, latitude, longitude, height_m as "heightM", mask, modified_by as "modifiedBy",
  ${instantText("modified_at")} as "modifiedAt"`;

type Stored = Omit<StationRow, "mask"> & { readonly mask: string };

/** Written by us as JSON of this very type. */
const rowOf = (stored: Stored): StationRow => ({ ...stored, mask: JSON.parse(stored.mask) as ElevationMask });

/** Saving one again replaces it. */
export async function saveStation(sql: Sql, row: StationRow): Promise<void> {
  await sql`
    insert into station (station, description, latitude, longitude, height_m, mask, modified_by, modified_at)
    values (${row.station}, ${row.description}, ${row.latitude}::float8, ${row.longitude}::float8, ${row.heightM}::float8,
      ${JSON.stringify(row.mask)}, ${row.modifiedBy}, ${row.modifiedAt}::timestamptz)
    on conflict (station) do update set description = excluded.description, latitude = excluded.latitude,
      longitude = excluded.longitude, height_m = excluded.height_m, mask = excluded.mask,
      modified_by = excluded.modified_by, modified_at = excluded.modified_at`;
}

export async function findStation(sql: Sql, station: string): Promise<StationRow | null> {
  const [row] = await sql.query<Stored>(`select ${columns} from station where station = $1`, [station]);
  return row === undefined ? null : rowOf(row);
}

/** By name, those after `after`. */
export async function listStations(sql: Sql, after: string, limit: number): Promise<StationRow[]> {
  const rows = await sql.query<Stored>(
    `select ${columns} from station where station collate "C" > $1 collate "C" order by station collate "C" limit $2::int`,
    [after, limit],
  );
  return rows.map(rowOf);
}

/** Its passes keep its name. */
export async function deleteStation(sql: Sql, station: string): Promise<void> {
  await sql`delete from station where station = ${station}`;
}
