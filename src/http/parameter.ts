/** A ship's parameters: what they are, what they are now, what they were. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { HistoryRow } from "../history/history.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { json } from "./answer.ts";
import { parameterOf, parametersOf, plottedIn, shownParameter } from "./dictionary.ts";
import { knownShip } from "./known-ship.ts";
import { latestValues } from "./latest-values.ts";
import { openOperation } from "./operation.ts";
import { HistoryQuery, LatestOfOne, ParameterHistory, Parameters } from "./parameter-schemas.ts";
import type { AppParts } from "./parts.ts";
import { instantIn, queryOf, wholeOf } from "./query.ts";

const tag = "parameter";
const defaultSpanMs = 3_600_000;

export function parameterRoutes({ database, ground, history, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/parameter",
      summary: "The parameters of a ship: its dictionary",
      tag,
      answer: Parameters,
    },
    async ({ param }) => {
      const ship = await knownShip(sql, param("ship"));
      return json({ ship: ship.ship, rows: parametersOf(ship).map(shownParameter) });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/parameter/{name}/latest",
      summary: "The newest value of a parameter",
      tag,
      answer: LatestOfOne,
    },
    async ({ param }) => {
      const ship = await knownShip(sql, param("ship"));
      const { name } = parameterOf(ship, param("name")).field;
      const value = new Map(Object.entries(await latestValues({ sql, ground }, ship.ship))).get(name);
      if (value === undefined) throw new NotFoundError("value", name, ` of ${ship.ship}: none was received yet`);
      return json({ ship: ship.ship, name, ...value, taken: value.taken ?? value.at });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/parameter/{name}/history",
      summary: "What a parameter was: min, max, avg and n a bucket; each value where they are few",
      tag,
      query: HistoryQuery,
      answer: ParameterHistory,
    },
    async ({ c, param }) => {
      const query = queryOf(c.req.raw.url);
      const rowsMax = wholeOf(query, "buckets", { min: 1, max: 10_000, or: 500 });
      const end = instantIn(query, "end") ?? clock.now();
      const start = instantIn(query, "start") ?? instantOf(epochMsOf(end) - defaultSpanMs);
      if (start >= end) throw new InvalidRequestError(`start: it must be before the end, ${end}`, "start");
      const ship = await knownShip(sql, param("ship"));
      const { definition, found } = plottedIn(ship, param("name"));
      const { rows, widthMs, cuts } = await history.range({
        ship: ship.ship,
        definition,
        parameter: found.field.name,
        startMs: epochMsOf(start),
        endMs: epochMsOf(end),
        rowsMax,
      });
      return json({
        ship: ship.ship,
        name: found.field.name,
        unit: found.field.unit ?? null,
        start,
        end,
        bucket_ms: widthMs,
        rows: rows.map(shownRow),
        cuts: {
          older_passes: cuts.olderPasses,
          passes_elsewhere: cuts.passesElsewhere,
          passes_behind: cuts.passesBehind,
        },
      });
    },
  );
  return routes;
}

function shownRow({ atMs, n, min, max, sum }: HistoryRow): object {
  return { at: instantOf(atMs), min, max, avg: sum / n, n };
}
