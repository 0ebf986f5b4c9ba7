/** The elevation from which a station sees a ship in some direction. */
import type { ElevationMask } from "../model/station.ts";

/** `mask`: a table is sorted by azimuth, each of which is 0 ≤ azimuth < 360. `azimuth` and the result in degrees. */
export function maskAt(mask: ElevationMask, azimuth: number): number {
  if (typeof mask === "number") return mask;
  const last = mask.at(-1);
  const [first] = mask;
  if (first === undefined || last === undefined) return 0;
  let before: readonly [number, number] = [last[0] - 360, last[1]];
  for (const point of mask) {
    if (point[0] >= azimuth) return between(before, point, azimuth);
    before = point;
  }
  return between(before, [first[0] + 360, first[1]], azimuth);
}

function between([fromAz, from]: readonly [number, number], [toAz, to]: readonly [number, number], at: number): number {
  return toAz === fromAz ? to : from + ((to - from) * (at - fromAz)) / (toAz - fromAz);
}
