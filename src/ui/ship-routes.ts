/** The page of a ship. */
import { type Context, Hono } from "hono";
import { latestValues } from "../http/latest-values.ts";
import type { AppParts } from "../http/parts.ts";
import { epochMsOf } from "../model/clock.ts";
import { type ShipRow, shipNamePattern } from "../model/pass.ts";
import { listAlarms } from "../store/alarms.ts";
import { listPasses } from "../store/passes.ts";
import { findShip } from "../store/ships.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { type ShownShip, shipPage, shipPart } from "./ship-page.tsx";
import { withProgress } from "./shown-pass.ts";
import { plotsOf } from "./shown-plots.ts";

type ShipPageParts = Pick<AppParts, "database" | "clock" | "ground" | "history">;

const alarmsShown = 50;
const passesShown = 20;

export function shipPageRoutes(parts: ShipPageParts, lookOf: LookOf, live: LiveParts): Hono {
  const { clock, database, ground, history } = parts;
  const { sql } = database;
  const routes = new Hono();

  routes.get("/ship/:ship", async (c) => {
    const [look, ship] = await Promise.all([lookOf(c), find(c)]);
    if (ship === null) return htmlAnswer(c, notFoundPage(look), 404);
    const shown = await read(ship);
    const query = new URL(c.req.url).searchParams;
    const plots = await plotsOf(history, ship, shown.latest, query, epochMsOf(clock.now()));
    return htmlAnswer(c, shipPage(shown, plots, look));
  });
  routes.route(
    "/",
    live.routes("/component/ship/:ship", async (c) => {
      const ship = await find(c);
      // Deleted meanwhile, it is shown as it was.
      return ship === null ? null : async (look) => shipPart(await read((await find(c)) ?? ship), null, look);
    }),
  );

  async function find(c: Context): Promise<ShipRow | null> {
    const name = c.req.param("ship") ?? "";
    return shipNamePattern.test(name) ? findShip(sql, name) : null;
  }

  async function read(ship: ShipRow): Promise<ShownShip> {
    const [{ rows, nextPage }, alarms, latest] = await Promise.all([
      listPasses(sql, { ship: ship.ship, state: null, page: 0, limit: passesShown }),
      listAlarms(sql, { ship: ship.ship, state: "active", before: null, limit: alarmsShown }),
      latestValues({ sql, ground }, ship.ship),
    ]);
    return { ship, passes: await withProgress(parts, rows), hasMorePasses: nextPage !== null, alarms, latest };
  }
  return routes;
}
