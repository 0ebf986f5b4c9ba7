/** A ground station: where it stands, and above what it sees. */
import type { Instant } from "./clock.ts";

/** Degrees north and east on the WGS 84 ellipsoid, metres above it. */
export interface Site {
  readonly latitude: number;
  readonly longitude: number;
  readonly heightM: number;
}

/**
 * From which elevation on a ship is seen, in degrees: everywhere the same, or by azimuth. Between two azimuths of the table the
 * line is straight; it closes through north.
 */
export type ElevationMask = number | readonly (readonly [azimuth: number, elevation: number])[];

export interface StationRow extends Site {
  readonly station: string;
  readonly description: string | null;
  readonly mask: ElevationMask;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}
