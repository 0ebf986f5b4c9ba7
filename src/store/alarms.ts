/** Alarms: listed, acknowledged, sent to a webhook until it takes them. How those of passes come about is in alarm-changes.ts, those of products in late-products.ts. */
import type { AlarmEvent, AlarmRow, alarmStates, Severity } from "../model/alarm.ts";
import { severityLevel } from "../model/alarm.ts";
import type { Instant } from "../model/clock.ts";
import type { DatasetId, Uuid } from "../model/ids.ts";
import type { PassId } from "../model/pass.ts";
import { alarmColumns, alarmOf, type StoredAlarm } from "./alarm-rows.ts";
import { inOrder } from "./in-order.ts";
import { instantText } from "./instants.ts";
import type { Sql, SqlValue } from "./sql.ts";

export interface SentAlarmRow extends AlarmRow {
  /** When the webhook took what it was told last. */
  readonly sentAt: Instant | null;
}

export interface AlarmFilter {
  readonly datasetId?: DatasetId | null;
  readonly ship?: string | null;
  readonly passId?: PassId | null;
  readonly kind?: string | null;
  readonly severity?: Severity | null;
  readonly state?: (typeof alarmStates)[number] | null;
}

const shown = `${alarmColumns}, ${instantText("sent_at")} as "sentAt"`;

/** The newest first, those before `before`. */
export function listAlarms(
  sql: Sql,
  { before, limit, ...filter }: AlarmFilter & { readonly before: Uuid | null; readonly limit: number },
): Promise<SentAlarmRow[]> {
  const values: SqlValue[] = [before ?? "ffffffff-ffff-ffff-ffff-ffffffffffff", limit];
  const conditions = ["alarm_id < $1::uuid"];
  const only = (column: string, type: string, value: SqlValue | undefined): void => {
    if (value === undefined || value === null) return;
    conditions.push(`${column} = $${values.push(value)}::${type}`);
  };
  only("dataset_id", "uuid", filter.datasetId);
  only("ship", "text", filter.ship);
  only("pass_id", "uuid", filter.passId);
  only("kind", "text", filter.kind);
  only("severity", "smallint", filter.severity == null ? null : severityLevel(filter.severity));
  if (filter.state === "active") conditions.push("(cleared_at is null or acknowledged_at is null)");
  if (filter.state === "unacknowledged") conditions.push("acknowledged_at is null");
  const text = `select ${shown} from alarm where ${conditions.join(" and ")} order by alarm_id desc limit $2::int`;
  return inOrder(sql, async (tx) => {
    const rows = await tx.query<StoredAlarm & Pick<SentAlarmRow, "sentAt">>(text, values);
    return rows.map(alarmOf);
  });
}

export async function findAlarm(sql: Sql, alarmId: Uuid): Promise<SentAlarmRow | null> {
  const [row] = await sql.query<StoredAlarm & Pick<SentAlarmRow, "sentAt">>(
    `select ${shown} from alarm where alarm_id = $1::uuid`,
    [alarmId],
  );
  return row === undefined ? null : alarmOf(row);
}

export interface Acknowledgement {
  readonly alarmId: Uuid;
  readonly by: string;
  readonly comment: string;
  readonly at: Instant;
}

/** Null: it is acknowledged already, or not there. Of two at once one gets it. */
export async function acknowledgeAlarm(
  sql: Sql,
  { alarmId, by, comment, at }: Acknowledgement,
): Promise<SentAlarmRow | null> {
  const [row] = await sql.query<StoredAlarm & Pick<SentAlarmRow, "sentAt">>(
    `update alarm set acknowledged_at = $2::timestamptz, acknowledged_by = $3, comment = $4
    where alarm_id = $1::uuid and acknowledged_at is null returning ${shown}`,
    [alarmId, at, by, comment],
  );
  return row === undefined ? null : { ...alarmOf(row), event: "acknowledged" };
}

/** When an alarm is sent again: 10 s later, then twice as long each time, up to an hour; after `triesMax` no more. */
const firstRetryS = 10;
const retrySMax = 3600;
export const triesMax = 12;

/** What of an alarm a webhook is to be told; `alarm` is as it is by now. */
export interface AlarmToSend extends AlarmRow {
  readonly tries: number;
  readonly sendEvent: AlarmEvent;
  /** The change that is told. */
  readonly sendChange: number;
}

/** Takes alarms to send, so that no other node sends them for a while; each is sent again unless `noteSent` says that it was. */
export async function takeAlarmsToSend(sql: Sql, countMax: number): Promise<AlarmToSend[]> {
  const rows = await sql.query<StoredAlarm & Pick<AlarmToSend, "tries" | "sendEvent" | "sendChange">>(
    `with due as materialized (
      select alarm_id as due_id from alarm where send_at <= clock_timestamp() order by send_at limit $1::int
      for update skip locked)
    update alarm set tries = tries + 1, send_at = case when tries + 1 < $2::int then
      clock_timestamp() + least($3::float8, $4::float8 * power(2, tries)) * interval '1 second' end
    from due where alarm_id = due_id
    returning ${alarmColumns}, tries, coalesce(send_event, 'raised') as "sendEvent", coalesce(send_change, 1) as "sendChange"`,
    [countMax, triesMax, retrySMax, firstRetryS],
  );
  return rows.map(alarmOf);
}

/** The webhook took it. What has happened to the alarm meanwhile is sent next. */
export async function noteSent(
  sql: Sql,
  { alarmId, sendChange }: { alarmId: Uuid; sendChange: number },
): Promise<void> {
  await sql`
    update alarm set sent_at = clock_timestamp(), tries = 0,
      send_at = case when change > ${sendChange}::int then clock_timestamp() end,
      send_event = event, send_change = change
    where alarm_id = ${alarmId}::uuid and coalesce(send_change, 1) = ${sendChange}::int`;
}

/** Those that are over, old as they are. Returns how many went. */
export async function pruneAlarms(sql: Sql, before: Uuid, countMax: number): Promise<number> {
  const rows = await sql`
    delete from alarm where alarm_id in (
      select alarm_id from alarm where alarm_id < ${before}::uuid and cleared_at is not null
      order by alarm_id limit ${countMax}::int)
    returning 1`;
  return rows.length;
}
