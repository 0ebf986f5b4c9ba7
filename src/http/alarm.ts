/** Alarms: those that were raised, the newest first. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { listAlarms, type SentAlarmRow } from "../store/alarms.ts";
import { jsonText } from "./answer.ts";
import { anyJson } from "./check.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";

const id = z.string().openapi({ format: "uuid" });
const date = z.string().openapi({ format: "date-time" });

const Query = z.object({
  dataset: z.string().optional().openapi({ format: "uuid" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().optional(),
});

const Alarm = z
  .object({
    id,
    kind: z.string().openapi({ example: "product.late" }),
    dataset_id: id.nullable(),
    product_id: id.nullable(),
    at: date,
    detail: anyJson,
    sent_at: date.nullable().openapi({ description: "When the webhook took it" }),
  })
  .openapi("Alarm");

export function alarmRoutes({ database }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  openOperation(
    routes,
    {
      method: "get",
      path: "/alarm",
      summary: "Products that missed their deadlines",
      tag: "alarm",
      query: Query,
      answer: z.object({ rows: z.array(Alarm), next_cursor: z.string().nullable() }),
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const ask = { datasetId: idIn(query, "dataset"), before: idIn(query, "cursor"), limit: limit + 1 };
      const found = await listAlarms(database.sql, ask);
      const rows = found.slice(0, limit);
      const next = found.length > limit ? (rows.at(-1)?.alarmId ?? null) : null;
      return jsonText(`{"rows":[${rows.map(shownAlarm).join(",")}],"next_cursor":${JSON.stringify(next)}}`);
    },
  );
  return routes;
}

function idIn(query: URLSearchParams, name: string): string | null {
  const given = query.get(name);
  if (given === null || given === "") return null;
  const found = parseUuid(given);
  if (found === null) throw new InvalidRequestError(`${name}: a uuid is needed`, name);
  return found;
}

/** `detail` is JSON already. */
function shownAlarm({ alarmId, kind, datasetId, productId, at, detail, sentAt }: SentAlarmRow): string {
  const head = { id: alarmId, kind, dataset_id: datasetId, product_id: productId, at, sent_at: sentAt };
  return `${JSON.stringify(head).slice(0, -1)},"detail":${detail}}`;
}
