/**
 * The outbox of plans: which turns changed something, for flows that read them. A trigger on `event` notes each one in the transaction that commits it,
 * so none is missed; there is no trigger, and no cost, until a flow asks. (Measured: 5 to 6 µs of Postgres for each event row.)
 *
 * Their order: each row gets its place when somebody first sees it committed, under a lock, by one after the other. Whatever commits late so comes
 * late, and is never skipped; no open transaction holds up the others. Of one dataset the order is that of its revisions: the later one was committed
 * after the earlier one, so whoever sees it sees both, and its id was drawn when it held the dataset's lock.
 */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import { instantText } from "./instants.ts";
import type { Prune } from "./retention.ts";
import { array, type Sql } from "./sql.ts";

/** The partition of every flow that reads plans. */
export const plansPartition = "plans";
/** An event row has at most 1,000 changes: a change's offset is its row's place times this, and its index. */
export const changesPerPlace = 1024;

/** "orrery plans", as a key of an advisory lock. */
const lockKey = 0x6f72_706c;
/** Whoever commits a plan waits behind the trigger's lock: the next try will do. */
const patience = "set local lock_timeout = '2s'";
/** Rows that get their places at once. */
const placesMax = 5_000;
/** What no flow has read for so long is dropped. */
export const flowEventDays = 7;

/**
 * Begins to note what plans do, and lets a new flow begin there. Safe to call on any number of nodes at once. Throws an `SqlError` of fault `retry` while the
 * lock cannot be had.
 */
export async function beginFlowEvents(sql: Sql, flow: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.script(patience);
    await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey]);
    if (!(await hasTrigger(tx)))
      await tx.script(`create trigger flow_event_note after insert on event
        referencing new table as added for each statement execute function flow_event_note()`);
    while ((await place(tx)) === placesMax) {
      // What is there already came before this flow.
    }
    await tx`
      insert into flow_partition (flow, partition, next_offset, token, modified_at)
      select ${flow}, ${plansPartition}, (case when is_called then last_value + 1 else last_value end) * ${changesPerPlace}::bigint, 0, now()
      from flow_event_place
      on conflict (flow, partition) do update set modified_at = excluded.modified_at`;
  });
}

async function hasTrigger(tx: Sql): Promise<boolean> {
  const rows = await tx`
    select 1 from pg_trigger where tgrelid = 'event'::regclass and tgname = 'flow_event_note'`;
  return rows.length > 0;
}

/** Under the lock. Returns how many got a place. */
async function place(tx: Sql): Promise<number> {
  const rows = await tx`
    with unread as materialized (
      select id, nextval('flow_event_place') as place
      from (select id from flow_event where seq is null order by id limit ${placesMax}::int) as first)
    update flow_event set seq = place from unread where flow_event.id = unread.id and seq is null returning 1`;
  return rows.length;
}

export interface FlowEvent {
  readonly seq: number;
  readonly datasetId: DatasetId;
  readonly revision: number;
  /** A turn of more than 1,000 changes has several, from 0. */
  readonly part: number;
  readonly at: Instant;
  readonly service: string;
  readonly cause: string;
  /** JSON. */
  readonly changes: string;
}

/** Those from place `from` on, in order, with what is new among them. */
export async function readFlowEvents(sql: Sql, from: number, countMax: number): Promise<FlowEvent[]> {
  const unread = await sql`select 1 from flow_event where seq is null limit 1`;
  if (unread.length > 0)
    await sql.begin(async (tx) => {
      await tx.script(patience);
      await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey]);
      await place(tx);
    });
  return await sql.query<FlowEvent>(
    `select seq, e.dataset_id as "datasetId", e.revision, e.part,
        ${instantText("e.at")} as at, service, cause, changes
      from flow_event f join event e on e.dataset_id = f.dataset_id and e.revision = f.revision and e.part = f.part
      where seq >= $1::bigint order by seq limit $2::int`,
    [from, countMax],
  );
}

export type FlowProduct = Pick<
  ProductRow,
  "productId" | "name" | "version" | "state" | "link" | "passback" | "passthrough"
> & {
  readonly datasetId: DatasetId;
};

export function productsOfChanges(
  sql: Sql,
  changes: readonly { readonly datasetId: DatasetId; readonly productId: ProductId }[],
): Promise<FlowProduct[]> {
  return sql<FlowProduct>`
    select product.dataset_id as "datasetId", product.product_id as "productId", name, version, state, link, passback, passthrough
    from unnest(${array(changes.map((change) => change.datasetId))}::text::uuid[],
      ${array(changes.map((change) => change.productId))}::text::uuid[]) as wanted (dataset_id, product_id)
    join product on product.dataset_id = wanted.dataset_id and product.product_id = wanted.product_id`;
}

/** Removes what every flow has passed, at most `countMax`. */
export async function dropReadFlowEvents(sql: Sql, countMax: number): Promise<void> {
  await sql`
    delete from flow_event where seq in (
      select seq from flow_event
      where seq < (select min(next_offset) / ${changesPerPlace}::bigint from flow_partition where partition = ${plansPartition})
      order by seq limit ${countMax}::int)`;
}

/** Removes what no flow has read for so long: it may be no more. */
export const pruneFlowEvents: Prune = async (sql, ageS, countMax) => {
  const rows = await sql`
    delete from flow_event where id in (
      select id from flow_event where at < now() - ${ageS}::float8 * interval '1 second' limit ${countMax}::int) returning 1`;
  return rows.length;
};

/** Notes no more where no flow has read plans for a week: one that comes back begins there, and misses what was between. */
export async function endFlowEvents(sql: Sql): Promise<void> {
  if (!(await hasTrigger(sql))) return;
  await sql.begin(async (tx) => {
    await tx.script(patience);
    await tx.query("select pg_advisory_xact_lock($1::bigint)", [lockKey]);
    const readers = await tx`
      select 1 from flow_partition where partition = ${plansPartition}
        and greatest(modified_at, lease_until) > now() - ${flowEventDays}::int * interval '1 day' limit 1`;
    if (readers.length === 0) await tx.script("drop trigger if exists flow_event_note on event");
  });
}
