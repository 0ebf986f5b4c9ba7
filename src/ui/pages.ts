/** The pages and the fragments that keep them live (CONTRACT.md §9). Everything is read as committed; nothing needs a token. */
import { type Context, Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import { readSearch } from "../http/search-query.ts";
import { epochMsOf } from "../model/clock.ts";
import { searchPlans } from "../store/search.ts";
import { alarmPageRoutes } from "./alarm-routes.ts";
import { backfillPageRoutes } from "./backfill-routes.ts";
import { deadLetterPageRoutes } from "./dead-letter-routes.ts";
import { flowPageRoutes } from "./flow-routes.ts";
import { type Home, homePage, homePart } from "./home-page.tsx";
import { inspectRoutes } from "./inspect/routes.ts";
import { jobPageRoutes } from "./job-routes.ts";
import type { LookOf } from "./look.ts";
import { htmlAnswer } from "./page-headers.ts";
import { createLiveParts } from "./part-stream.ts";
import { passOverview, passPageRoutes } from "./pass-routes.ts";
import { planPageRoutes } from "./plan-routes.ts";
import { runPageRoutes } from "./run-routes.ts";
import { type Found, searchRows } from "./search-rows.ts";
import { shipPageRoutes } from "./ship-routes.ts";
import { signInRoutes } from "./sign-in-routes.ts";
import { stationPageRoutes } from "./station-routes.ts";
import { templatePageRoutes } from "./template-routes.ts";
import { workerPageRoutes } from "./worker-routes.ts";

type PageParts = Pick<
  AppParts,
  | "supervisor"
  | "database"
  | "clock"
  | "ground"
  | "flows"
  | "history"
  | "auth"
  | "config"
  | "intake"
  | "computes"
  | "templates"
  | "scheduler"
  | "log"
  | "metrics"
  | "closing"
>;

const nothingFound: Found = { rows: [], nextPage: null };

export function pageRoutes(parts: PageParts, lookOf: LookOf): Hono {
  const { database, clock } = parts;
  const nowMs = (): number => epochMsOf(clock.now());
  const overview = passOverview(parts);
  const routes = new Hono();
  routes.route("/", planPageRoutes(parts, lookOf));
  routes.route("/", signInRoutes(parts, lookOf));
  const live = createLiveParts(parts, lookOf, nowMs);
  for (const pages of [
    passPageRoutes,
    shipPageRoutes,
    stationPageRoutes,
    alarmPageRoutes,
    flowPageRoutes,
    jobPageRoutes,
    deadLetterPageRoutes,
    workerPageRoutes,
    templatePageRoutes,
    runPageRoutes,
    backfillPageRoutes,
  ]) {
    routes.route("/", pages(parts, lookOf, live));
  }
  routes.route("/", inspectRoutes(parts, lookOf));

  const home = async (c: Context): Promise<Home> => {
    const { searchBy, ask } = homeSearch(c.req.url);
    const [found, passes] = await Promise.all([
      ask === null ? nothingFound : searchPlans(database.sql, ask),
      searchBy === "" && ask?.page === 0 ? overview() : "",
    ]);
    return { found, searchBy, passes };
  };
  routes.get("/", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), home(c)]);
    return htmlAnswer(c, homePage(shown, look));
  });
  routes.route(
    "/",
    live.routes("/component/", async (c) => async (look) => homePart(await home(c), look)),
  );

  routes.get("/component/plan_search", async (c) => {
    const ask = readSearch(c.req.url);
    const found = await searchPlans(database.sql, ask);
    // The address follows what is typed, so that it can be kept.
    if (ask.page === 0 && c.req.header("HX-Request") === "true") {
      c.header("HX-Replace-Url", ask.text === "" ? "/" : `/?${new URLSearchParams({ search_by: ask.text })}`);
    }
    return htmlAnswer(c, searchRows(found, ask.text, nowMs()));
  });
  return routes;
}

/** The home page is always shown: a page number that is none is the first, a text that cannot occur finds nothing. */
function homeSearch(url: string): { searchBy: string; ask: ReturnType<typeof readSearch> | null } {
  const query = new URL(url).searchParams;
  const searchBy = query.get("search_by") ?? "";
  if (searchBy.includes("\u0000")) return { searchBy: searchBy.replaceAll("\u0000", ""), ask: null };
  const given = Number(query.get("page") ?? "0");
  const page = Number.isInteger(given) && given >= 0 && given < 2 ** 32 ? given : 0;
  return { searchBy, ask: { text: searchBy, page, limit: 50, inProducts: false } };
}
