/** The ship that a path names: checked as a name, then found. */
import { NotFoundError } from "../model/errors.ts";
import type { ShipRow } from "../model/pass.ts";
import { findShip } from "../store/ships.ts";
import type { Sql } from "../store/sql.ts";
import { nameIn } from "./named.ts";

/** 400 or 404 when there is no such ship. */
export async function knownShip(sql: Sql, given: string): Promise<ShipRow> {
  const name = nameIn("ship", given);
  const ship = await findShip(sql, name);
  if (ship === null) throw new NotFoundError("ship", name);
  return ship;
}
