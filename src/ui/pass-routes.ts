/** The pages of passes and ships, and the home page's overview of them. */
import { Hono } from "hono";
import { latestValues } from "../http/latest-values.ts";
import type { AppParts } from "../http/parts.ts";
import type { AlarmRow } from "../model/alarm.ts";
import { epochMsOf } from "../model/clock.ts";
import { parseUuid } from "../model/ids.ts";
import { hasEnded, type PassRow, type PassState, passStates, shipNamePattern } from "../model/pass.ts";
import { type AlarmFilter, listAlarms } from "../store/alarms.ts";
import { findProgress } from "../store/pass-progress.ts";
import { findPass, listPasses } from "../store/passes.ts";
import { findShip } from "../store/ships.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import { type PassList, passListPage, passListPart, passPage, passPart } from "./pass-page.tsx";
import { passCards } from "./pass-rows.ts";
import { shipPage } from "./ship-page.tsx";
import { type ShownPass, shownLive, shownPass } from "./shown-pass.ts";
import { plotsOf } from "./shown-plots.ts";
import { timelineOf } from "./shown-timeline.ts";
import { stationPageRoutes } from "./station-routes.ts";

type PassPageParts = Pick<AppParts, "database" | "clock" | "ground" | "history">;

const rowsAPage = 50;

export function passPageRoutes(parts: PassPageParts, lookOf: LookOf): Hono {
  const { clock, database } = parts;
  const nowMs = (): number => epochMsOf(clock.now());
  const routes = new Hono();
  routes.route("/", stationPageRoutes(parts, lookOf));

  routes.get("/pass", async (c) => {
    const { search } = new URL(c.req.url);
    return htmlAnswer(c, passListPage(await list(search), search, await lookOf(c)));
  });
  routes.get("/component/pass", async (c) => {
    return htmlAnswer(c, `<div id="pass_part">${passListPart(await list(new URL(c.req.url).search), nowMs())}</div>`);
  });
  routes.get("/pass/:pass_id", async (c) => {
    const shown = await find(c.req.param("pass_id"));
    const look = await lookOf(c);
    if (shown === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, passPage(shown, await alarmsOf({ passId: shown.pass.passId }), look));
  });
  routes.get("/component/pass/:pass_id", async (c) => {
    const shown = await find(c.req.param("pass_id"));
    if (shown === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    const alarms = await alarmsOf({ passId: shown.pass.passId });
    return htmlAnswer(c, `<div id="pass_part">${passPart(shown, alarms, nowMs())}</div>`);
  });
  routes.get("/ship/:ship", async (c) => {
    const name = c.req.param("ship");
    const ship = shipNamePattern.test(name) ? await findShip(database.sql, name) : null;
    if (ship === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    const { rows } = await listPasses(database.sql, { ship: ship.ship, state: null, page: 0, limit: rowsAPage });
    const passes = await withProgress(parts, rows);
    const alarms = await alarmsOf({ ship: ship.ship });
    const latest = await latestValues({ sql: database.sql, ground: parts.ground }, ship.ship);
    const plots = await plotsOf(parts.history, ship, latest, new URL(c.req.url).searchParams, nowMs());
    return htmlAnswer(c, shipPage({ ship, passes, alarms, latest, plots }, await lookOf(c)));
  });

  const alarmsOf = (filter: AlarmFilter): Promise<AlarmRow[]> =>
    listAlarms(database.sql, { ...filter, state: "active", before: null, limit: rowsAPage });

  /** `?state=&ship=&page=`: what is none of these is left out of account. */
  async function list(search: string): Promise<PassList> {
    const query = new URLSearchParams(search);
    const state = passStates.find((known: PassState) => known === query.get("state")) ?? null;
    const named = query.get("ship");
    const ship = named !== null && shipNamePattern.test(named) ? named : null;
    const given = Number(query.get("page") ?? "0");
    const page = Number.isInteger(given) && given >= 0 && given < 1_000_000 ? given : 0;
    const [{ rows, nextPage }, timeline] = await Promise.all([
      listPasses(database.sql, { state, ship, page, limit: rowsAPage }),
      timelineOf(database.sql, query, nowMs()),
    ]);
    const next = new URLSearchParams(query);
    if (nextPage !== null) next.set("page", String(nextPage));
    return { passes: await withProgress(parts, rows), older: nextPage === null ? null : next.toString(), timeline };
  }

  async function find(given: string): Promise<ShownPass | null> {
    const passId = parseUuid(given);
    const pass = passId === null ? null : await findPass(database.sql, passId);
    return pass === null ? null : ((await withProgress(parts, [pass]))[0] ?? null);
  }
  return routes;
}

async function withProgress(
  { clock, database, ground }: Pick<AppParts, "database" | "clock" | "ground">,
  rows: readonly PassRow[],
): Promise<ShownPass[]> {
  if (rows.length === 0) return [];
  const progress = await findProgress(
    database.sql,
    rows.map(({ passId }) => passId),
  );
  return rows.map((pass) => {
    const shown = shownPass(pass, progress.get(pass.passId) ?? null);
    const live = hasEnded(pass.state) ? null : ground.live(pass.passId);
    if (live === null) return shown;
    return shownLive(shown, live, Object.assign({}, ...ground.liveValues(pass.ship)), clock.now());
  });
}

const cardsMax = 4;
/** The home page may be asked for a thousand times a second: it looks at the passes once. */
const freshMs = 1000;

/** Markup of the newest passes, read at most once a second, and once for all who wait. */
export function passOverview(parts: PassPageParts): () => Promise<string> {
  const { clock, database } = parts;
  let passes: Promise<ShownPass[]> = Promise.resolve([]);
  let readAtMs = Number.NEGATIVE_INFINITY;

  async function read(): Promise<ShownPass[]> {
    const { rows } = await listPasses(database.sql, { state: null, ship: null, page: 0, limit: cardsMax });
    return withProgress(parts, rows);
  }
  return async () => {
    const atMs = clock.monotonicMs();
    if (atMs - readAtMs >= freshMs) {
      readAtMs = atMs;
      passes = read();
      passes.catch(() => {
        readAtMs = Number.NEGATIVE_INFINITY; // the next one tries again
      });
    }
    return passCards(await passes, epochMsOf(clock.now()));
  };
}
