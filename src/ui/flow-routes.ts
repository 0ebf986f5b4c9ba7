/** The pages of message flows. */
import { type Context, Hono } from "hono";
import { recentTraces, storedTraces } from "../flow/find-traces.ts";
import type { Flow } from "../flow/flow.ts";
import { pageOf } from "../http/page.ts";
import type { AppParts } from "../http/parts.ts";
import { queryOf, textIn } from "../http/query.ts";
import { parseUuid } from "../model/ids.ts";
import { type TraceFilter, traceOutcomes } from "../store/flow-traces.ts";
import { flowPage, flowPart, flowsPage, flowsPart } from "./flow-page.tsx";
import { type Recorded, recorderPage, tracePage } from "./flow-trace-page.tsx";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";

const newestShown = 20;
const rowsAPage = 50;
const all: TraceFilter = { partition: null, messageId: null, outcome: null, slowerThanMs: null };

export function flowPageRoutes(
  { flows, database: { sql } }: Pick<AppParts, "flows" | "database">,
  lookOf: LookOf,
  live: LiveParts,
): Hono {
  const routes = new Hono();
  const named = (c: Context): Flow | null => flows.find(c.req.param("name") ?? "");
  const newest = (flow: Flow) => recentTraces(flow, all, newestShown);

  routes.get("/flow", async (c) => htmlAnswer(c, flowsPage(flows.all, await lookOf(c))));
  routes.route(
    "/",
    live.routes("/component/flow", async () => async (look) => flowsPart(flows.all, look)),
  );

  routes.get("/flow/:name", async (c) => {
    const [look, flow] = [await lookOf(c), named(c)];
    if (flow === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, flowPage(flow, newest(flow), look));
  });
  routes.route(
    "/",
    live.routes("/component/flow/:name", async (c) => {
      const flow = named(c);
      return flow === null ? null : async (look) => flowPart(flow, newest(flow), look);
    }),
  );

  /** `?partition=&id=`. What the recorders have stored says more than a memory that may have forgotten. */
  routes.get("/flow/:name/trace", async (c) => {
    const [look, flow] = [await lookOf(c), named(c)];
    if (flow === null) return htmlAnswer(c, notFoundPage(look), 404);
    const query = queryOf(c.req.url);
    const filter = { ...all, partition: textIn(query, "partition") ?? "", messageId: textIn(query, "id") ?? "" };
    const [recent] = recentTraces(flow, filter, 1);
    const trace = recent ?? (await stored(flow, filter, null, 1))[0];
    if (trace === undefined) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, tracePage(flow.definition.file.id, trace, look));
  });

  routes.get("/flow/:name/recorder", async (c) => {
    const [look, flow] = [await lookOf(c), named(c)];
    if (flow === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, recorderPage(await recorded(flow, queryOf(c.req.url)), look));
  });

  const stored = (flow: Flow, filter: TraceFilter, before: string | null, limit: number) =>
    storedTraces(sql, flow.definition.file.id, filter, { before, limit });

  async function recorded(flow: Flow, query: URLSearchParams): Promise<Recorded> {
    const filter = shownFilter(query);
    const rows = await stored(flow, filter, parseUuid(query.get("cursor") ?? ""), rowsAPage + 1);
    const { shown, nextCursor } = pageOf(rows, rowsAPage, ({ trace_id }) => trace_id);
    const { id, recorder } = flow.definition.file;
    return { flow: id, filter, rows: shown, nextCursor, days: recorder.storedDays, slowMs: recorder.slowMs };
  }
  return routes;
}

/** A page is shown whatever its filter says: what is none does not filter. */
function shownFilter(query: URLSearchParams): TraceFilter {
  const asked = (name: string): string | null => textIn(query, name)?.trim() || null;
  const slower = Number(asked("slower_than_ms") ?? Number.NaN);
  return {
    partition: asked("partition"),
    messageId: asked("id"),
    outcome: traceOutcomes.find((known) => known === query.get("outcome")) ?? null,
    slowerThanMs: Number.isFinite(slower) && slower >= 0 ? slower : null,
  };
}
