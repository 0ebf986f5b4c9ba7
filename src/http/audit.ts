/** The audit: who wrote what, and who was refused, from the events of plans and from the audit's own rows, the newest first. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import type { AuditRow } from "../store/audit.ts";
import { type AuditFilter, type EventAuditRow, summarizeEvents, walkEvents, walkOwn } from "../store/audit-read.ts";
import { json } from "./answer.ts";
import { type AuditCursor, cursorText, readCursor } from "./audit-cursor.ts";
import { parseInstant } from "./date.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";

const Query = z.object({
  service: z.string().optional().openapi({ description: "Only its writes" }),
  action: z.string().optional().openapi({ description: "`key.create`, `plan.publish`, …" }),
  since: z.string().optional().openapi({ format: "date-time" }),
  dataset: z.string().optional().openapi({ format: "uuid" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().optional().openapi({ description: "The `next_cursor` of the page before" }),
});

const Row = z
  .object({
    id: z.string().openapi({ format: "uuid" }),
    at: z.string().openapi({ format: "date-time" }),
    service: z.string(),
    action: z.string(),
    target: z.string().openapi({ description: "A path of the API" }),
    status: z.int(),
    request_id: z.string().nullable(),
  })
  .openapi("AuditRow");

const Page = z
  .object({
    rows: z.array(Row),
    next_cursor: z.string().nullable().openapi({
      description:
        "Null: there is no more. A page under a filter may hold few rows, or none, and still have a next one",
    }),
  })
  .openapi("AuditPage");

/** How often the embedded store is asked to summarize the pages that are new. */
const summarizeEveryMs = 60_000;

export function auditRoutes({ database, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql, kind } = database;
  let summarizedMs = Number.NEGATIVE_INFINITY;

  openOperation(
    routes,
    { method: "get", path: "/audit", summary: "Who wrote what", tag: "audit", query: Query, answer: Page },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const filter = filterOf(query);
      const cursor = readCursor(query.get("cursor"));
      const nowMs = clock.monotonicMs();
      if (kind === "embedded" && nowMs - summarizedMs > summarizeEveryMs) {
        summarizedMs = nowMs;
        await summarizeEvents(sql);
      }
      const own = await walkOwn(sql, filter, cursor.own, limit + 1);
      const events = await walkEvents(sql, filter, cursor.event, limit + 1, clock.now());
      return json(pageOf(cursor, own, events, limit));
    },
  );
  return routes;
}

function filterOf(query: URLSearchParams): AuditFilter {
  const since = query.get("since");
  const at = since === null ? null : parseInstant(since);
  if (since !== null && at === null)
    throw new InvalidRequestError("since: a date such as 2026-01-31T10:20:30Z is needed", "since");
  const dataset = query.get("dataset");
  const datasetId = dataset === null ? null : parseUuid(dataset);
  if (dataset !== null && datasetId === null) throw new InvalidRequestError("dataset: a uuid is needed", "dataset");
  return { service: storable(query.get("service")), action: storable(query.get("action")), since: at, datasetId };
}

/** No row can hold what the database cannot. */
const storable = (text: string | null): string | null => text?.replaceAll("\u0000", "").toWellFormed() ?? null;

type Own = Awaited<ReturnType<typeof walkOwn>>;
type Events = Awaited<ReturnType<typeof walkEvents>>;

/** Merges by time. Where one source was given up early, nothing older than that place of the other one may be shown yet. */
function pageOf(cursor: AuditCursor, own: Own, events: Events, limit: number): z.output<typeof Page> {
  const rows: z.output<typeof Row>[] = [];
  let { own: ownAt, event: eventAt } = cursor;
  let [i, j] = [0, 0];
  while (rows.length < limit) {
    const [one, other] = [own.rows[i], events.rows[j]];
    if (one !== undefined && (other === undefined || one.at >= other.at)) {
      if (other === undefined && events.to !== null && one.at < events.to.at) break;
      rows.push(shownOwn(one));
      ownAt = one;
      i += 1;
    } else if (other !== undefined) {
      if (one === undefined && own.to !== null && other.at < own.to.at) break;
      rows.push(shownEvent(other));
      eventAt = other;
      j += 1;
    } else break;
  }
  if (i === own.rows.length && own.to !== null) ownAt = own.to.place;
  if (j === events.rows.length && events.to !== null) eventAt = events.to.place;
  const hasMore = i < own.rows.length || j < events.rows.length || own.to !== null || events.to !== null;
  return { rows, next_cursor: hasMore ? cursorText({ own: ownAt, event: eventAt }) : null };
}

const shownOwn = (row: AuditRow): z.output<typeof Row> => ({
  id: row.auditId,
  at: row.at,
  service: row.service,
  action: row.action,
  target: row.target,
  status: row.status,
  request_id: row.requestId,
});

/** A turn has no request of its own: several may share one, and jobs have none. */
const shownEvent = (row: EventAuditRow): z.output<typeof Row> => ({
  id: row.turnId,
  at: row.at,
  service: row.service,
  action: row.cause,
  target: `/plan/${row.datasetId}`,
  status: 200,
  request_id: null,
});
