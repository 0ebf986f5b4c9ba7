/** The store of plans by SQL: loads, revision checks, look-ups of turns and answers. Writing is in plan-commit.ts. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { DependencyRow, Expectation, PlanRows, ProductRow } from "../model/plan.ts";
import { commitSteps } from "./plan-commit.ts";
import type { PlanStore } from "./plan-store.ts";
import { array, type Sql } from "./sql.ts";

/** How long a stored answer is given again. */
const answerHours = 24;

export function createPlanStore(sql: Sql): PlanStore {
  return {
    load: (datasetIds) => loadPlans(sql, datasetIds),
    revisions: (datasetIds) => revisionsOf(sql, datasetIds),
    commit: (steps) => commitSteps(sql, steps),
    findTurn: (datasetId, revision, turnId) => findTurn(sql, datasetId, revision, turnId),
    findAnswer: (key) => findAnswer(sql, key),
  };
}

interface LoadedRow {
  readonly datasetId: DatasetId;
  readonly revision: number;
  readonly paused: boolean;
  readonly extra: string | null;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
  /** JSON arrays of rows; client JSON inside is text. */
  readonly products: string | null;
  readonly dependencies: string | null;
  readonly expectations: string | null;
}

/** One statement reads dataset, products and edges: a torn read under a fresh revision would pass for current. */
async function loadPlans(sql: Sql, datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, PlanRows>> {
  const rows = await sql<LoadedRow>`
    select h.dataset_id as "datasetId", h.revision, d.paused, d.extra, d.modified_by as "modifiedBy",
      to_char(d.modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "modifiedAt",
      products.list as products, dependencies.list as dependencies,
      expectations.list as expectations
    from unnest(${array(datasetIds)}::text::uuid[]) as asked (dataset_id)
    join dataset_head h on h.dataset_id = asked.dataset_id
    join dataset d on d.dataset_id = h.dataset_id
    left join lateral (
      select json_agg(json_build_object('productId', product_id, 'compute', compute, 'name', name, 'version', version,
        'eager', eager, 'passthrough', passthrough, 'extra', extra, 'state', state, 'runId', run_id, 'link', link,
        'passback', passback, 'jobId', job_id, 'modifiedBy', modified_by, 'modifiedAt',
        to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))::text as list
      from product where product.dataset_id = h.dataset_id) as products on true
    left join lateral (
      select json_agg(json_build_object('parentId', parent_id, 'childId', child_id, 'extra', extra,
        'modifiedBy', modified_by, 'modifiedAt',
        to_char(modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))::text as list
      from dependency where dependency.dataset_id = h.dataset_id) as dependencies on true
    left join lateral (
      select json_agg(json_build_object('productId', product_id, 'check', "check", 'deadlineAt',
        to_char(deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))::text as list
      from expectation where expectation.dataset_id = h.dataset_id) as expectations on true`;
  return new Map(rows.map((row) => [row.datasetId, planOf(row)]));
}

function planOf(row: LoadedRow): PlanRows {
  const { datasetId, revision, paused, extra, modifiedBy, modifiedAt } = row;
  return {
    revision,
    dataset: { datasetId, paused, extra, modifiedBy, modifiedAt },
    // Our own statement wrote these texts, with the fields of the rows as keys.
    products: JSON.parse(row.products ?? "[]") as ProductRow[],
    dependencies: JSON.parse(row.dependencies ?? "[]") as DependencyRow[],
    ...(row.expectations !== null && {
      expectations: JSON.parse(row.expectations) as (Expectation & { productId: ProductId })[],
    }),
  };
}

async function revisionsOf(sql: Sql, datasetIds: readonly DatasetId[]): Promise<Map<DatasetId, number>> {
  const rows = await sql<{ datasetId: DatasetId; revision: number }>`
    select dataset_id as "datasetId", revision from dataset_head
    where dataset_id = any(${array(datasetIds)}::text::uuid[])`;
  return new Map(rows.map((row) => [row.datasetId, row.revision]));
}

/**
 * Waits for a ghost of our own, which may still hold the row (an update) or the key (an insert), by asking for both in a
 * transaction that is rolled back; then nothing can change what the event table says.
 */
async function findTurn(sql: Sql, datasetId: DatasetId, revision: number, turnId: string): Promise<boolean> {
  let found = false;
  try {
    await sql.begin(async (tx) => {
      await tx`insert into dataset_head (dataset_id, revision, modified_at) values (${datasetId}::uuid, 0, now())
        on conflict (dataset_id) do nothing`;
      await tx`select 1 from dataset_head where dataset_id = ${datasetId}::uuid for update`;
      const rows = await tx`select 1 from event
        where dataset_id = ${datasetId}::uuid and revision = ${revision}::bigint and turn_id = ${turnId}::uuid`;
      found = rows.length > 0;
      throw rollBack;
    });
  } catch (error) {
    if (error !== rollBack) throw error;
  }
  return found;
}

const rollBack = new Error("rolled back: this transaction only asks");

async function findAnswer(sql: Sql, key: Parameters<PlanStore["findAnswer"]>[0]): ReturnType<PlanStore["findAnswer"]> {
  const [row] = await sql<{ digest: string; answer: string }>`
    select digest, answer from idempotency
    where scope = ${key.scope}::uuid and service = ${key.service} and route = ${key.route} and key = ${key.key}
      and at > now() - ${answerHours}::float8 * interval '1 hour'`;
  return row ?? null;
}
