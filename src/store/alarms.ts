/** Alarms: raised once for each deadline that passes, whichever node looks first; listed; sent to a webhook until it takes them. */
import type { Instant } from "../model/clock.ts";
import { type DatasetId, newTimeUuid, type ProductId, type Uuid } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { inOrder } from "./in-order.ts";
import { array, type Sql } from "./sql.ts";

export interface AlarmRow {
  readonly alarmId: Uuid;
  /** product.late */
  readonly kind: string;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly at: Instant;
  readonly detail: JsonText;
}

export interface SentAlarmRow extends AlarmRow {
  /** When the webhook took it. */
  readonly sentAt: Instant | null;
}

const columns = `alarm_id as "alarmId", kind, dataset_id as "datasetId", product_id as "productId", detail,
  to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"`;

/**
 * Settles up to `countMax` deadlines that have passed, by the database's clock, and raises an alarm for each product that is not
 * success. One statement: a deadline is settled, and its alarm stored, by one node or by none. Returns how many were looked at.
 */
export async function settleDeadlines(
  sql: Sql,
  countMax: number,
  hasWebhook: boolean,
): Promise<{ settled: number; raised: AlarmRow[] }> {
  const ids = Array.from({ length: countMax }, () => newTimeUuid());
  const rows = await sql<{ settled: number } & { [Name in keyof AlarmRow]: AlarmRow[Name] | null }>`
    with due as materialized (
      select dataset_id, product_id, deadline_at from expectation
      where is_pending and deadline_at <= clock_timestamp()
      order by deadline_at limit ${countMax}::int for update skip locked),
    judged as materialized (
      select due.*, p.name, p.state, p.state is not null and p.state not in ('success', 'disabled') as is_late,
        row_number() over (order by due.deadline_at) as n
      from due left join product p on p.dataset_id = due.dataset_id and p.product_id = due.product_id),
    settled as (
      update expectation e set is_pending = false, missed_at = case when judged.is_late then clock_timestamp() end
      from judged where e.dataset_id = judged.dataset_id and e.product_id = judged.product_id),
    raised as (
      insert into alarm (alarm_id, kind, dataset_id, product_id, at, detail, send_at)
      select ids.id, 'product.late', dataset_id, product_id, clock_timestamp(),
        json_build_object('name', name, 'state', state, 'deadline',
          to_char(deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))::text,
        case when ${hasWebhook}::boolean then clock_timestamp() end
      from judged join unnest(${array(ids)}::text::uuid[]) with ordinality as ids (id, n) on ids.n = judged.n
      where is_late
      returning alarm_id, kind, dataset_id, product_id, at, detail)
    select (select count(*)::int from due) as "settled", alarm_id as "alarmId", kind, dataset_id as "datasetId",
      product_id as "productId", detail, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"
    from (select 1) as one left join raised on true order by alarm_id`;
  const raised = rows.flatMap(({ settled: _settled, ...row }) => (isAlarm(row) ? [row] : []));
  return { settled: rows[0]?.settled ?? 0, raised };
}

const isAlarm = (row: { readonly alarmId: Uuid | null }): row is AlarmRow => row.alarmId !== null;

/** The newest first, those before `before`. */
export function listAlarms(
  sql: Sql,
  ask: { readonly datasetId: DatasetId | null; readonly before: Uuid | null; readonly limit: number },
): Promise<SentAlarmRow[]> {
  const sentAt = `to_char(sent_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "sentAt"`;
  const of = ask.datasetId === null ? "$3::uuid is null" : "dataset_id = $3::uuid";
  const text = `select ${columns}, ${sentAt} from alarm where alarm_id < $1::uuid and ${of} order by alarm_id desc limit $2::int`;
  return inOrder(sql, (tx) =>
    tx.query<SentAlarmRow>(text, [ask.before ?? "ffffffff-ffff-ffff-ffff-ffffffffffff", ask.limit, ask.datasetId]),
  );
}

/** When an alarm is sent again: 10 s later, then twice as long each time, up to an hour; after `triesMax` no more. */
const firstRetryS = 10;
const retrySMax = 3600;
export const triesMax = 12;

/** Takes alarms to send, so that no other node sends them for a while; each is sent again unless `noteSent` says that it was. */
export async function takeAlarmsToSend(sql: Sql, countMax: number): Promise<(AlarmRow & { tries: number })[]> {
  return await sql<AlarmRow & { tries: number }>`
    with due as materialized (
      select alarm_id from alarm where send_at <= clock_timestamp() order by send_at limit ${countMax}::int
      for update skip locked)
    update alarm set tries = tries + 1, send_at = case when tries + 1 < ${triesMax}::int then
      clock_timestamp() + least(${retrySMax}::float8, ${firstRetryS}::float8 * power(2, tries)) * interval '1 second' end
    from due where alarm.alarm_id = due.alarm_id
    returning alarm.alarm_id as "alarmId", kind, dataset_id as "datasetId", product_id as "productId", detail, tries,
      to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"`;
}

export async function noteSent(sql: Sql, alarmId: Uuid): Promise<void> {
  await sql`update alarm set send_at = null, sent_at = clock_timestamp() where alarm_id = ${alarmId}::uuid`;
}

/** Returns how many went. */
export async function pruneAlarms(sql: Sql, before: Uuid, countMax: number): Promise<number> {
  const rows = await sql`
    delete from alarm where alarm_id in (
      select alarm_id from alarm where alarm_id < ${before}::uuid order by alarm_id limit ${countMax}::int)
    returning 1`;
  return rows.length;
}
