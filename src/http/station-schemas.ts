/** The schemas of stations, for the document and for the check of one. */
import { z } from "@hono/zod-openapi";
import { text } from "./check.ts";
import { date } from "./schemas.ts";

const elevation = z.number().min(-10).max(90);
/** One a degree is more than any survey gives. */
const maskPointsMax = 720;

const MaskTable = z
  .array(z.tuple([z.number().min(0).lt(360), elevation]))
  .min(1)
  .max(maskPointsMax)
  .refine(
    (points) => points.every(([azimuth], i) => i === 0 || azimuth > (points[i - 1]?.[0] ?? 0)),
    "azimuths must grow from point to point",
  );

const Mask = z
  .union([elevation, MaskTable], "a number of degrees, or a table [[azimuth, elevation], …], is needed")
  .openapi("ElevationMask", {
    description:
      "Degrees from which on a ship is seen: one number, or a table of azimuth and elevation, straight between its points and closed through north",
  });

const site = {
  latitude: z.number().min(-90).max(90).openapi({ description: "Degrees north, WGS 84" }),
  longitude: z.number().min(-180).max(180).openapi({ description: "Degrees east" }),
};
const height = z.number().min(-500).max(10_000);

export const StationParam = z
  .object({
    description: text.max(500).nullish(),
    ...site,
    height_m: height.nullish().openapi({ description: "Above the ellipsoid; 0 if absent" }),
    mask: Mask.nullish().openapi({ description: "0 if absent" }),
  })
  .openapi("StationParam");

export const Station = z
  .object({
    station: z.string(),
    description: z.string().nullable(),
    ...site,
    height_m: height,
    mask: Mask,
    modified_by: z.string(),
    modified_date: date,
  })
  .openapi("Station");

export const StationList = z.object({ rows: z.array(Station), next_after: z.string().nullable() });
