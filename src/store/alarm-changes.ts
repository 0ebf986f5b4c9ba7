/**
 * Alarms that conditions raise and clear. One is active for each key (kind, ship or pass, subject): raised again it stays the same
 * alarm, until it is both cleared and acknowledged. What a pass's holder changes is fenced by the token of its lease.
 */
import type { AlarmRow, Severity } from "../model/alarm.ts";
import { severityLevel, severityOf } from "../model/alarm.ts";
import type { Instant } from "../model/clock.ts";
import { newTimeUuid } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { PassId } from "../model/pass.ts";
import { alarmColumns, alarmOf, type StoredAlarm } from "./alarm-rows.ts";
import type { PassLease } from "./pass-leases.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

/** What is alarming. A parameter's limits are its ship's matter, over all passes; all else is of one pass. */
export interface AlarmSubject {
  readonly kind: "parameter.limit" | "pass.stale" | "pass.kernel_drops" | "pass.completeness";
  readonly ship: string;
  readonly passId: PassId;
  /** A parameter or a packet; empty: the pass as a whole. */
  readonly subject: string;
}

export interface AlarmRaise extends AlarmSubject {
  readonly severity: Severity;
  readonly at: Instant;
  readonly detail: JsonText;
  /** It tells of what has been: there is nothing that could clear it. */
  readonly isOver?: boolean;
}

export interface AlarmClear extends AlarmSubject {
  readonly at: Instant;
  readonly resolution: string | null;
}

export interface AlarmChanges {
  readonly raise: readonly AlarmRaise[];
  /** After what is raised. */
  readonly clear: readonly AlarmClear[];
}

/** Neither a ship's name, nor a uuid, nor a parameter's or packet's name holds a space. */
const keyOf = ({ kind, ship, passId, subject }: AlarmSubject): string =>
  `${kind} ${kind === "parameter.limit" ? ship : passId} ${subject}`;

/**
 * Returns what is to be told; null: the lease is lost, nothing was written. `lease` null: whoever asks is no holder of a pass.
 * Bears repetition. Of several raises of one alarm in `changes` all but one would be lost: give the gravest.
 */
export function changeAlarms(
  sql: Sql,
  lease: PassLease | null,
  { raise, clear }: AlarmChanges,
  hasWebhook: boolean,
): Promise<AlarmRow[] | null> {
  return sql.begin(async (tx) => {
    if (lease !== null && !(await isHeld(tx, lease))) return null;
    return [...(await raiseAlarms(tx, raise, hasWebhook)), ...(await clearAlarms(tx, clear, hasWebhook))];
  });
}

/** A newer holder's lease waits until this transaction is over. */
async function isHeld(tx: Sql, { passId, token }: PassLease): Promise<boolean> {
  const rows = await tx`
    select 1 from pass where pass_id = ${passId}::uuid and token = ${token}::bigint for share`;
  return rows.length > 0;
}

/** What a change leaves to be sent: it does not take the place of one that is still to be sent. */
const toSend = (event: string, changed: string, hasWebhook: string) => `
  send_at = case when ${hasWebhook}::boolean and ${changed} then coalesce(alarm.send_at, clock_timestamp()) else alarm.send_at end,
  send_event = case when alarm.send_at is null and ${changed} then ${event} else alarm.send_event end,
  send_change = case when alarm.send_at is null and ${changed} then alarm.change + 1 else alarm.send_change end,
  tries = case when alarm.send_at is null and ${changed} then 0 else alarm.tries end`;

const reopens = "(alarm.cleared_at is not null and excluded.cleared_at is null)";
const escalates = "(excluded.severity > alarm.severity)";
const raisedEvent = `case when ${reopens} then 'raised' else 'escalated' end`;

/**
 * An alarm that is active already is escalated if this is graver, and then has to be acknowledged anew; one that was cleared is
 * raised again. `before` tells whether any of it happened, or only its detail is new: it locks what is there, and `turnText` keeps
 * others from adding what is not, as a statement sees no row that came after it began, but its `on conflict` meets it.
 */
const raiseText = `
  with asked as materialized (
    select * from unnest($1::text::text[], $2::text::uuid[], $3::text::text[], $4::text::smallint[], $5::text::text[],
      $6::text::uuid[], $7::text::text[], $8::text::timestamptz[], $9::text::boolean[], $10::text::text[])
      as asked (key, id, kind, severity, ship, pass, subject, at, is_over, detail)),
  before as materialized (
    select alarm.key as before_key, alarm.change as before_change from asked join alarm on alarm.key = asked.key
    where alarm.cleared_at is null or alarm.acknowledged_at is null order by alarm.key for update of alarm),
  stored as (
    insert into alarm (key, alarm_id, kind, severity, ship, pass_id, subject, at, cleared_at, detail, send_at)
    select key, id, kind, severity, ship, pass, subject, at, case when is_over then at end, detail,
      case when $11::boolean then clock_timestamp() end
    from asked left join before on before_key = key order by key
    on conflict (key) where key is not null and (cleared_at is null or acknowledged_at is null) do update set
      detail = excluded.detail,
      severity = greatest(alarm.severity, excluded.severity),
      pass_id = case when ${reopens} then excluded.pass_id else alarm.pass_id end,
      raised = alarm.raised + case when ${reopens} then 1 else 0 end,
      cleared_at = case when ${reopens} then null else alarm.cleared_at end,
      resolution = case when ${reopens} then null else alarm.resolution end,
      acknowledged_at = case when ${escalates} then null else alarm.acknowledged_at end,
      acknowledged_by = case when ${escalates} then null else alarm.acknowledged_by end,
      comment = case when ${escalates} then null else alarm.comment end,
      change = alarm.change + case when ${reopens} or ${escalates} then 1 else 0 end,
      event = case when ${reopens} or ${escalates} then ${raisedEvent} else alarm.event end,
      ${toSend(raisedEvent, `(${reopens} or ${escalates})`, "$11")}
    returning alarm.*, xmax = 0 as is_new)
  select ${alarmColumns} from stored left join before on before_key = key
  where is_new or change > coalesce(before_change, 1)`;

const turnText = `
  select pg_advisory_xact_lock(turn) from (
    select distinct hashtextextended(key, 0) as turn from unnest($1::text::text[]) as asked (key) order by turn) as turns`;

/** In the caller's transaction: tell what it returns once that is committed. */
export async function raiseAlarms(tx: Sql, asked: readonly AlarmRaise[], hasWebhook: boolean): Promise<AlarmRow[]> {
  if (asked.length === 0) return [];
  const of = (value: (one: AlarmRaise) => SqlValue) => array(asked.map(value));
  await tx.query(turnText, [of(keyOf)]);
  const rows = await tx.query<StoredAlarm>(raiseText, [
    of(keyOf),
    of(() => newTimeUuid()),
    of(({ kind }) => kind),
    of(({ severity }) => severityLevel(severity)),
    of(({ ship }) => ship),
    of(({ passId }) => passId),
    of(({ subject }) => subject),
    of(({ at }) => at),
    of(({ isOver }) => isOver === true),
    of(({ detail }) => detail),
    hasWebhook,
  ]);
  return rows.map(alarmOf);
}

const clearText = `
  with asked as materialized (
    select * from unnest($1::text::text[], $2::text::timestamptz[], $3::text::text[]) as asked (asked_key, asked_at, asked_why)),
  locked as materialized (
    select alarm_id as locked_id, asked_at, asked_why from asked join alarm on key = asked_key
    where (cleared_at is null or acknowledged_at is null) and cleared_at is null order by key for update of alarm)
  update alarm set cleared_at = greatest(asked_at, at), resolution = asked_why, change = change + 1, event = 'cleared',
    ${toSend("'cleared'", "true", "$4")}
  from locked where alarm_id = locked_id
  returning ${alarmColumns}`;

async function clearAlarms(tx: Sql, asked: readonly AlarmClear[], hasWebhook: boolean): Promise<AlarmRow[]> {
  if (asked.length === 0) return [];
  const rows = await tx.query<StoredAlarm>(clearText, [
    array(asked.map(keyOf)),
    array(asked.map(({ at }) => at)),
    array(asked.map(({ resolution }) => resolution)),
    hasWebhook,
  ]);
  return rows.map(alarmOf);
}

/** Alarms of passes that are over, whoever ended them: no more packets can be overdue, none can be dropped. */
export async function clearEndedPasses(sql: Sql, countMax: number, hasWebhook: boolean): Promise<AlarmRow[]> {
  const rows = await sql.query<StoredAlarm>(
    `with over as materialized (
      select alarm_id as over_id from alarm join pass on pass.pass_id = alarm.pass_id
      where cleared_at is null and kind in ('pass.stale', 'pass.kernel_drops')
        and state in ('completed', 'failed', 'cancelled', 'missed')
      order by key limit $1::int for update of alarm skip locked)
    update alarm set cleared_at = clock_timestamp(), resolution = 'pass over', change = change + 1, event = 'cleared',
      ${toSend("'cleared'", "true", "$2")}
    from over where alarm_id = over_id
    returning ${alarmColumns}`,
    [countMax, hasWebhook],
  );
  return rows.map(alarmOf);
}

export interface OpenAlarm {
  readonly kind: string;
  readonly subject: string;
  readonly severity: Severity;
}

/** What a pass begins with: its ship's parameters that were beyond their limits when they were last heard of, its own silences. */
export async function openAlarms(sql: Sql, ship: string, passId: PassId): Promise<OpenAlarm[]> {
  const rows = await sql<Omit<OpenAlarm, "severity"> & { level: number }>`
    select kind, subject, severity as level from alarm
    where ship = ${ship} and cleared_at is null
      and (kind = 'parameter.limit' or (kind = 'pass.stale' and pass_id = ${passId}::uuid))`;
  return rows.map(({ level, ...row }) => ({ ...row, severity: severityOf(level) }));
}
