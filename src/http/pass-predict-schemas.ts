/** The schemas of predictions, for the document and for the check of what is to be planned of one. */
import { z } from "@hono/zod-openapi";
import { text } from "./check.ts";
import { dateTime } from "./date.ts";
import { PassReport } from "./pass-plan-schemas.ts";
import { PassParam } from "./pass-schemas.ts";
import { date } from "./schemas.ts";
import { Orbit } from "./ship-schemas.ts";

export const spanDaysMax = 31;
export const spanDaysDefault = 7;
export const elevationBounds = { min: -10, max: 90 };

const degrees = z.number();

const Predicted = z
  .object({
    aos: date,
    los: date,
    duration_s: z.number(),
    aos_azimuth: degrees,
    los_azimuth: degrees,
    max_elevation: degrees,
    max_elevation_date: date,
    max_azimuth: degrees.openapi({ description: "At the highest point" }),
    range_km: z.number().openapi({ description: "At the highest point" }),
    pass_id: z.string().nullable().openapi({ description: "The pass of this ship and station that is planned for it" }),
  })
  .openapi("PredictedPass");

export const PredictionSchema = z
  .object({
    ship: z.string(),
    station: z.string(),
    tle: Orbit,
    from: date,
    to: date,
    warnings: z.array(z.string()),
    passes: z.array(Predicted),
  })
  .openapi("Prediction");

const minElevation = {
  description: "Degrees; where the station's mask is lower, this counts. 0 if absent",
};

export const PredictQuery = z.object({
  ship: z.string(),
  station: z.string(),
  from: z.string().optional().openapi({ format: "date-time", description: "Now if absent" }),
  to: z
    .string()
    .optional()
    .openapi({ format: "date-time", description: `${spanDaysDefault} days later if absent, at most ${spanDaysMax}` }),
  min_elevation: z
    .string()
    .optional()
    .openapi({ type: "number", minimum: -10, maximum: 90, ...minElevation }),
});

const { host, port, template, flows, prepass_margin_s, drain_margin_s, priority } = PassParam.shape;
export const PredictParam = z
  .object({
    ship: text,
    station: text,
    from: dateTime.nullish(),
    to: dateTime.nullish(),
    min_elevation: z.number().min(elevationBounds.min).max(elevationBounds.max).nullish().openapi(minElevation),
    ...{ host, port, template, flows, prepass_margin_s, drain_margin_s, priority },
  })
  .openapi("PredictParam");

/** What was planned of a prediction, and the whole of it. */
export const PredictionReport = PassReport.extend({ prediction: PredictionSchema }).openapi("PredictionReport");
