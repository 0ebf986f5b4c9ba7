/** The pages of runs. */
import { type Context, Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import { queryOf, textIn } from "../http/query.ts";
import { cursorAfter, cursorOf } from "../http/run.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { countTasks, findRun, listRuns, type RunRow, runStates } from "../store/template-runs.ts";
import type { Look, LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { inOrder } from "./product-rows.ts";
import { type OneRun, type RunPage, runListPage, runListPart, runPage, runPart } from "./run-page.tsx";
import type { ShownRun } from "./run-rows.ts";

type RunParts = Pick<AppParts, "database" | "supervisor" | "scheduler">;
const rowsAPage = 50;

export function runPageRoutes(parts: RunParts, lookOf: LookOf, live: LiveParts): Hono {
  const { database, supervisor, scheduler } = parts;
  const { sql } = database;
  const routes = new Hono();

  routes.get("/run", async (c) => {
    const [look, page] = await Promise.all([lookOf(c), readList(c)]);
    return htmlAnswer(c, runListPage(page, look));
  });
  routes.route(
    "/",
    live.routes("/component/run", async (c) => async (look) => runListPart(await readList(c), look)),
  );

  routes.get("/run/:run_id", async (c) => {
    const [look, run] = await Promise.all([lookOf(c), readRun(c.req.param("run_id"))]);
    return run === null ? htmlAnswer(c, notFoundPage(look), 404) : htmlAnswer(c, runPage(run, look));
  });
  routes.route(
    "/",
    live.routes("/component/run/:run_id", async (c) => {
      const runId = c.req.param("run_id") ?? "";
      const shown = await readRun(runId);
      return shown === null ? null : async (look: Look) => runPart((await readRun(runId)) ?? shown, look);
    }),
  );

  /** `?template=&state=&cursor=`: what is none of these is left out of account. */
  async function readList(c: Context): Promise<RunPage> {
    const query = queryOf(c.req.url);
    const template = textIn(query, "template")?.trim() || null;
    const state = runStates.find((known) => known === query.get("state")) ?? null;
    const { rows, hasMore } = await listRuns(sql, {
      templateId: template,
      state,
      after: after(query),
      limit: rowsAPage,
    });
    const last = rows.at(-1);
    const nextCursor = hasMore && last !== undefined ? cursorAfter(last) : null;
    return { template, state, runs: await withTasks(sql, rows), nextCursor };
  }

  async function readRun(given: string): Promise<OneRun | null> {
    const runId = parseUuid(given);
    if (runId === null) return null;
    // As of now: what the list shows may be a moment old.
    await scheduler.lookAtRuns([runId]);
    const run = await findRun(sql, runId);
    if (run === null) return null;
    const [tasks, plan] = await Promise.all([countTasks(sql, [runId]), supervisor.read(runId)]);
    return {
      run,
      tasks: tasks.get(runId) ?? {},
      plan: plan === null ? null : { dataset: plan.dataset, products: inOrder(plan) },
    };
  }
  return routes;
}

function after(query: URLSearchParams): ReturnType<typeof cursorOf> {
  try {
    return cursorOf(query);
  } catch (error) {
    if (error instanceof InvalidRequestError) return null;
    throw error;
  }
}

export async function withTasks(sql: RunParts["database"]["sql"], rows: readonly RunRow[]): Promise<ShownRun[]> {
  const counts = await countTasks(
    sql,
    rows.map(({ runId }) => runId),
  );
  return rows.map((run) => ({ run, tasks: counts.get(run.runId) ?? {} }));
}
