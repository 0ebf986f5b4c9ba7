/** What guardrails and policies decided: each acceptance, refusal and delay, the newest first. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Decision } from "../model/job-view.ts";
import { listDecisions } from "../store/decisions.ts";
import { json } from "./answer.ts";
import { paging } from "./job-schemas.ts";
import { openOperation } from "./operation.ts";
import { pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, textIn, uuidOf, wholeOf } from "./query.ts";
import { date, id } from "./schemas.ts";

const DecisionShown = z
  .object({
    id,
    kind: z.enum(["ingest", "policy"]),
    code: z.string(),
    queue: z.string(),
    job_type: z.string().nullable(),
    job_id: id.nullable(),
    service: z.string().nullable(),
    count: z.int().openapi({ description: "How many jobs, or how many refusals of a storm" }),
    detail: z.string(),
    at: date,
  })
  .openapi("Decision");

const DecisionList = z
  .object({ rows: z.array(DecisionShown), next_cursor: z.string().nullable() })
  .openapi("DecisionList");

const DecisionQuery = z.object({
  queue: z.string().optional(),
  code: z.string().optional(),
  job_id: id.optional(),
  ...paging,
});

const kinds = [
  { kind: "ingest", summary: "What guardrails let in and refused" },
  { kind: "policy", summary: "What policies delayed, and why" },
] as const;

export function decisionRoutes({ database }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  for (const { kind, summary } of kinds) {
    openOperation(
      routes,
      {
        method: "get",
        path: `/${kind}/decision`,
        summary,
        tag: "policy",
        query: DecisionQuery,
        answer: DecisionList,
      },
      async ({ c }) => {
        const query = queryOf(c.req.raw.url);
        const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
        const rows = await listDecisions(database.sql, {
          kind,
          queue: textIn(query, "queue"),
          code: textIn(query, "code"),
          jobId: uuidOf(query, "job_id"),
          before: uuidOf(query, "cursor"),
          limit: limit + 1,
        });
        const { shown, nextCursor } = pageOf(rows, limit, (decision) => decision.decisionId);
        return json({ rows: shown.map(shownDecision), next_cursor: nextCursor });
      },
    );
  }
  return routes;
}

const shownDecision = (decision: Decision): object => ({
  id: decision.decisionId,
  kind: decision.kind,
  code: decision.code,
  queue: decision.queue,
  job_type: decision.jobType,
  job_id: decision.jobId,
  service: decision.service,
  count: decision.count,
  detail: decision.detail,
  at: decision.at,
});
