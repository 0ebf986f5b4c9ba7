/**
 * What Open MCT asks a telemetry server for (its tutorial's three parts): a dictionary of points, their history with the strategies
 * `latest` and `minmax`, and a WebSocket of live values.
 */
import { Hono } from "hono";
import { isPlotted } from "../history/columns.ts";
import type { HistoryAsk, HistoryRow } from "../history/history.ts";
import { epochMsOf } from "../model/clock.ts";
import { InvalidRequestError, OverloadedError } from "../model/errors.ts";
import { listShips } from "../store/ships.ts";
import { json } from "./answer.ts";
import { enumerationOf, parameterOf, parametersOf } from "./dictionary.ts";
import { knownShip } from "./known-ship.ts";
import { latestValues } from "./latest-values.ts";
import type { LiveValues } from "./live-values.ts";
import { type Datum, datumOf, readPointId, shownPoint } from "./openmct-points.ts";
import { openmctSockets } from "./openmct-socket.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf, wordOf } from "./query.ts";
import type { Bindings } from "./sockets.ts";

const shipsMax = 1000;
/** A plot asks for as many as it has pixels. */
const sizeMax = 10_000;
const sizeDefault = 2_000;

export function openmctRoutes(parts: AppParts, live: LiveValues): Hono {
  const { database, ground, history } = parts;
  const { sql } = database;
  const routes = new Hono();
  const sockets = openmctSockets(parts, live);

  routes.get("/openmct/dictionary", async () => {
    const ships = await listShips(sql, "", shipsMax);
    return json(ships.filter(({ definition }) => definition !== null).map(({ ship }) => ({ key: ship, name: ship })));
  });

  routes.get("/openmct/dictionary/:ship", async (c) => {
    const ship = await knownShip(sql, c.req.param("ship"));
    const measurements = parametersOf(ship).map((parameter) => shownPoint(ship, parameter));
    return json({ key: ship.ship, name: ship.ship, measurements });
  });

  routes.get("/openmct/history/:point", async (c) => {
    const id = c.req.param("point");
    const query = queryOf(c.req.raw.url);
    const strategy = wordOf(query, "strategy", ["latest", "minmax"]);
    const rowsMax = wholeOf(query, "size", { min: 1, max: sizeMax, or: strategy === "latest" ? 1 : sizeDefault });
    const endMs = msIn(query, "end") ?? epochMsOf(parts.clock.now());
    const startMs = msIn(query, "start") ?? 0;
    if (startMs > endMs) throw new InvalidRequestError(`start: it must not be after the end, ${endMs}`, "start");
    const point = readPointId(id);
    const ship = await knownShip(sql, point.ship);
    const { field } = parameterOf(ship, point.parameter);
    if (ship.definition === null || !isPlotted(field)) {
      // A text has no history: a table still shows what it is now.
      const latest = new Map(Object.entries(await latestValues({ sql, ground }, ship.ship))).get(field.name);
      const datum = latest === undefined ? null : datumOf(id, latest, enumerationOf(field) !== null);
      return json(datum !== null && datum.timestamp >= startMs && datum.timestamp <= endMs ? [datum] : []);
    }
    const { definition } = ship;
    // Open MCT's end is in it; values have microseconds.
    const ask: HistoryAsk = {
      ship: ship.ship,
      definition,
      parameter: field.name,
      startMs,
      endMs: endMs + 0.001,
      rowsMax,
    };
    const { rows } = strategy === "latest" ? await history.newest(ask) : await history.range(ask);
    return json(rows.flatMap((row) => (strategy === "latest" ? [latestDatum(id, row)] : minMaxData(id, row))));
  });

  routes.get("/openmct/realtime", (c) => {
    // Set by whoever serves; a request without a connection has none.
    const bindings = c.env as Partial<Bindings> | undefined;
    if (!sockets.hasRoom) throw new OverloadedError("Too many sockets are open on this node: try again shortly");
    const answer = bindings?.upgrade?.(c.req.raw, sockets.listener()) ?? null;
    if (answer === null) throw new InvalidRequestError("upgrade: a WebSocket is needed here");
    return answer;
  });
  return routes;
}

/** Both extremes of what was folded: a plot draws a line from the one to the other. */
function minMaxData(id: string, { atMs, min, max }: HistoryRow): Datum[] {
  const low = { id, timestamp: atMs, value: min };
  return min === max ? [low] : [low, { id, timestamp: atMs, value: max }];
}

const latestDatum = (id: string, { atMs, sum, n }: HistoryRow): Datum => ({ id, timestamp: atMs, value: sum / n });

/** Milliseconds since 1970; null when the parameter is absent. */
function msIn(query: URLSearchParams, name: string): number | null {
  const given = query.get(name);
  if (given === null) return null;
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(given)) return Number(given);
  throw new InvalidRequestError(`${name}: milliseconds since 1970 are needed`, name);
}
