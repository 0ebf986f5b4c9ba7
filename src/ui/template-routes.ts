/** The pages of templates. */
import { type Context, Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import { queryOf } from "../http/query.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";
import { countRunDays } from "../store/run-days.ts";
import { listTicks } from "../store/schedules.ts";
import { latestRuns, listRuns } from "../store/template-runs.ts";
import { listVersions } from "../store/templates.ts";
import { ticksOf } from "../templates/cron.ts";
import type { Schedule } from "../templates/templates.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { calendarDays, calendarSpan } from "./run-calendar.ts";
import { withTasks } from "./run-routes.ts";
import {
  type ShownTemplate,
  type TemplateList,
  templateListPage,
  templateListPart,
  templatePage,
  templatePart,
} from "./template-page.tsx";

type TemplatePageParts = Pick<AppParts, "database" | "templates" | "clock">;

const rowsAPage = 100;
const versionsShownMax = 20;
const runsShownMax = 10;
const ticksShownMax = 200;
const nextShownMax = 5;

export function templatePageRoutes(parts: TemplatePageParts, lookOf: LookOf, live: LiveParts): Hono {
  const { database, templates, clock } = parts;
  const { sql } = database;
  const nowMs = (): number => epochMsOf(clock.now());
  const routes = new Hono();

  routes.get("/template", async (c) => {
    const [look, list] = await Promise.all([lookOf(c), readList(c)]);
    return htmlAnswer(c, templateListPage(list, look));
  });
  routes.route(
    "/",
    live.routes("/component/template", async (c) => async (look) => templateListPart(await readList(c), look)),
  );

  routes.get("/template/:id", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), readTemplate(c.req.param("id"))]);
    return shown === null ? htmlAnswer(c, notFoundPage(look), 404) : htmlAnswer(c, templatePage(shown, look));
  });
  routes.route(
    "/",
    live.routes("/component/template/:id", async (c) => {
      const id = c.req.param("id") ?? "";
      const shown = await readTemplate(id);
      // Deleted meanwhile, it is shown as it was.
      return shown === null ? null : async (look) => templatePart((await readTemplate(id)) ?? shown, look);
    }),
  );

  /** `?after=`: those that come after this id. */
  async function readList(c: Context): Promise<TemplateList> {
    const after = queryOf(c.req.url).get("after") ?? "";
    const known = templates.list().flatMap(({ id }) => (id > after ? (templates.known(id) ?? []) : []));
    const shown = known.slice(0, rowsAPage);
    const ids = shown.map(({ template }) => template.id);
    const last = await withTasks(sql, await latestRuns(sql, ids));
    const byTemplate = new Map(last.map((run) => [run.run.templateId, run]));
    const now = nowMs();
    const rows = shown.map((one) => {
      const [next] = nextTicks(one.template.schedule, now, 1);
      const lastRun = byTemplate.get(one.template.id) ?? null;
      return { ...one, nextAt: next === undefined ? null : instantOf(next), lastRun };
    });
    return { rows, nextAfter: known.length > rowsAPage ? (ids.at(-1) ?? null) : null };
  }

  async function readTemplate(id: string): Promise<ShownTemplate | null> {
    const known = templates.known(id);
    if (known === undefined) return null;
    const now = nowMs();
    const { schedule } = known.template;
    const span = calendarSpan(schedule?.timezone ?? "UTC", now);
    const [versions, ticks, runDays, { rows }] = await Promise.all([
      listVersions(sql, id, versionsShownMax),
      listTicks(sql, id, ticksShownMax),
      countRunDays(sql, id, span.beginsMs),
      listRuns(sql, { templateId: id, state: null, after: null, limit: runsShownMax }),
    ]);
    return {
      ...known,
      versions,
      ticks,
      days: calendarDays(span, runDays, ticks),
      nextTicks: nextTicks(schedule, now, nextShownMax),
      runs: await withTasks(sql, rows),
    };
  }
  return routes;
}

function nextTicks(schedule: Schedule | null, afterMs: number, countMax: number): number[] {
  if (schedule === null) return [];
  const ticks = ticksOf(schedule);
  const next: number[] = [];
  for (let at = ticks.next(afterMs); at !== null && next.length < countMax; at = ticks.next(at)) next.push(at);
  return next;
}
