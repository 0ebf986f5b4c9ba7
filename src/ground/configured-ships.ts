/** The ships of orrery.yaml. Their files are read before anything else is done; what they say is stored where it is new. */
import { readFileSync } from "node:fs";
import type { Config } from "../config.ts";
import type { Clock } from "../model/clock.ts";
import { InvalidRequestError, SetupError } from "../model/errors.ts";
import { type JsonText, jsonTextOf } from "../model/json.ts";
import type { ShipFormat, ShipRow } from "../model/pass.ts";
import type { ShipQuota, ShipRetention } from "../model/tenancy.ts";
import type { Log } from "../observe/log.ts";
import { findShip, saveShip } from "../store/ships.ts";
import type { Sql } from "../store/sql.ts";
import { type ReadDefinition, readDefinition } from "./definition-file.ts";

interface ConfiguredShip {
  readonly ship: string;
  readonly format: ShipFormat;
  readonly definition: JsonText | null;
  /** How many reasons an XTCE file gave to leave something out. */
  readonly leftOut: number;
  /** Undefined, as is the next one: the file does not say. */
  readonly quota: ShipQuota | undefined;
  readonly retention: ShipRetention | undefined;
}

/** Throws `SetupError` naming the ship, the file and the line. */
export function readShips(ships: Config["ships"]): ConfiguredShip[] {
  return Object.entries(ships).map(([ship, { format, packetsPath, crc, ...limits }]) => {
    const tenancy = { quota: limits.quota ?? undefined, retention: limits.retention ?? undefined };
    if (packetsPath === null) return { ship, format, definition: null, leftOut: 0, ...tenancy };
    const { definition, leftOut } = readPackets(ship, packetsPath);
    const whole = crc === null ? definition : { ...definition, crc };
    return { ship, format, definition: jsonTextOf(whole), leftOut: leftOut.length, ...tenancy };
  });
}

function readPackets(ship: string, path: string): ReadDefinition {
  try {
    return readDefinition(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (error instanceof InvalidRequestError) throw new SetupError(`ships.${ship}: ${error.message}`);
    throw new SetupError(`ships.${ship}: cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

export async function storeShips(
  ships: readonly ConfiguredShip[],
  { sql, by, clock, log }: { readonly sql: Sql; readonly by: string; readonly clock: Clock; readonly log: Log },
): Promise<void> {
  for (const configured of ships) {
    const { ship, format, leftOut, ...rest } = configured;
    const known = await findShip(sql, ship);
    if (known !== null && isAs(known, configured)) continue;
    await saveShip(sql, { ship, format, ...rest, by, at: clock.now() });
    const advice = leftOut > 0 ? { advice: "`orrery packets check FILE` lists what was left out" } : {};
    log.info({ ship, format, leftOut, ...advice }, "ship registered as orrery.yaml says");
  }
}

function isAs(known: ShipRow, { format, definition, quota, retention }: ConfiguredShip): boolean {
  if (known.format !== format || known.definition !== definition) return false;
  const asIs = (wanted: object | undefined, is: object): boolean =>
    wanted === undefined || JSON.stringify(wanted) === JSON.stringify(is);
  return asIs(quota, known.quota) && asIs(retention, known.retention);
}
