/** Alarms: listed, read, acknowledged. They are raised and cleared by what they are about, never over HTTP. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { alarmKinds, alarmStates, severities, shownAlarm } from "../model/alarm.ts";
import { AlarmAcknowledgedError, InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { parseUuid, type Uuid } from "../model/ids.ts";
import { findAlarm, listAlarms, type SentAlarmRow } from "../store/alarms.ts";
import { Acknowledgement, Alarm, AlarmQuery } from "./alarm-schemas.ts";
import { jsonText } from "./answer.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, textIn, wholeOf, wordOf } from "./query.ts";

const tag = "alarm";

export function alarmRoutes({ database, alarms, auth, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;

  openOperation(
    routes,
    {
      method: "get",
      path: "/alarm",
      summary: "List alarms, the newest first",
      tag,
      query: AlarmQuery,
      answer: z.object({ rows: z.array(Alarm), next_cursor: z.string().nullable() }),
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
      const found = await listAlarms(sql, {
        datasetId: idIn(query, "dataset"),
        ship: textIn(query, "ship"),
        passId: idIn(query, "pass"),
        kind: wordOf(query, "kind", alarmKinds),
        severity: wordOf(query, "severity", severities),
        state: wordOf(query, "state", alarmStates),
        before: idIn(query, "cursor"),
        limit: limit + 1,
      });
      const { shown, nextCursor } = pageOf(found, limit, ({ alarmId }) => alarmId);
      return jsonText(`{"rows":[${shown.map(alarmText).join(",")}],"next_cursor":${JSON.stringify(nextCursor)}}`);
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/alarm/{alarm_id}", summary: "Read an alarm", tag, answer: Alarm },
    async ({ param }) => jsonText(alarmText(await known(param("alarm_id")))),
  );

  guardedOperation<z.output<typeof Acknowledgement>>(
    routes,
    auth,
    {
      method: "put",
      path: "/alarm/{alarm_id}/acknowledge",
      role: "operate",
      audit: "alarm.acknowledge",
      ships: ({ param }) => shipsOf(param("alarm_id")),
      summary: "Acknowledge an alarm, once, under one's name",
      tag,
      body: Acknowledgement,
      badField: 422,
      answer: Alarm,
    },
    async ({ param, body, caller }) => {
      const alarmId = param("alarm_id");
      const { comment } = body;
      const done = await alarms.acknowledge({ alarmId, by: caller.service, comment, at: clock.now() });
      if (done !== null) return jsonText(alarmText(done));
      const alarm = await known(alarmId);
      throw new AlarmAcknowledgedError(alarmId, alarm.acknowledgedBy ?? "", alarm.acknowledgedAt ?? "");
    },
  );

  /** None: it is not there, or of no ship. */
  async function shipsOf(alarmId: Uuid): Promise<string[]> {
    const ship = (await findAlarm(sql, alarmId))?.ship ?? null;
    return ship === null ? [] : [ship];
  }

  async function known(alarmId: Uuid): Promise<SentAlarmRow> {
    const alarm = await findAlarm(sql, alarmId);
    if (alarm === null) throw new NotFoundError("alarm", alarmId);
    return alarm;
  }
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
function alarmText(alarm: SentAlarmRow): string {
  const head = { ...shownAlarm(alarm), sent_at: alarm.sentAt };
  return `${JSON.stringify(head).slice(0, -1)},"detail":${alarm.detail}}`;
}
