/** The page of dead letters. */
import { type Context, Hono } from "hono";
import { pageOf } from "../http/page.ts";
import type { AppParts } from "../http/parts.ts";
import { queryOf, textIn } from "../http/query.ts";
import { parseUuid } from "../model/ids.ts";
import { countDead, deadCountMax, deadReasons, listDead } from "../store/dead-letters.ts";
import { type DeadLetters, deadLetterPage, deadLetterPart } from "./dead-letter-page.tsx";
import type { LookOf } from "./look.ts";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";

const rowsAPage = 50;

export function deadLetterPageRoutes({ database }: Pick<AppParts, "database">, lookOf: LookOf, live: LiveParts): Hono {
  const { sql } = database;
  const routes = new Hono();

  routes.get("/dead-letter", async (c) => {
    const [look, letters] = await Promise.all([lookOf(c), read(c)]);
    return htmlAnswer(c, deadLetterPage(letters, look));
  });
  routes.route(
    "/",
    live.routes("/component/dead-letter", async (c) => async (look) => deadLetterPart(await read(c), look)),
  );

  /** `?queue=&job_type=&reason=&cursor=`. */
  async function read(c: Context): Promise<DeadLetters> {
    const query = queryOf(c.req.url);
    const asked = (name: string): string | null => textIn(query, name)?.trim() || null;
    const filter = { queue: asked("queue"), jobType: asked("job_type"), reason: asked("reason") };
    const before = parseUuid(query.get("cursor") ?? "");
    const [groups, rows, total] = await Promise.all([
      deadReasons(sql),
      listDead(sql, { ...filter, before, limit: rowsAPage + 1 }),
      countDead(sql, filter),
    ]);
    const { shown, nextCursor } = pageOf(rows, rowsAPage, ({ jobId }) => jobId);
    return { filter, groups, jobs: shown, total, totalMax: deadCountMax, nextCursor };
  }
  return routes;
}
