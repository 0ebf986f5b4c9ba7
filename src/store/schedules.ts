/** Schedules and their ticks. Whoever judges ticks holds the schedule's row; the tick, its run and its job are one commit. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

export interface ScheduleRow {
  readonly templateId: string;
  readonly latestVersion: number;
  readonly digest: string;
  /** Ms since 1970, as all times here: they are reckoned with. */
  readonly cursorMs: number;
  readonly nowMs: number;
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** Ensures that a template ticks by this schedule from now on; an unchanged one goes on where it was. */
export async function putSchedule(
  sql: Sql,
  order: {
    readonly templateId: string;
    readonly digest: string;
    readonly nextMsAfter: (nowMs: number) => number | null;
  },
): Promise<void> {
  await sql.begin(async (tx) => {
    const [now] = await tx.query<{ nowMs: number }>(`select ${ms("clock_timestamp()")} as "nowMs"`, []);
    const nowMs = now?.nowMs ?? 0;
    const nextMs = order.nextMsAfter(nowMs);
    await tx`
      insert into template_schedule as s (template_id, digest, cursor_at, next_at)
      values (${order.templateId}, ${order.digest}, to_timestamp(${nowMs}::float8 / 1000), to_timestamp(${nextMs}::float8 / 1000))
      on conflict (template_id) do update
        set digest = excluded.digest, cursor_at = excluded.cursor_at, next_at = excluded.next_at
        where s.digest <> excluded.digest`;
  });
}

export async function removeSchedule(sql: Sql, templateId: string): Promise<void> {
  await sql`delete from template_schedule where template_id = ${templateId}`;
}

/** Templates with a tick that is due, or with one that waits for another run's end. */
export function dueSchedules(sql: Sql, countMax: number): Promise<{ templateId: string; latestVersion: number }[]> {
  return sql<{ templateId: string; latestVersion: number }>`
    select t.template_id as "templateId", t.latest_version as "latestVersion"
    from template_schedule s join template t using (template_id)
    where t.deleted_at is null and not t.paused
      and (s.next_at <= clock_timestamp()
        or exists (select 1 from cron_tick k where k.template_id = s.template_id and k.state = 'queued'))
    order by s.next_at limit ${countMax}::int`;
}

/** Seconds until the next tick of all; null: there is none. */
export async function nextTickInMs(sql: Sql): Promise<number | null> {
  const [row] = await sql.query<{ inMs: number | null }>(
    `select ${ms("min(s.next_at) - clock_timestamp()")} as "inMs"
      from template_schedule s join template t using (template_id) where t.deleted_at is null and not t.paused`,
    [],
  );
  return row?.inMs ?? null;
}

/** Takes the row, if nobody else has it and it is still as the caller knows the template; null otherwise. */
export async function holdSchedule(tx: Sql, templateId: string, version: number): Promise<ScheduleRow | null> {
  const [row] = await tx.query<ScheduleRow>(
    `select s.template_id as "templateId", t.latest_version as "latestVersion", s.digest,
        ${ms("s.cursor_at")} as "cursorMs", ${ms("clock_timestamp()")} as "nowMs"
      from template_schedule s join template t using (template_id)
      where s.template_id = $1 and t.latest_version = $2::int and t.deleted_at is null and not t.paused
      for update of s skip locked`,
    [templateId, version],
  );
  return row ?? null;
}

export async function moveSchedule(
  tx: Sql,
  { templateId, cursorMs, nextMs }: { templateId: string; cursorMs: number; nextMs: number | null },
): Promise<void> {
  await tx`update template_schedule set cursor_at = to_timestamp(${cursorMs}::float8 / 1000),
    next_at = to_timestamp(${nextMs}::float8 / 1000) where template_id = ${templateId}`;
}

export type TickState = "fired" | "queued" | "skipped" | "missed";

/** False: that tick was judged before. */
export async function insertTick(
  tx: Sql,
  tick: {
    readonly templateId: string;
    readonly atMs: number;
    readonly state: TickState;
    readonly runId: DatasetId | null;
  },
): Promise<boolean> {
  const rows = await tx`
    insert into cron_tick (template_id, at, state, run_id, judged_at)
    values (${tick.templateId}, to_timestamp(${tick.atMs}::float8 / 1000), ${tick.state}, ${tick.runId}::uuid, now())
    on conflict (template_id, at) do nothing returning template_id`;
  return rows.length > 0;
}

export async function queuedTicks(tx: Sql, templateId: string, countMax: number): Promise<number[]> {
  const rows = await tx.query<{ atMs: number }>(
    `select ${ms("at")} as "atMs" from cron_tick where template_id = $1 and state = 'queued' order by at limit $2::int`,
    [templateId, countMax],
  );
  return rows.map(({ atMs }) => atMs);
}

export async function countQueuedTicks(tx: Sql, templateId: string): Promise<number> {
  const [row] = await tx<{ count: number }>`
    select count(*)::int as count from cron_tick where template_id = ${templateId} and state = 'queued'`;
  return row?.count ?? 0;
}

export async function fireQueuedTick(tx: Sql, templateId: string, atMs: number, runId: DatasetId): Promise<void> {
  await tx`update cron_tick set state = 'fired', run_id = ${runId}::uuid, judged_at = now()
    where template_id = ${templateId} and at = to_timestamp(${atMs}::float8 / 1000)`;
}

export interface TickRow {
  readonly at: Instant;
  readonly state: TickState;
  readonly runId: DatasetId | null;
}

/** Newest first. */
export function listTicks(sql: Sql, templateId: string, countMax: number): Promise<TickRow[]> {
  return sql.query<TickRow>(
    `select ${instantText("at")} as at, state, run_id as "runId" from cron_tick where template_id = $1
      order by at desc limit $2::int`,
    [templateId, countMax],
  );
}

export async function nextTickOf(sql: Sql, templateId: string): Promise<Instant | null> {
  const [row] = await sql.query<{ at: Instant | null }>(
    `select ${instantText("next_at")} as at from template_schedule where template_id = $1`,
    [templateId],
  );
  return row?.at ?? null;
}

/** Forgets ticks that were judged long ago; at most some thousand at once. */
export async function pruneTicks(sql: Sql, olderThanMs: number): Promise<number> {
  const rows = await sql`
    delete from cron_tick where (template_id, at) in (
      select template_id, at from cron_tick
      where judged_at < now() - ${olderThanMs}::float8 * interval '1 millisecond' and state <> 'queued' limit 5000)
    returning template_id`;
  return rows.length;
}
