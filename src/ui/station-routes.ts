/** The pages of stations: the list, and one with its sky and its passes. */
import { type Context, Hono } from "hono";
import type { PredictedPass } from "../ground/predict.ts";
import { predictionOf } from "../ground/prediction.ts";
import { OrbitError, skyOf } from "../ground/sky.ts";
import { parseTle, type Tle } from "../ground/tle.ts";
import type { AppParts } from "../http/parts.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import type { StationRow } from "../model/station.ts";
import { listContacts } from "../store/contacts.ts";
import { listPassesBetween } from "../store/passes.ts";
import { listShips } from "../store/ships.ts";
import { findStation, listStations } from "../store/stations.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { timelineOf } from "./shown-timeline.ts";
import {
  type ShownStation,
  type Sighting,
  type StationList,
  stationListPage,
  stationListPart,
  stationPage,
  stationPart,
} from "./station-page.tsx";

const rowsAPage = 50;
const dayMs = 86_400_000;
/** A day of one ship takes some 5 ms. */
const shipsPredicted = 10;
const shipsLookedAt = 200;
const contactsLookedAt = 200;
const sightingsMax = 30;
const trackPoints = 24;

export function stationPageRoutes(
  { database, clock }: Pick<AppParts, "database" | "clock">,
  lookOf: LookOf,
  live: LiveParts,
): Hono {
  const { sql } = database;
  const routes = new Hono();

  routes.get("/station", async (c) => {
    const [look, list] = await Promise.all([lookOf(c), readList(c)]);
    return htmlAnswer(c, stationListPage(list, look));
  });
  routes.route(
    "/",
    live.routes("/component/station", async (c) => async (look) => stationListPart(await readList(c), look)),
  );

  routes.get("/station/:station", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), readOne(c)]);
    return shown === null ? htmlAnswer(c, notFoundPage(look), 404) : htmlAnswer(c, stationPage(shown, look));
  });
  routes.route(
    "/",
    live.routes("/component/station/:station", async (c) => {
      const shown = await readOne(c);
      // Deleted meanwhile, it is shown as it was.
      return shown === null ? null : async (look) => stationPart((await readOne(c)) ?? shown, look);
    }),
  );

  /** `?after=`: those that come after this name. */
  async function readList(c: Context): Promise<StationList> {
    const found = await listStations(sql, withoutNul(c.req.query("after")), rowsAPage + 1);
    const rows = found.slice(0, rowsAPage);
    return { rows, after: found.length > rowsAPage ? (rows.at(-1)?.station ?? null) : null };
  }

  async function readOne(c: Context): Promise<ShownStation | null> {
    const station = await findStation(sql, withoutNul(c.req.param("station")));
    if (station === null) return null;
    const nowMs = epochMsOf(clock.now());
    const query = new URL(c.req.url).searchParams;
    const [timeline, predicted, contacts] = await Promise.all([
      timelineOf(sql, query, nowMs, station.station),
      predict(station, nowMs),
      listContacts(sql, "", contactsLookedAt),
    ]);
    const own = contacts.filter(({ definition }) => definition.station === station.station);
    return { station, timeline, ...predicted, contacts: own };
  }

  async function predict(station: StationRow, nowMs: number): Promise<{ sightings: Sighting[]; notes: string[] }> {
    const ships = (await listShips(sql, "", shipsLookedAt)).filter(({ tle }) => tle !== null);
    const window = { from: instantOf(nowMs), to: instantOf(nowMs + dayMs) };
    const planned = await listPassesBetween(sql, { ...window, station: station.station, limit: 200 });
    const sightings: Sighting[] = [];
    const notes = new Set<string>();
    for (const { ship, tle } of ships.slice(0, shipsPredicted)) {
      if (tle === null) continue;
      try {
        const elements = parseTle(tle);
        const ask = {
          tle: elements,
          station,
          fromMs: nowMs,
          toMs: nowMs + dayMs,
          elevationMin: 0,
          countMax: sightingsMax,
        };
        const { passes, warnings } = await predictionOf(ask);
        for (const warning of warnings) notes.add(`${ship}: ${warning}.`);
        sightings.push(...passes.map((pass) => sightingOf(ship, pass, elements, station, planned)));
      } catch (error) {
        if (!(error instanceof OrbitError)) throw error;
        notes.add(`${ship}: ${error.message}.`);
      }
    }
    if (ships.length > shipsPredicted)
      notes.add(`Of ${ships.length} ships with elements, ${shipsPredicted} are shown.`);
    sightings.sort((a, b) => epochMsOf(a.aos) - epochMsOf(b.aos));
    return { sightings: sightings.slice(0, sightingsMax), notes: [...notes] };
  }
  return routes;
}

const withoutNul = (text = ""): string => text.replaceAll("\u0000", "");

function sightingOf(
  ship: string,
  { aos, max, los }: PredictedPass,
  tle: Tle,
  station: StationRow,
  planned: readonly PassRow[],
): Sighting {
  const sky = skyOf(tle, station);
  const points = Array.from({ length: trackPoints + 1 }, (_, i) =>
    sky(aos.atMs + ((los.atMs - aos.atMs) * i) / trackPoints),
  );
  const booked = planned.find(
    (pass) => pass.ship === ship && epochMsOf(pass.aos) < los.atMs && epochMsOf(pass.los) > aos.atMs,
  );
  return {
    ship,
    aos: instantOf(aos.atMs),
    los: instantOf(los.atMs),
    aosAzimuth: aos.azimuth,
    losAzimuth: los.azimuth,
    maxElevation: max.elevation,
    passId: booked?.passId ?? null,
    track: { name: `${ship}, ${max.elevation.toFixed(0)}° at its highest`, points },
  };
}
