/** The newest value of each of a ship's parameters: of passes held here at first hand, of others as they were last stored. */
import type { Ground } from "../ground/ground.ts";
import type { LatestValue } from "../ground/latest.ts";
import { findLatestValues } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";

/** Passes whose values may still be the newest of some parameter. */
const passesMax = 10;

export interface ValueSources {
  readonly sql: Sql;
  readonly ground: Pick<Ground, "liveValues">;
}

/** By name, sorted. */
export async function latestValues({ sql, ground }: ValueSources, ship: string): Promise<Record<string, LatestValue>> {
  const stored = await findLatestValues(sql, ship, passesMax);
  // Written by us as JSON of this type.
  const values = stored.map((text) => JSON.parse(text) as Record<string, LatestValue>);
  return newestOf([...values, ...ground.liveValues(ship)]);
}

/** Of each parameter the value that arrived last. */
function newestOf(all: readonly Record<string, LatestValue>[]): Record<string, LatestValue> {
  const newest = new Map<string, LatestValue>();
  for (const values of all) {
    for (const [name, value] of Object.entries(values)) {
      const known = newest.get(name);
      if (known === undefined || value.at >= known.at) newest.set(name, value);
    }
  }
  return Object.fromEntries([...newest].sort(([a], [b]) => (a < b ? -1 : 1)));
}
