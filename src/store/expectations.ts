/** What plans expect of products: the part of the group commit that writes it, and the deadlines that have passed. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** A product's expectations; both null: there are none. */
export interface ExpectationChange {
  readonly productId: ProductId;
  readonly deadlineAt: Instant | null;
  readonly check: JsonText | null;
}

/** A deadline that stays the same keeps what became of it. */
export const expectationPart = {
  columns: { dataset_id: "uuid", product_id: "uuid", deadline_at: "timestamptz", schema: "text" },
  sql: `new_expectation as materialized (
      select * from $* as x
      where (dataset_id in (select dataset_id from won)) is true),
    put_expectation as (
      insert into expectation (dataset_id, product_id, deadline_at, "check", is_pending)
      select dataset_id, product_id, deadline_at, schema, deadline_at is not null from new_expectation
      where deadline_at is not null or schema is not null
      on conflict (dataset_id, product_id) do update set deadline_at = excluded.deadline_at, "check" = excluded."check",
        is_pending = case when expectation.deadline_at is not distinct from excluded.deadline_at
          then expectation.is_pending else excluded.is_pending end,
        missed_at = case when expectation.deadline_at is not distinct from excluded.deadline_at then expectation.missed_at end),
    drop_expectation as (
      delete from expectation using new_expectation n
      where expectation.dataset_id = n.dataset_id and expectation.product_id = n.product_id
        and n.deadline_at is null and n.schema is null)`,
} as const;

export const expectationColumns = (change: ExpectationChange, datasetId: DatasetId): SqlValue[] => [
  datasetId,
  change.productId,
  change.deadlineAt,
  change.check,
];

/** One expectation, for people; null when the product has none. */
export async function findExpectation(
  sql: Sql,
  datasetId: DatasetId,
  productId: ProductId,
): Promise<{ deadlineAt: Instant | null; missedAt: Instant | null; check: JsonText | null } | null> {
  const [row] = await sql<{ deadlineAt: Instant | null; missedAt: Instant | null; check: JsonText | null }>`
    select to_char(deadline_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "deadlineAt",
      to_char(missed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "missedAt", "check" as "check"
    from expectation where dataset_id = ${datasetId}::uuid and product_id = ${productId}::uuid`;
  return row ?? null;
}
