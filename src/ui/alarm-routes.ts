/** The page of alarms. */
import { type Context, Hono } from "hono";
import { pageOf } from "../http/page.ts";
import type { AppParts } from "../http/parts.ts";
import { queryOf } from "../http/query.ts";
import { alarmKinds, alarmStates, severities } from "../model/alarm.ts";
import { parseUuid } from "../model/ids.ts";
import { shipNamePattern } from "../model/pass.ts";
import { listAlarms } from "../store/alarms.ts";
import { type AlarmPage, alarmPage, alarmPart } from "./alarm-page.tsx";
import type { LookOf } from "./look.ts";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";

const rowsAPage = 50;

export function alarmPageRoutes({ database }: Pick<AppParts, "database">, lookOf: LookOf, live: LiveParts): Hono {
  const routes = new Hono();
  routes.get("/alarm", async (c) => {
    const [look, page] = await Promise.all([lookOf(c), read(c)]);
    return htmlAnswer(c, alarmPage(page, look));
  });
  routes.route(
    "/",
    live.routes("/component/alarm", async (c) => async (look) => alarmPart(await read(c), look)),
  );

  /** `?ship=&kind=&severity=&state=&cursor=`: what is none of these is left out of account. */
  async function read(c: Context): Promise<AlarmPage> {
    const query = queryOf(c.req.url);
    const oneOf = <T extends string>(known: readonly T[], name: string): T | null =>
      known.find((one) => one === query.get(name)) ?? null;
    const named = query.get("ship")?.trim() ?? "";
    const filter = {
      ship: shipNamePattern.test(named) ? named : null,
      kind: oneOf(alarmKinds, "kind"),
      severity: oneOf(severities, "severity"),
      state: oneOf(alarmStates, "state") ?? "active",
    };
    const before = parseUuid(query.get("cursor") ?? "");
    const found = await listAlarms(database.sql, { ...filter, before, limit: rowsAPage + 1 });
    const { shown, nextCursor } = pageOf(found, rowsAPage, ({ alarmId }) => alarmId);
    return { ...filter, alarms: shown, nextCursor, isFirst: before === null };
  }
  return routes;
}
