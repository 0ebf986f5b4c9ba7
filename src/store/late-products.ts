/** Deadlines of products: each is looked at once, by whichever node is first, and what is late raises an alarm. */
import type { AlarmRow } from "../model/alarm.ts";
import { newTimeUuid } from "../model/ids.ts";
import { alarmColumns, alarmOf, type StoredAlarm } from "./alarm-rows.ts";
import { array, type Sql } from "./sql.ts";

type MaybeAlarm = { [Name in keyof StoredAlarm]: StoredAlarm[Name] | null };

/**
 * Settles up to `countMax` deadlines that have passed, by the database's clock, and raises an alarm for each product that is not
 * success. One statement: a deadline is settled, and its alarm stored, by one node or by none. Returns how many were looked at.
 * Such an alarm is over as it is raised: nothing makes a product have been in time.
 */
export async function settleDeadlines(
  sql: Sql,
  countMax: number,
  hasWebhook: boolean,
): Promise<{ settled: number; raised: AlarmRow[] }> {
  const ids = Array.from({ length: countMax }, () => newTimeUuid());
  const rows = await sql.query<{ settled: number } & MaybeAlarm>(
    `with due as materialized (
      select dataset_id, product_id, deadline_at from expectation
      where is_pending and deadline_at <= clock_timestamp()
      order by deadline_at limit $1::int for update skip locked),
    judged as materialized (
      select due.*, p.name, p.state, p.state is not null and p.state not in ('success', 'disabled') as is_late,
        row_number() over (order by due.deadline_at) as n
      from due left join product p on p.dataset_id = due.dataset_id and p.product_id = due.product_id),
    settled as (
      update expectation e set is_pending = false, missed_at = case when judged.is_late then clock_timestamp() end
      from judged where e.dataset_id = judged.dataset_id and e.product_id = judged.product_id),
    late as (
      insert into alarm (alarm_id, kind, dataset_id, product_id, at, cleared_at, detail, send_at)
      select ids.id, 'product.late', dataset_id, product_id, now(), now(),
        json_build_object('name', name, 'state', state, 'deadline',
          to_char(deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))::text,
        case when $3::boolean then clock_timestamp() end
      from judged join unnest($2::text::uuid[]) with ordinality as ids (id, n) on ids.n = judged.n
      where is_late
      returning alarm.*)
    select (select count(*)::int from due) as "settled", ${alarmColumns}
    from (select 1) as one left join late on true order by alarm_id`,
    [countMax, array(ids), hasWebhook],
  );
  const raised = rows.flatMap(({ settled: _settled, ...row }) => (isAlarm(row) ? [alarmOf(row)] : []));
  return { settled: rows[0]?.settled ?? 0, raised };
}

const isAlarm = (row: MaybeAlarm): row is StoredAlarm => row.alarmId !== null;
