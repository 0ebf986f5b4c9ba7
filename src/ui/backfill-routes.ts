/** The pages of backfills. */
import { type Context, Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import { queryOf } from "../http/query.ts";
import { parseUuid } from "../model/ids.ts";
import {
  countBackfillRuns,
  countBackfillsRuns,
  findBackfill,
  listBackfillRuns,
  listBackfills,
} from "../store/backfills.ts";
import {
  backfillListPage,
  backfillListPart,
  backfillPage,
  backfillPart,
  type OneBackfill,
  type ShownBackfill,
} from "./backfill-page.tsx";
import type { Look, LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";

/** The last ones; older ones are found by their runs. */
const listedMax = 20;
const templatesMax = 1000;
const rowsAPage = 100;

export function backfillPageRoutes(
  { database, templates }: Pick<AppParts, "database" | "templates">,
  lookOf: LookOf,
  live: LiveParts,
): Hono {
  const { sql } = database;
  const routes = new Hono();

  routes.get("/backfill", async (c) => {
    const [look, backfills] = await Promise.all([lookOf(c), readList()]);
    const ids = templates.list().slice(0, templatesMax);
    return htmlAnswer(c, backfillListPage({ backfills, templates: ids.map(({ id }) => id) }, look));
  });
  routes.route(
    "/",
    live.routes("/component/backfill", async () => async (look) => backfillListPart(await readList(), look)),
  );

  routes.get("/backfill/:backfill_id", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), readOne(c, c.req.param("backfill_id"))]);
    return shown === null ? htmlAnswer(c, notFoundPage(look), 404) : htmlAnswer(c, backfillPage(shown, look));
  });
  routes.route(
    "/",
    live.routes("/component/backfill/:backfill_id", async (c) => {
      const id = c.req.param("backfill_id") ?? "";
      const shown = await readOne(c, id);
      return shown === null ? null : async (look: Look) => backfillPart((await readOne(c, id)) ?? shown, look);
    }),
  );

  async function readList(): Promise<ShownBackfill[]> {
    const rows = await listBackfills(sql, listedMax);
    const runs = await countBackfillsRuns(
      sql,
      rows.map(({ backfillId }) => backfillId),
    );
    return rows.map((backfill) => ({ backfill, runs: runs.get(backfill.backfillId) ?? {} }));
  }

  /** `?after=`: the number of the last run of the page before. */
  async function readOne(c: Context, given: string): Promise<OneBackfill | null> {
    const backfillId = parseUuid(given);
    const backfill = backfillId === null ? null : await findBackfill(sql, backfillId);
    if (backfill === null) return null;
    const asked = queryOf(c.req.url).get("after") ?? "";
    const after = /^\d{1,9}$/.test(asked) ? Number(asked) : -1;
    const [runs, found] = await Promise.all([
      countBackfillRuns(sql, backfill.backfillId),
      listBackfillRuns(sql, backfill.backfillId, after, rowsAPage + 1),
    ]);
    const rows = found.slice(0, rowsAPage);
    return { backfill, runs, rows, nextAfter: found.length > rowsAPage ? (rows.at(-1)?.seq ?? null) : null };
  }
  return routes;
}
