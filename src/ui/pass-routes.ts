/** The pages of passes, and the home page's overview of them. */
import { type Context, Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import type { AlarmRow } from "../model/alarm.ts";
import { epochMsOf } from "../model/clock.ts";
import { parseUuid } from "../model/ids.ts";
import { type PassState, passStates, shipNamePattern } from "../model/pass.ts";
import { listAlarms } from "../store/alarms.ts";
import { findPass, listPasses } from "../store/passes.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { type PassList, passListPage, passListPart } from "./pass-list-page.ts";
import { passPage, passPart } from "./pass-page.tsx";
import { passCards } from "./pass-rows.ts";
import { type ShownPass, withProgress } from "./shown-pass.ts";
import { timelineOf } from "./shown-timeline.ts";

type PassPageParts = Pick<AppParts, "database" | "clock" | "ground">;

const rowsAPage = 50;

export function passPageRoutes(parts: PassPageParts, lookOf: LookOf, live: LiveParts): Hono {
  const { clock, database } = parts;
  const nowMs = (): number => epochMsOf(clock.now());
  const routes = new Hono();

  routes.get("/pass", async (c) => {
    const [look, passes] = await Promise.all([lookOf(c), list(c)]);
    return htmlAnswer(c, passListPage(passes, look));
  });
  routes.route(
    "/",
    live.routes("/component/pass", async (c) => async (look) => passListPart(await list(c), look)),
  );

  routes.get("/pass/:pass_id", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), find(c)]);
    if (shown === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, passPage(shown, await alarmsOf(shown), look));
  });
  routes.route(
    "/",
    live.routes("/component/pass/:pass_id", async (c) => {
      const first = await find(c);
      if (first === null) return null;
      return async (look) => {
        const shown = (await find(c)) ?? first;
        return passPart(shown, await alarmsOf(shown), look);
      };
    }),
  );

  const alarmsOf = ({ pass: { passId } }: ShownPass): Promise<AlarmRow[]> =>
    listAlarms(database.sql, { passId, state: "active", before: null, limit: rowsAPage });

  /** `?state=&ship=&page=`: what is none of these is left out of account. */
  async function list(c: Context): Promise<PassList> {
    const query = new URL(c.req.url).searchParams;
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

  async function find(c: Context): Promise<ShownPass | null> {
    const passId = parseUuid(c.req.param("pass_id") ?? "");
    const pass = passId === null ? null : await findPass(database.sql, passId);
    return pass === null ? null : ((await withProgress(parts, [pass]))[0] ?? null);
  }
  return routes;
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
