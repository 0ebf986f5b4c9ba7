/** The ship that a path names. */
import type { ShipRow } from "../model/pass.ts";
import { findShip } from "../store/ships.ts";
import type { Sql } from "../store/sql.ts";
import { named } from "./named.ts";

/** 400 or 404 when there is no such ship. */
export const knownShip = (sql: Sql, given: string): Promise<ShipRow> =>
  named("ship", given, (name) => findShip(sql, name));
