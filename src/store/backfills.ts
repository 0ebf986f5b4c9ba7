/** Backfills: a list of runs to make of a template, a few at a time. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, Uuid } from "../model/ids.ts";
import { type JsonText, parseJson } from "../model/json.ts";
import { instantText } from "./instants.ts";
import { array, type Sql } from "./sql.ts";
import { startRun } from "./template-runs.ts";

export interface BackfillOrder {
  readonly backfillId: Uuid;
  readonly templateId: string;
  readonly version: number;
  readonly concurrencyMax: number;
  readonly runs: readonly { readonly at: Instant | null; readonly params: Readonly<Record<string, unknown>> }[];
  readonly requestDigest: string;
  readonly by: string;
  readonly at: Instant;
}

/** `same`: it was asked for before; `other`: with another body. */
export function insertBackfill(sql: Sql, order: BackfillOrder): Promise<"new" | "same" | "other"> {
  return sql.begin(async (tx) => {
    const rows = await tx`
      insert into backfill (backfill_id, template_id, version, concurrency_max, request_digest, created_by, created_at)
      values (${order.backfillId}::uuid, ${order.templateId}, ${order.version}::int, ${order.concurrencyMax}::int,
        ${order.requestDigest}, ${order.by}, ${order.at}::timestamptz)
      on conflict (backfill_id) do nothing returning backfill_id`;
    if (rows.length === 0) {
      const [known] = await tx<{ digest: string }>`
        select request_digest as digest from backfill where backfill_id = ${order.backfillId}::uuid`;
      return known?.digest === order.requestDigest ? "same" : "other";
    }
    await tx`
      insert into backfill_run (backfill_id, seq, at, params)
      select ${order.backfillId}::uuid, run.seq - 1, run.at, run.params
      from unnest(${array(order.runs.map(({ at }) => at))}::text::timestamptz[],
        ${array(order.runs.map(({ params }) => JSON.stringify(params)))}::text::text[]) with ordinality as run (at, params, seq)`;
    return "new";
  });
}

export interface BackfillRow {
  readonly backfillId: Uuid;
  readonly templateId: string;
  readonly version: number;
  readonly concurrencyMax: number;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly cancelledAt: Instant | null;
  readonly finishedAt: Instant | null;
}

const columns = `backfill_id as "backfillId", template_id as "templateId", version, concurrency_max as "concurrencyMax",
  created_by as "createdBy", ${instantText("created_at")} as "createdAt", ${instantText("cancelled_at")} as "cancelledAt",
  ${instantText("finished_at")} as "finishedAt"`;

export async function findBackfill(sql: Sql, backfillId: Uuid): Promise<BackfillRow | null> {
  const [row] = await sql.query<BackfillRow>(`select ${columns} from backfill where backfill_id = $1::uuid`, [
    backfillId,
  ]);
  return row ?? null;
}

/** Newest first. */
export function listBackfills(sql: Sql, countMax: number): Promise<BackfillRow[]> {
  return sql.query<BackfillRow>(
    `select ${columns} from backfill order by created_at desc, backfill_id desc limit $1::int`,
    [countMax],
  );
}

/** Runs by state, of each of the backfills; those that were not started are `waiting`. */
export async function countBackfillsRuns(
  sql: Sql,
  backfillIds: readonly Uuid[],
): Promise<Map<Uuid, Record<string, number>>> {
  const rows = await sql<{ backfillId: Uuid; state: string; count: number }>`
    select b.backfill_id as "backfillId", coalesce(r.state, 'waiting') as state, count(*)::int as count
    from backfill_run b left join template_run r on r.run_id = b.run_id
    where b.backfill_id = any(${array(backfillIds)}::text::uuid[]) group by 1, 2`;
  const counts = new Map<Uuid, Record<string, number>>(backfillIds.map((id) => [id, {}]));
  for (const { backfillId, state, count } of rows) Object.assign(counts.get(backfillId) ?? {}, { [state]: count });
  return counts;
}

export async function countBackfillRuns(sql: Sql, backfillId: Uuid): Promise<Record<string, number>> {
  return (await countBackfillsRuns(sql, [backfillId])).get(backfillId) ?? {};
}

export interface BackfillRunRow {
  readonly seq: number;
  readonly at: Instant | null;
  readonly params: JsonText;
  readonly runId: DatasetId | null;
  readonly state: string;
}

export function listBackfillRuns(
  sql: Sql,
  backfillId: Uuid,
  after: number,
  countMax: number,
): Promise<BackfillRunRow[]> {
  return sql.query<BackfillRunRow>(
    `select b.seq, ${instantText("b.at")} as at, b.params, b.run_id as "runId", coalesce(r.state, 'waiting') as state
      from backfill_run b left join template_run r on r.run_id = b.run_id
      where b.backfill_id = $1::uuid and b.seq > $2::int order by b.seq limit $3::int`,
    [backfillId, after, countMax],
  );
}

/** Starts no more. False: there is none that goes on. */
export async function markBackfillCancelled(sql: Sql, backfillId: Uuid, at: Instant): Promise<boolean> {
  const rows = await sql`
    update backfill set cancelled_at = ${at}::timestamptz
    where backfill_id = ${backfillId}::uuid and cancelled_at is null and finished_at is null returning backfill_id`;
  return rows.length > 0;
}

export async function unfinishedRunsOf(sql: Sql, backfillId: Uuid): Promise<DatasetId[]> {
  const rows = await sql<{ runId: DatasetId }>`
    select r.run_id as "runId" from backfill_run b join template_run r on r.run_id = b.run_id
    where b.backfill_id = ${backfillId}::uuid and r.finished_at is null`;
  return rows.map(({ runId }) => runId);
}

export async function goingBackfills(sql: Sql, countMax: number): Promise<Uuid[]> {
  const rows = await sql<{ backfillId: Uuid }>`
    select b.backfill_id as "backfillId" from backfill b join template t using (template_id)
    where b.finished_at is null and (not t.paused or b.cancelled_at is not null) order by b.created_at limit ${countMax}::int`;
  return rows.map(({ backfillId }) => backfillId);
}

export interface BackfillStep {
  readonly started: number;
  readonly isFinished: boolean;
}

/**
 * Starts as many runs as there is room for, and notes the end of the whole. One node at a time: another one that holds the row is let
 * go first (null).
 */
export function stepBackfill(
  sql: Sql,
  backfillId: Uuid,
  runIdOf: (seq: number) => DatasetId,
  at: Instant,
): Promise<BackfillStep | null> {
  return sql.begin(async (tx) => {
    const [row] = await tx.query<BackfillRow>(
      `select ${columns} from backfill where backfill_id = $1::uuid and finished_at is null for update skip locked`,
      [backfillId],
    );
    if (row === undefined) return null;
    const going = (await unfinishedRunsOf(tx, backfillId)).length;
    const room = row.cancelledAt === null ? Math.max(row.concurrencyMax - going, 0) : 0;
    const waiting =
      row.cancelledAt !== null
        ? []
        : await tx<{ seq: number; forAt: Instant | null; params: string }>`
      select seq, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "forAt", params from backfill_run
      where backfill_id = ${backfillId}::uuid and run_id is null order by seq limit ${room + 1}::int`;
    for (const { seq, forAt, params } of waiting.slice(0, room)) {
      const runId = runIdOf(seq);
      const { templateId, version, createdBy } = row;
      await startRun(tx, {
        ...{ runId, templateId, version, source: "backfill", sourceKey: `${backfillId}/${seq}` },
        params: parseJson(params) as Record<string, unknown>, // written by us
        ...{ triggeredBy: createdBy, forAt, at },
      });
      await tx`update backfill_run set run_id = ${runId}::uuid where backfill_id = ${backfillId}::uuid and seq = ${seq}::int`;
    }
    const isFinished = going === 0 && waiting.length === 0;
    if (isFinished)
      await tx`update backfill set finished_at = ${at}::timestamptz where backfill_id = ${backfillId}::uuid`;
    return { started: Math.min(waiting.length, room), isFinished };
  });
}
