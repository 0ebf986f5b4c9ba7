/** Ships: what they are called, how they speak, how their packets are read. */
import type { Instant } from "../model/clock.ts";
import type { JsonText } from "../model/json.ts";
import type { ShipFormat, ShipRow } from "../model/pass.ts";
import { array, type Sql } from "./sql.ts";

export interface ShipDefinition {
  readonly ship: string;
  readonly format: ShipFormat;
  readonly definition: JsonText | null;
  readonly by: string;
  readonly at: Instant;
}

/** A ship holds no more than its definition: registering it again replaces that. */
export async function saveShip(sql: Sql, ship: ShipDefinition): Promise<void> {
  await sql`
    insert into ship (ship, format, definition, modified_by, modified_at)
    values (${ship.ship}, ${ship.format}, ${ship.definition}, ${ship.by}, ${ship.at}::timestamptz)
    on conflict (ship) do update set format = excluded.format, definition = excluded.definition,
      modified_by = excluded.modified_by, modified_at = excluded.modified_at`;
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

/** Registering a ship anew leaves it as it is. Null: no pass is alarming for what it lost. */
export async function saveCompletenessMin(sql: Sql, ship: string, min: number | null): Promise<void> {
  await sql`update ship set completeness_min = ${min}::float8 where ship = ${ship}`;
}

export async function findShip(sql: Sql, ship: string): Promise<ShipRow | null> {
  const [row] = await sql<ShipRow>`
    select ship, format, definition, tle, completeness_min as "completenessMin", modified_by as "modifiedBy",
      to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "modifiedAt"
    from ship where ship = ${ship}`;
  return row ?? null;
}

/** Those of the names that no ship has. */
export async function unknownShips(sql: Sql, names: readonly string[]): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    select name from unnest(${array(names)}::text::text[]) as name
    where not exists (select 1 from ship where ship = name)`;
  return rows.map(({ name }) => name);
}

/** By name, those after `after`. */
export function listShips(sql: Sql, after: string, limit: number): Promise<ShipRow[]> {
  return sql<ShipRow>`
    select ship, format, definition, tle, completeness_min as "completenessMin", modified_by as "modifiedBy",
      to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "modifiedAt"
    from ship where ship collate "C" > ${after} collate "C" order by ship collate "C" limit ${limit}::int`;
}
