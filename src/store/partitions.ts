/**
 * The append-only tables lie in partitions of a week each, by the time in their rows' version 7 uuids. They are made ahead,
 * and dropped whole when they are old: no row of them is ever deleted one by one, so none is left for vacuum.
 */
import { firstTimeUuid } from "../model/ids.ts";
import type { Sql } from "./sql.ts";

const weekMs = 7 * 86_400_000;
/** Weeks begin on Mondays: 1970-01-05 was the first one. */
const firstMondayMs = 4 * 86_400_000;
/** Made ahead of time, so that a week without a node loses nothing but order. */
const weeksAhead = 2;
/** A row of these belongs to a job: while one of its week lives, the week stays. */
const ofJobs = ["job_record", "job_end", "attempt", "job_log"] as const;
const others = ["decision", "audit"] as const;
const parents: readonly string[] = [...ofJobs, ...others];

/** "orrery parts", as a key of an advisory lock. */
const lockKey = 0x6f72_7061;
/** A partition waits for no long transaction, as everybody would wait behind it: the next round tries again. */
const patience = "set local lock_timeout = '2s'";

export interface Week {
  readonly fromMs: number;
  readonly toMs: number;
  /** The end of its tables' names: the Monday, `20260105`. */
  readonly suffix: string;
}

export function weekOf(epochMs: number): Week {
  const fromMs = Math.floor((epochMs - firstMondayMs) / weekMs) * weekMs + firstMondayMs;
  return { fromMs, toMs: fromMs + weekMs, suffix: new Date(fromMs).toISOString().slice(0, 10).replaceAll("-", "") };
}

/** Makes the partitions of this week and the next ones. Safe to call on any number of nodes at once. */
export async function makePartitions(sql: Sql, nowMs: number): Promise<number> {
  const weeks = Array.from({ length: weeksAhead }, (_, i) => weekOf(nowMs + i * weekMs));
  const missing = await missingOf(sql, weeks);
  if (missing.length === 0) return 0;
  return await sql.begin(async (tx) => {
    await tx.script(patience);
    await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey]);
    const still = await missingOf(tx, weeks);
    const statements = still.map(
      ({ parent, week }) =>
        `create table if not exists ${parent}_${week.suffix} partition of ${parent}
          for values from ('${firstTimeUuid(week.fromMs)}') to ('${firstTimeUuid(week.toMs)}');`,
    );
    if (statements.length > 0) await tx.script(statements.join("\n"));
    return still.length;
  });
}

/** Drops the weeks that ended before `beforeMs` and in which no job lives any more; returns the tables' names. */
export async function dropPartitions(sql: Sql, beforeMs: number): Promise<string[]> {
  const dropped: string[] = [];
  for (const { name, parent, week } of await partitions(sql)) {
    if (week.toMs > beforeMs) continue;
    const isOfJobs = ofJobs.some((table) => table === parent);
    if (isOfJobs && (await hasLiveJob(sql, week))) continue;
    await sql.begin(async (tx) => {
      await tx.script(`${patience}; drop table if exists ${name};`);
    });
    dropped.push(name);
  }
  return dropped;
}

async function hasLiveJob(sql: Sql, week: Week): Promise<boolean> {
  const rows = await sql`
    select 1 from (select job_id from job union all select job_id from bundled_job) as live
    where job_id >= ${firstTimeUuid(week.fromMs)}::uuid and job_id < ${firstTimeUuid(week.toMs)}::uuid limit 1`;
  return rows.length > 0;
}

async function missingOf(sql: Sql, weeks: readonly Week[]): Promise<{ parent: string; week: Week }[]> {
  const there = new Set((await partitions(sql)).map(({ name }) => name));
  return parents.flatMap((parent) =>
    weeks.filter((week) => !there.has(`${parent}_${week.suffix}`)).map((week) => ({ parent, week })),
  );
}

/** The weekly partitions that there are, oldest first. */
async function partitions(sql: Sql): Promise<{ name: string; parent: string; week: Week }[]> {
  const rows = await sql<{ name: string; parent: string }>`
    select child.relname as name, parent.relname as parent
    from pg_inherits join pg_class child on child.oid = inhrelid join pg_class parent on parent.oid = inhparent
    where parent.relkind = 'p' and child.relkind = 'r' and child.relname ~ '_[0-9]{8}$'
      and parent.relnamespace = (select oid from pg_namespace where nspname = current_schema())
    order by child.relname`;
  return rows.map(({ name, parent }) => {
    const day = name.slice(-8);
    const epochMs = Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`);
    return { name, parent, week: weekOf(epochMs) };
  });
}
