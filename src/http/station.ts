/** Stations: save one, read, list and delete them. */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { StationRow } from "../model/station.ts";
import type { Sql } from "../store/sql.ts";
import { deleteStation, findStation, listStations, saveStation } from "../store/stations.ts";
import { json } from "./answer.ts";
import { named, nameIn } from "./named.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { PageQuery, pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, textIn, wholeOf } from "./query.ts";
import { Station, StationList, StationParam } from "./station-schemas.ts";

const tag = "station";

export function stationRoutes({ database, auth, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;

  guardedOperation<z.output<typeof StationParam>>(
    routes,
    auth,
    {
      method: "put",
      path: "/station/{station}",
      role: "publish",
      audit: "station.save",
      summary: "Save a station: where it stands, and from which elevation on it sees a ship",
      tag,
      body: StationParam,
      answer: Station,
    },
    async ({ param, body, caller }) => {
      const row: StationRow = {
        station: nameIn("station", param("station")),
        description: body.description ?? null,
        latitude: body.latitude,
        longitude: body.longitude,
        heightM: body.height_m ?? 0,
        mask: body.mask ?? 0,
        modifiedBy: caller.service,
        modifiedAt: clock.now(),
      };
      await saveStation(sql, row);
      return json(shownStation(row));
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/station", summary: "List the stations", tag, query: PageQuery, answer: StationList },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 1000, or: 200 });
      const stations = await listStations(sql, textIn(query, "after") ?? "", limit + 1);
      const { shown, nextCursor } = pageOf(stations, limit, ({ station }) => station);
      return json({ rows: shown.map(shownStation), next_after: nextCursor });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/station/{station}", summary: "Read a station", tag, answer: Station },
    async ({ param }) => json(shownStation(await knownStation(sql, param("station")))),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "delete",
      path: "/station/{station}",
      role: "publish",
      audit: "station.delete",
      summary: "Delete a station; its passes stay",
      tag,
      answer: Station,
    },
    async ({ param }) => {
      const station = await knownStation(sql, param("station"));
      await deleteStation(sql, station.station);
      return json(shownStation(station));
    },
  );
  return routes;
}

export const knownStation = (sql: Sql, given: string): Promise<StationRow> =>
  named("station", given, (name) => findStation(sql, name));

function shownStation(row: StationRow): object {
  const { station, description, latitude, longitude, heightM, mask, modifiedBy, modifiedAt } = row;
  const stamps = { modified_by: modifiedBy, modified_date: modifiedAt };
  return { station, description, latitude, longitude, height_m: heightM, mask, ...stamps };
}
