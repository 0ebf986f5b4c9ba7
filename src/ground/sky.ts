/** Where a ship stands in a station's sky: SGP4 (satellite.js) from its elements, turned into azimuth, elevation and range. */
import { ecfToLookAngles, eciToEcf, gstime, type SatRec, sgp4, twoline2satrec } from "satellite.js";
import type { Site } from "../model/station.ts";
import type { Tle } from "./tle.ts";

/** Degrees: azimuth from north by east, 0 ≤ azimuth < 360; range in km. */
export interface LookAngles {
  readonly azimuth: number;
  readonly elevation: number;
  readonly rangeKm: number;
}

/** The elements say nothing of that moment: the ship is below the ground by then, or they were never an orbit. */
export class OrbitError extends Error {
  override readonly name = "OrbitError";
}

const degrees = 180 / Math.PI;
const unixEpochJulian = 2_440_587.5;
const dayMs = 86_400_000;

/** What the library's error numbers mean. */
const faults: Readonly<Record<number, string>> = {
  1: "the mean eccentricity is none",
  2: "the mean motion is below zero",
  3: "the eccentricity is none",
  4: "the orbit has no size",
  6: "the orbit has decayed",
};

/** The ship as one station sees it. The function that is returned throws `OrbitError`. */
export function skyOf(tle: Tle, site: Site): (epochMs: number) => LookAngles {
  const record = twoline2satrec(tle.line1, tle.line2);
  const observer = {
    latitude: site.latitude / degrees,
    longitude: site.longitude / degrees,
    height: site.heightM / 1000,
  };
  return (epochMs) => {
    const position = positionOf(record, (epochMs - tle.epochMs) / 60_000, epochMs);
    const siderealTime = gstime(unixEpochJulian + epochMs / dayMs);
    const { azimuth, elevation, rangeSat } = ecfToLookAngles(observer, eciToEcf(position, siderealTime));
    return { azimuth: (azimuth * degrees) % 360, elevation: elevation * degrees, rangeKm: rangeSat };
  };
}

function positionOf(record: SatRec, minutes: number, epochMs: number): { x: number; y: number; z: number } {
  const state = sgp4(record, minutes);
  if (state !== null && Number.isFinite(state.position.x)) return state.position;
  const why = faults[record.error] ?? "no position comes of them";
  throw new OrbitError(`the elements say nothing of ${new Date(epochMs).toISOString()}: ${why}`);
}
