/** The history of a plan and of its products, from the event rows: who changed what, when and why. By key, the newest turn first. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import { inOrder } from "./in-order.ts";
import type { Change } from "./plan-store.ts";
import type { Sql } from "./sql.ts";

export interface PastTurn {
  readonly revision: number;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  /** At most those of the first part of a large turn, unless one product was asked for. */
  readonly changes: readonly Change[];
  /** The turn changed more than is listed. */
  readonly isCut: boolean;
}

export interface PastPage {
  readonly turns: PastTurn[];
  /** Turns below it come next; null: there are none. */
  readonly next: number | null;
}

/** Turns that one page may look at, in search of those that touched a product. */
const seenMax = 5_000;

/** All turns of a plan, those that changed no product too. */
export async function planHistory(
  sql: Sql,
  datasetId: DatasetId,
  below: number | null,
  limit: number,
): Promise<PastPage> {
  const rows = await inOrder(
    sql,
    (tx) => tx<EventColumns & { isCut: boolean }>`
    select revision, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at", service, cause, changes,
      exists (select 1 from event more
        where more.dataset_id = event.dataset_id and more.revision = event.revision and more.part = 1) as "isCut"
    from event
    where dataset_id = ${datasetId}::uuid and revision < ${below ?? Number.MAX_SAFE_INTEGER}::bigint and part = 0
    order by revision desc limit ${limit + 1}::int`,
  );
  const turns = rows.slice(0, limit).map((row) => ({ ...row, changes: changesOf(row.changes) }));
  return { turns, next: rows.length > limit ? (turns.at(-1)?.revision ?? null) : null };
}

/** Turns that changed the product, or (null) the dataset itself, each with its changes of that one only. */
export async function productHistory(
  sql: Sql,
  datasetId: DatasetId,
  productId: ProductId | null,
  below: number | null,
  limit: number,
): Promise<PastPage> {
  const rows = await inOrder(
    sql,
    (tx) => tx<Walked & (EventColumns | NoEvent)>`
    with seen as materialized (
      select revision, part, at, service, cause, changes from event
      where dataset_id = ${datasetId}::uuid and revision < ${below ?? Number.MAX_SAFE_INTEGER}::bigint
      order by revision desc, part desc limit ${seenMax}),
    matched as (
      select * from seen where position(${mentionOf(productId)} in changes) > 0 order by revision desc, part desc limit ${limit + 1}::int),
    last as (select min(revision) as revision, count(*)::int as n from seen)
    select last.revision as "lastRevision", last.n as "seen", m.revision, m.service, m.cause, m.changes,
      to_char(m.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"
    from last left join matched m on true order by m.revision desc, m.part desc`,
  );
  const [first] = rows;
  const found = rows.flatMap((row): PastTurn[] => {
    if (row.revision === null) return [];
    const { revision, at, service, cause } = row;
    const changes = changesOf(row.changes).filter((change) => change.productId === productId);
    return [{ revision, at, service, cause, changes, isCut: false }];
  });
  const isGivenUp = first !== undefined && first.seen >= seenMax;
  // A turn of many parts is on one page: the rest of it may be on the other side of a bound.
  const bound = found.length > limit ? (found[limit]?.revision ?? 0) : isGivenUp ? first.lastRevision : null;
  if (bound === null) return { turns: found, next: null };
  const turns = found.filter((turn) => turn.revision > bound);
  if (turns.length > 0 || found.length === 0) return { turns, next: bound + 1 };
  return { turns: found.map((turn) => ({ ...turn, isCut: true })), next: bound };
}

/** The first turn after `above` that changed the product, or (null) the dataset itself; null: none of the next 5,000 did. */
export async function nextTurnOf(
  sql: Sql,
  datasetId: DatasetId,
  productId: ProductId | null,
  above: number,
): Promise<number | null> {
  const [row] = await inOrder(
    sql,
    (tx) => tx<{ revision: number }>`
    with seen as materialized (
      select revision, changes from event where dataset_id = ${datasetId}::uuid and revision > ${above}::bigint
      order by revision, part limit ${seenMax})
    select revision from seen where position(${mentionOf(productId)} in changes) > 0 order by revision limit 1`,
  );
  return row?.revision ?? null;
}

/** How a change of it begins in `changes`. */
const mentionOf = (productId: ProductId | null): string => (productId === null ? "[null," : `"${productId}"`);

interface Walked {
  readonly lastRevision: number;
  readonly seen: number;
}

interface NoEvent {
  readonly revision: null;
}

interface EventColumns {
  readonly revision: number;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  readonly changes: string;
}

/** `[productId, from, to]`, and why where the cause does not tell; only the group commit writes them. */
function changesOf(text: string): Change[] {
  const list = JSON.parse(text) as [Change["productId"], Change["from"], Change["to"], string?][];
  return list.map(([productId, from, to, why]) => ({ productId, from, to, ...(why !== undefined && { why }) }));
}
