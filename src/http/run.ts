/** Runs of templates: list, read, cancel. A run is the dataset made of a template. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { ConflictError, InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { parseJson } from "../model/json.ts";
import { countTasks, findRun, listRuns, type RunRow, runStates, type TaskCounts } from "../store/template-runs.ts";
import { cancelRun } from "../templates/cancel-run.ts";
import { json } from "./answer.ts";
import { parseInstant } from "./date.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf, wordOf } from "./query.ts";
import { Run, RunList, RunQuery } from "./template-schemas.ts";

const tag = "run";

export function runRoutes(parts: AppParts): OpenAPIHono {
  const { auth, database, supervisor, clock } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();

  const list = async (url: string, templateId: string | null): Promise<Response> => {
    const query = queryOf(url);
    const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
    const state = wordOf(query, "state", runStates);
    const { rows, hasMore } = await listRuns(sql, { templateId, state, after: cursorOf(query), limit });
    const counts = await countTasks(
      sql,
      rows.map(({ runId }) => runId),
    );
    const last = rows.at(-1);
    return json({
      rows: rows.map((row) => shownRun(row, counts.get(row.runId) ?? {})),
      next_cursor: hasMore && last !== undefined ? cursorAfter(last) : null,
    });
  };

  openOperation(
    routes,
    {
      method: "get",
      path: "/run",
      summary: "List the runs of templates, newest first",
      tag,
      query: RunQuery,
      answer: RunList,
    },
    ({ c }) => list(c.req.url, queryOf(c.req.url).get("template")),
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/template/{id}/run",
      summary: "List a template's runs, newest first",
      tag,
      query: RunQuery.omit({ template: true }),
      answer: RunList,
    },
    ({ c, param }) => list(c.req.url, param("id")),
  );

  const one = async (runId: string): Promise<Response> => {
    // As of now: what the list shows may be a moment old.
    await parts.scheduler.lookAtRuns([runId]);
    const row = await findRun(sql, runId);
    if (row === null) throw new NotFoundError("run", runId);
    return json(shownRun(row, (await countTasks(sql, [runId])).get(runId) ?? {}));
  };

  openOperation(
    routes,
    { method: "get", path: "/run/{run_id}", summary: "Read a run", tag, answer: Run },
    ({ param }) => one(param("run_id")),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "put",
      path: "/run/{run_id}/cancel",
      role: "operate",
      audit: "run.cancel",
      summary: "Cancel a run: what is not finished is disabled, and every attempt stops",
      tag,
      answer: Run,
    },
    async ({ param, caller }) => {
      const runId = param("run_id");
      await parts.scheduler.lookAtRuns([runId]);
      const row = await findRun(sql, runId);
      if (row === null) throw new NotFoundError("run", runId);
      if (row.state === "success" || row.state === "failed")
        throw new ConflictError(`Cannot cancel run ${runId} as it has ended: its state is ${row.state}`, {
          run_id: runId,
          state: row.state,
        });
      await cancelRun({ sql, supervisor, clock }, runId, caller.service);
      parts.scheduler.wake();
      return await one(runId);
    },
  );
  return routes;
}

function shownRun(row: RunRow, tasks: TaskCounts) {
  return {
    id: row.runId,
    template: row.templateId,
    version: row.version,
    triggered_by: row.triggeredBy,
    source: row.source,
    state: row.state,
    tasks,
    at: row.forAt,
    created_at: row.createdAt,
    finished_at: row.finishedAt,
    dataset_id: row.runId,
    params: parseJson(row.params),
  };
}

export const cursorAfter = ({ createdAt, runId }: RunRow): string =>
  Buffer.from(`${createdAt} ${runId}`).toString("base64url");

export function cursorOf(query: URLSearchParams): { createdAt: string; runId: string } | null {
  const given = query.get("cursor");
  if (given === null) return null;
  const [at = "", id = ""] = Buffer.from(given.slice(0, 200), "base64url").toString("utf8").split(" ");
  const createdAt = parseInstant(at);
  const runId = parseUuid(id);
  if (createdAt !== null && runId !== null) return { createdAt, runId };
  throw new InvalidRequestError("cursor: it is none that this list gave", "cursor");
}
