/** Runs of templates: asked for once, listed, and what their products' states come to. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { enqueueInstantiation } from "./instantiations.ts";
import { instantText } from "./instants.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

export const runSources = ["cron", "manual", "backfill", "pass", "replay", "api"] as const;
export type RunSource = (typeof runSources)[number];
export const runStates = ["running", "success", "failed", "paused", "cancelled"] as const;
export type RunState = (typeof runStates)[number];

export interface RunOrder {
  readonly runId: DatasetId;
  readonly templateId: string;
  readonly version: number;
  readonly source: RunSource;
  readonly sourceKey: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly triggeredBy: string;
  /** The time that the run is for. */
  readonly forAt: Instant | null;
  readonly at: Instant;
  /** Whoever asks publishes the plan itself: its job comes only then, should that have been in vain. */
  readonly planInMs?: number;
}

/**
 * A run, and the job that publishes its plan, in the caller's transaction. False: the same source asked before, or there is such a
 * run: nothing is changed.
 */
export async function startRun(tx: Sql, order: RunOrder): Promise<boolean> {
  if (!(await insertRun(tx, order))) return false;
  const { runId: datasetId, templateId, version, source, sourceKey, params, at, planInMs: delayMs = 0 } = order;
  await enqueueInstantiation(tx, {
    source: `run.${source}`,
    sourceKey,
    templateId,
    version,
    datasetId,
    params,
    at,
    delayMs,
  });
  return true;
}

export async function insertRun(tx: Sql, order: RunOrder): Promise<boolean> {
  const rows = await tx`
    insert into template_run (run_id, template_id, version, source, source_key, params, triggered_by, at, created_at, state)
    values (${order.runId}::uuid, ${order.templateId}, ${order.version}::int, ${order.source}, ${order.sourceKey},
      ${JSON.stringify(order.params)}, ${order.triggeredBy}, ${order.forAt}::timestamptz, ${order.at}::timestamptz, 'running')
    on conflict do nothing returning run_id`;
  return rows.length > 0;
}

export interface RunRow {
  readonly runId: DatasetId;
  readonly templateId: string;
  readonly version: number;
  readonly source: RunSource;
  readonly sourceKey: string;
  readonly params: JsonText;
  readonly triggeredBy: string;
  readonly forAt: Instant | null;
  readonly createdAt: Instant;
  readonly cancelledAt: Instant | null;
  readonly state: RunState;
  readonly finishedAt: Instant | null;
}

const columns = `run_id as "runId", template_id as "templateId", version, source, source_key as "sourceKey", params,
  triggered_by as "triggeredBy", ${instantText("at")} as "forAt", ${instantText("created_at")} as "createdAt",
  ${instantText("cancelled_at")} as "cancelledAt", state, ${instantText("finished_at")} as "finishedAt"`;

export async function findRun(sql: Sql, runId: DatasetId): Promise<RunRow | null> {
  const [row] = await sql.query<RunRow>(`select ${columns} from template_run where run_id = $1::uuid`, [runId]);
  return row ?? null;
}

export interface RunFilter {
  readonly templateId: string | null;
  readonly state: RunState | null;
  /** Runs that come after this one in the list. */
  readonly after: { readonly createdAt: Instant; readonly runId: DatasetId } | null;
  readonly limit: number;
}

/** Newest first; `hasMore`: there is another page. */
export async function listRuns(sql: Sql, filter: RunFilter): Promise<{ rows: RunRow[]; hasMore: boolean }> {
  const values: SqlValue[] = [];
  const value = (given: SqlValue): string => `$${values.push(given)}`;
  const conditions = [
    ...(filter.templateId === null ? [] : [`template_id = ${value(filter.templateId)}`]),
    ...(filter.state === null ? [] : [`state = ${value(filter.state)}`]),
    ...(filter.after === null
      ? []
      : [`(created_at, run_id) < (${value(filter.after.createdAt)}::timestamptz, ${value(filter.after.runId)}::uuid)`]),
  ];
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  const rows = await sql.query<RunRow>(
    `select ${columns} from template_run ${where} order by created_at desc, run_id desc limit ${value(filter.limit + 1)}::int`,
    values,
  );
  return { rows: rows.slice(0, filter.limit), hasMore: rows.length > filter.limit };
}

/** The newest run of each of the templates that has one. */
export function latestRuns(sql: Sql, templateIds: readonly string[]): Promise<RunRow[]> {
  return sql.query<RunRow>(
    `select run.* from unnest($1::text::text[]) as asked (id)
     join lateral (
       select ${columns} from template_run where template_id = asked.id order by created_at desc, run_id desc limit 1) as run on true`,
    [array(templateIds)],
  );
}

export type TaskCounts = Readonly<Record<string, number>>;

/** How many products of each run are in each state; a run without a plan yet is absent. */
export async function countTasks(sql: Sql, runIds: readonly DatasetId[]): Promise<Map<DatasetId, TaskCounts>> {
  const rows = await sql<{ datasetId: DatasetId; state: string; count: number }>`
    select dataset_id as "datasetId", state, count(*)::int as count from product
    where dataset_id = any(${array(runIds)}::text::uuid[]) group by dataset_id, state`;
  const counts = new Map<DatasetId, Record<string, number>>();
  for (const { datasetId, state, count } of rows) {
    const of = counts.get(datasetId) ?? {};
    of[state] = count;
    counts.set(datasetId, of);
  }
  return counts;
}

/** Notes that a run is cancelled, also one whose plan is not there yet: it will not be published. */
export async function markRunCancelled(sql: Sql, runId: DatasetId, at: Instant): Promise<RunRow | null> {
  const [row] = await sql.query<RunRow>(
    `update template_run set cancelled_at = $2::timestamptz, state = 'cancelled',
      finished_at = coalesce(finished_at, $2::timestamptz) where run_id = $1::uuid returning ${columns}`,
    [runId, at],
  );
  return row ?? null;
}

/** Somebody began a cancelled run anew, by a turn at that time. */
export async function unmarkRunsCancelled(
  sql: Sql,
  turns: readonly { readonly runId: DatasetId; readonly at: Instant }[],
): Promise<void> {
  await sql`update template_run r set cancelled_at = null
    from unnest(${array(turns.map(({ runId }) => runId))}::text::uuid[], ${array(turns.map(({ at }) => at))}::text::timestamptz[])
      as turn (run_id, at)
    where r.run_id = turn.run_id and r.cancelled_at < turn.at`;
}

/** A run whose plan cannot be made. */
export async function markRunFailed(sql: Sql, runId: DatasetId, at: Instant): Promise<void> {
  await sql`update template_run set state = 'failed', finished_at = coalesce(finished_at, ${at}::timestamptz)
    where run_id = ${runId}::uuid`;
}

/**
 * What the products come to: failed when nothing goes on any more and something failed, success when all that is not disabled is.
 * A run without a plan is running, as its job is on its way; or its plan could not be made, and it was said to be failed.
 */
const judged = `case
    when r.cancelled_at is not null and coalesce(s.going, 0) = 0 then 'cancelled'
    when s.total is null then case when r.state = 'failed' then 'failed' else 'running' end
    when s.going = 0 and s.failed > 0 then 'failed'
    when s.going = 0 and s.waiting = 0 then 'success'
    when d.paused then 'paused'
    else 'running' end`;

export interface SeenRun {
  readonly runId: DatasetId;
  readonly state: RunState;
  /** It was found finished, and had not been. */
  readonly hasFinished: boolean;
}

/** Looks again at the runs that `which` selects, and notes what it sees. Returns all that there are. */
async function refresh(sql: Sql, which: string, values: SqlValue[]): Promise<SeenRun[]> {
  return await sql.query<SeenRun>(
    `with asked as materialized (${which}),
    seen as materialized (
      select r.run_id, r.finished_at is not null as was_finished, r.state as old_state, r.seen_revision as old_revision,
        coalesce(h.revision, 0) as revision, ${judged} as state
      from asked join template_run r using (run_id)
      left join dataset_head h on h.dataset_id = r.run_id
      left join dataset d on d.dataset_id = r.run_id
      left join lateral (
        select count(*) as total, count(*) filter (where p.state = 'failed') as failed,
          count(*) filter (where p.state = 'waiting') as waiting,
          count(*) filter (where p.state in ('queued', 'running')) as going
        from product p where p.dataset_id = r.run_id having count(*) > 0) s on true),
    moved as (
      update template_run r set state = seen.state, seen_revision = seen.revision,
        finished_at = case when seen.state in ('running', 'paused') then null
          else coalesce(r.finished_at, clock_timestamp()) end
      from seen where seen.run_id = r.run_id
        and (seen.old_state <> seen.state or seen.old_revision <> seen.revision))
    select run_id as "runId", state, not was_finished and state not in ('running', 'paused') as "hasFinished" from seen`,
    values,
  );
}

/** Those of them that are runs. */
export function refreshRuns(sql: Sql, runIds: readonly DatasetId[]): Promise<SeenRun[]> {
  return refresh(
    sql,
    `select run_id from template_run where run_id = any($1::text::uuid[]) order by run_id for update`,
    [array(runIds)],
  );
}

/** Unfinished runs whose plan has moved since they were looked at: what a node's end has left. */
export function refreshStaleRuns(sql: Sql, countMax: number): Promise<SeenRun[]> {
  return refresh(
    sql,
    `select r.run_id from template_run r join dataset_head h on h.dataset_id = r.run_id
      where r.finished_at is null and h.revision <> r.seen_revision
      order by r.template_id, r.run_id limit $1::int for update of r skip locked`,
    [countMax],
  );
}

/** Looks at a template's unfinished runs: how many are left, and which it found finished. */
export async function countUnfinished(
  tx: Sql,
  templateId: string,
): Promise<{ readonly count: number; readonly finished: readonly SeenRun[] }> {
  const seen = await refresh(
    tx,
    `select r.run_id from template_run r join dataset_head h on h.dataset_id = r.run_id
      where r.finished_at is null and r.template_id = $1 and h.revision <> r.seen_revision
      order by r.run_id limit 1000 for update of r skip locked`,
    [templateId],
  );
  const [row] = await tx<{ count: number }>`
    select count(*)::int as count from template_run where template_id = ${templateId} and finished_at is null`;
  return { count: row?.count ?? 0, finished: seen.filter(({ hasFinished }) => hasFinished) };
}
