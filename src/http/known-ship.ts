/** The ship that a path names: checked as a name, then found. */
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { type ShipRow, shipNamePattern } from "../model/pass.ts";
import { findShip } from "../store/ships.ts";
import type { Sql } from "../store/sql.ts";

/** Names are parts of files and keys: nothing else passes. */
export function shipName(given: string): string {
  if (shipNamePattern.test(given)) return given;
  throw new InvalidRequestError(
    "ship: 1 to 64 letters, digits, dots, hyphens and underscores are needed, the first a letter or a digit",
    "ship",
  );
}

/** 400 or 404 when there is no such ship. */
export async function knownShip(sql: Sql, given: string): Promise<ShipRow> {
  const name = shipName(given);
  const ship = await findShip(sql, name);
  if (ship === null) throw new NotFoundError("ship", name);
  return ship;
}
