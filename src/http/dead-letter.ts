/** Dead letters: list them, see why they died, put new jobs in their place. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { createRedriver } from "../jobs/redrive.ts";
import { InvalidFieldError } from "../model/errors.ts";
import { countDead, deadReasons, listDead } from "../store/dead-letters.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { shownSummary } from "./job-json.ts";
import { DeadList, DeadReasons, paging, Redriven, RedriveParam } from "./job-schemas.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, textIn, uuidOf, wholeOf } from "./query.ts";

const tag = "dlq";
const redrivenMax = 1000;

export function deadLetterRoutes({ database, supervisor, intake, auth }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;
  const redriver = createRedriver({ sql, supervisor, intake });

  openOperation(
    routes,
    {
      method: "get",
      path: "/dlq",
      summary: "Dead jobs that nothing has taken the place of, the newest first",
      tag,
      query: z.object({
        queue: z.string().optional(),
        job_type: z.string().optional(),
        reason: z.string().optional(),
        ...paging,
      }),
      answer: DeadList,
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const filter = {
        queue: textIn(query, "queue"),
        jobType: textIn(query, "job_type"),
        reason: textIn(query, "reason"),
      };
      const [rows, total] = await Promise.all([
        listDead(sql, { ...filter, before: uuidOf(query, "cursor"), limit: limit + 1 }),
        countDead(sql, filter),
      ]);
      const { shown, nextCursor } = pageOf(rows, limit, (job) => job.jobId);
      return json({ rows: shown.map(shownSummary), next_cursor: nextCursor, total });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/dlq/reason", summary: "How many are dead of what", tag, answer: DeadReasons },
    async () => {
      const rows = await deadReasons(sql);
      return json(rows.map(({ reason, jobType, queue, count }) => ({ reason, job_type: jobType, queue, count })));
    },
  );

  guardedOperation<z.output<typeof RedriveParam>>(
    routes,
    auth,
    {
      method: "post",
      path: "/dlq/redrive",
      role: "operate",
      audit: "dlq.redrive",
      summary: "Put new jobs in the place of dead ones, by ids or by a filter; with dry_run only say which",
      tag,
      body: RedriveParam,
      read: readRedrive,
      badField: 422,
      answer: Redriven,
    },
    async ({ body, caller, wrote }) => {
      const { ids, filter } = body;
      const which = {
        ids: ids ?? null,
        filter: { queue: filter?.queue ?? null, jobType: filter?.job_type ?? null, reason: filter?.reason ?? null },
        limit: body.limit ?? redrivenMax,
      };
      const isDry = body.dry_run ?? false;
      if (isDry) wrote(null);
      return json({ dry_run: isDry, ...(await redriver.redrive(which, caller.service, isDry)) });
    },
  );
  return routes;
}

function readRedrive(parsed: unknown): z.output<typeof RedriveParam> {
  const body = checked(RedriveParam, parsed);
  const hasIds = body.ids !== undefined && body.ids !== null;
  const hasFilter = body.filter !== undefined && body.filter !== null;
  if (hasIds === hasFilter) {
    throw new InvalidFieldError("ids", "either ids or a filter is needed, an empty filter for all of them");
  }
  return body;
}
