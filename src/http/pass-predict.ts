/** Passes that an orbit says will come: predicted, and planned on demand. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { PredictedPass } from "../ground/predict.ts";
import { type Prediction, predictionOf } from "../ground/prediction.ts";
import { OrbitError } from "../ground/sky.ts";
import { parseTle, type Tle, TleError } from "../ground/tle.ts";
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import { InvalidRequestError, RuleBrokenError } from "../model/errors.ts";
import type { PassId, ShipRow } from "../model/pass.ts";
import { findPassesOver } from "../store/passes.ts";
import { json } from "./answer.ts";
import { knownShip } from "./known-ship.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { type Planned, plannable } from "./pass-order.ts";
import { plan, shownReport } from "./pass-plan.ts";
import { PlanQuery } from "./pass-plan-schemas.ts";
import {
  elevationBounds,
  PredictionReport,
  PredictionSchema,
  PredictParam,
  PredictQuery,
  spanDaysDefault,
  spanDaysMax,
} from "./pass-predict-schemas.ts";
import { instantIn, numberOf, queryOf, textIn } from "./query.ts";
import { shownOrbit } from "./ship-orbit.ts";
import { knownStation } from "./station.ts";

const tag = "pass";
const dayMs = 86_400_000;
const passesMax = 1_000;
interface Ask {
  readonly ship: string;
  readonly station: string;
  readonly from: Instant | null;
  readonly to: Instant | null;
  readonly elevationMin: number;
}

export function addPredictRoutes(routes: OpenAPIHono, parts: AppParts): void {
  openOperation(
    routes,
    {
      method: "get",
      path: "/pass/predict",
      summary: "When a station sees a ship, by the ship's two-line elements",
      tag,
      query: PredictQuery,
      answer: PredictionSchema,
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const found = await predict(parts, {
        ship: needed(query, "ship"),
        station: needed(query, "station"),
        from: instantIn(query, "from"),
        to: instantIn(query, "to"),
        elevationMin: numberOf(query, "min_elevation", { ...elevationBounds, or: 0 }),
      });
      return json(shownPrediction(found));
    },
  );

  guardedOperation<z.output<typeof PredictParam>>(
    routes,
    parts.auth,
    {
      method: "post",
      path: "/pass/predict",
      role: "publish",
      audit: "pass.plan",
      summary: "Plan the passes that are predicted, but for those that this ship and station have already",
      tag,
      query: PlanQuery,
      body: PredictParam,
      ships: ({ body }) => [body.ship],
      answer: PredictionReport,
    },
    async (ask) => {
      const { body } = ask;
      const { from = null, to = null, min_elevation, ...order } = body;
      const found = await predict(parts, { ...body, from, to, elevationMin: min_elevation ?? 0 });
      const fresh = found.passes.filter((pass) => found.planned.get(pass) === undefined);
      const passes = fresh.map(({ aos, los }): Planned => {
        return plannable({ ...order, aos: instantOf(aos.atMs), los: instantOf(los.atMs) });
      });
      const outcome = await plan(parts, ask, passes);
      if (!outcome.isDryRun) ask.wrote(passes.length === 0 ? null : `/pass, ${passes.length} predicted ones`);
      return json({ ...shownReport(outcome), prediction: shownPrediction(found) });
    },
  );
}

interface Found extends Prediction {
  readonly ship: string;
  readonly station: string;
  readonly tle: Tle;
  readonly from: Instant;
  readonly to: Instant;
  /** The pass that is planned already for a predicted one. */
  readonly planned: ReadonlyMap<PredictedPass, PassId>;
}

async function predict({ database, clock }: AppParts, ask: Ask): Promise<Found> {
  const { sql } = database;
  const from = ask.from ?? clock.now();
  const to = ask.to ?? instantOf(epochMsOf(from) + spanDaysDefault * dayMs);
  const [fromMs, toMs] = [epochMsOf(from), epochMsOf(to)];
  if (toMs <= fromMs || toMs - fromMs > spanDaysMax * dayMs)
    throw new RuleBrokenError(`Cannot predict from ${from} to ${to}: up to ${spanDaysMax} days are needed`, {
      field: "to",
    });
  const [ship, station] = [await knownShip(sql, ask.ship), await knownStation(sql, ask.station)];
  const tle = orbitOf(ship);
  const { elevationMin } = ask;
  const prediction = await predictionOf({ tle, station, fromMs, toMs, elevationMin, countMax: passesMax }).catch(
    (error: unknown) => {
      if (error instanceof OrbitError)
        throw new RuleBrokenError(`Cannot predict passes of ${ship.ship} as ${error.message}`, { field: "ship" });
      throw error;
    },
  );
  const known = await findPassesOver(sql, { ship: ship.ship, station: station.station, from, to });
  const planned = new Map<PredictedPass, PassId>();
  for (const pass of prediction.passes) {
    const is = known.find(({ aos, los }) => epochMsOf(aos) < pass.los.atMs && epochMsOf(los) > pass.aos.atMs);
    if (is !== undefined) planned.set(pass, is.passId);
  }
  return { ...prediction, ship: ship.ship, station: station.station, tle, from, to, planned };
}

function orbitOf({ ship, tle }: ShipRow): Tle {
  if (tle === null)
    throw new RuleBrokenError(
      `Cannot predict passes of ${ship} as its orbit is unknown: send its two lines with PUT /api/ship/${ship}/tle`,
      { field: "ship" },
    );
  try {
    return parseTle(tle);
  } catch (error) {
    if (error instanceof TleError)
      throw new RuleBrokenError(`Cannot predict passes of ${ship}: ${error.message}`, { field: "ship" });
    throw error;
  }
}

function needed(query: URLSearchParams, name: string): string {
  const given = textIn(query, name);
  if (given === null) throw new InvalidRequestError(`${name}: it is needed`, name);
  return given;
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

function shownPrediction({ ship, station, tle, from, to, warnings, passes, planned }: Found): object {
  return {
    ship,
    station,
    tle: shownOrbit(tle),
    from,
    to,
    warnings,
    passes: passes.map((pass) => ({
      aos: instantOf(pass.aos.atMs),
      los: instantOf(pass.los.atMs),
      duration_s: rounded((pass.los.atMs - pass.aos.atMs) / 1000),
      aos_azimuth: rounded(pass.aos.azimuth),
      los_azimuth: rounded(pass.los.azimuth),
      max_elevation: rounded(pass.max.elevation),
      max_elevation_date: instantOf(pass.max.atMs),
      max_azimuth: rounded(pass.max.azimuth),
      range_km: rounded(pass.max.rangeKm),
      pass_id: planned.get(pass) ?? null,
    })),
  };
}
