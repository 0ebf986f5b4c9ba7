/** Backfills: many runs of one template, over a range of times or a list of parameters, a few at a time. */
import { createHash } from "node:crypto";
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ConflictError, IdempotencyKeyReusedError, InvalidFieldError, NotFoundError } from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import { parseJson } from "../model/json.ts";
import {
  type BackfillRow,
  countBackfillRuns,
  findBackfill,
  insertBackfill,
  listBackfillRuns,
  listBackfills,
  markBackfillCancelled,
  unfinishedRunsOf,
} from "../store/backfills.ts";
import { backfillRuns } from "../templates/backfill-runs.ts";
import { cancelRun } from "../templates/cancel-run.ts";
import { json } from "./answer.ts";
import { type Asked, guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";
import { Backfill, BackfillMade, BackfillParam, BackfillRuns } from "./template-schemas.ts";

const tag = "backfill";
const previewMax = 1000;
const shownMax = 100;

export function backfillRoutes(parts: AppParts): OpenAPIHono {
  const { auth, database, templates, supervisor, clock, scheduler } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();

  guardedOperation<z.output<typeof BackfillParam>>(
    routes,
    auth,
    {
      method: "post",
      path: "/backfill",
      role: "operate",
      audit: "backfill.create",
      summary: "Run a template for each time of a range, or for each of a list of parameters",
      tag,
      body: BackfillParam,
      badField: 422,
      answer: BackfillMade,
    },
    async (ask) => {
      const { body, caller } = ask;
      const template = templates.get(body.template);
      if (template === undefined)
        throw new InvalidFieldError(
          "template",
          `there is no template "${body.template}": GET /api/template and \`orrery template list\` show those there are`,
        );
      const runs = backfillRuns(template, body);
      const answer = {
        template: template.id,
        version: template.version,
        count: runs.length,
        runs: runs.slice(0, previewMax),
      };
      if (body.dry_run) {
        ask.wrote(null);
        return json({ id: null, ...answer, dry_run: true });
      }
      const backfillId = idOf(ask);
      const order = {
        backfillId,
        templateId: template.id,
        version: template.version,
        concurrencyMax: body.concurrency,
      };
      const requestDigest = createHash("sha256").update(ask.bodyText).digest("base64url");
      const stored = { ...order, runs, requestDigest, by: caller.service, at: clock.now() };
      if ((await insertBackfill(sql, stored)) === "other")
        throw new IdempotencyKeyReusedError(ask.c.req.raw.headers.get("idempotency-key") ?? "");
      scheduler.wake();
      ask.wrote(`/backfill/${backfillId}`);
      return json({ id: backfillId, ...answer, dry_run: false });
    },
  );

  const shown = async (row: BackfillRow) => {
    const runs = await countBackfillRuns(sql, row.backfillId);
    return {
      id: row.backfillId,
      template: row.templateId,
      version: row.version,
      concurrency: row.concurrencyMax,
      state: backfillStateOf(row),
      count: Object.values(runs).reduce((sum, count) => sum + count, 0),
      runs,
      created_by: row.createdBy,
      created_at: row.createdAt,
      finished_at: row.finishedAt,
    };
  };
  const existing = async (backfillId: string): Promise<BackfillRow> => {
    const row = await findBackfill(sql, backfillId);
    if (row === null) throw new NotFoundError("backfill", backfillId);
    return row;
  };

  openOperation(
    routes,
    { method: "get", path: "/backfill", summary: "List the last 100 backfills", tag, answer: z.array(Backfill) },
    async () => json(await Promise.all((await listBackfills(sql, shownMax)).map(shown))),
  );

  openOperation(
    routes,
    { method: "get", path: "/backfill/{backfill_id}", summary: "Read how far a backfill is", tag, answer: Backfill },
    async ({ param }) => json(await shown(await existing(param("backfill_id")))),
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/backfill/{backfill_id}/run",
      summary: "List a backfill's runs, in order",
      tag,
      query: z.object({ limit: z.string().optional(), cursor: z.string().optional() }),
      answer: BackfillRuns,
    },
    async ({ c, param }) => {
      const query = queryOf(c.req.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const after = wholeOf(query, "cursor", { min: 0, max: 1_000_000_000, or: 0 }) - 1;
      const { backfillId } = await existing(param("backfill_id"));
      const rows = await listBackfillRuns(sql, backfillId, after, limit + 1);
      const shownRows = rows.slice(0, limit);
      return json({
        rows: shownRows.map(({ seq, at, params, runId, state }) => ({
          seq,
          at,
          params: parseJson(params),
          run_id: runId,
          state,
        })),
        next_cursor: rows.length > limit ? String((shownRows.at(-1)?.seq ?? 0) + 1) : null,
      });
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "put",
      path: "/backfill/{backfill_id}/cancel",
      role: "operate",
      audit: "backfill.cancel",
      summary: "Cancel a backfill: no more runs begin, and those that go on are cancelled",
      tag,
      answer: Backfill,
    },
    async ({ param, caller }) => {
      const { backfillId } = await existing(param("backfill_id"));
      if (!(await markBackfillCancelled(sql, backfillId, clock.now())))
        throw new ConflictError(`Cannot cancel backfill ${backfillId} as it has ended, or is being cancelled`, {
          backfill_id: backfillId,
        });
      for (const runId of await unfinishedRunsOf(sql, backfillId))
        await cancelRun({ sql, supervisor, clock }, runId, caller.service);
      scheduler.wake();
      return json(await shown(await existing(backfillId)));
    },
  );
  return routes;
}

export function backfillStateOf({ cancelledAt, finishedAt }: BackfillRow): z.output<typeof Backfill>["state"] {
  if (cancelledAt !== null) return finishedAt === null ? "cancelling" : "cancelled";
  return finishedAt === null ? "running" : "finished";
}

/** Under an Idempotency-Key the same one again, and another one for another body. */
function idOf({ c, caller }: Asked<unknown>): string {
  const key = c.req.raw.headers.get("idempotency-key");
  return key === null ? newUuid() : derivedUuid("backfill", caller.service, key);
}
