/**
 * Partitions that one node at a time reads: leases by the database's clock, fenced by a token that only grows, and how far each is done.
 * A commit with a superseded token changes nothing and says so.
 */
import { array, type Sql } from "./sql.ts";

export interface PartitionLease {
  readonly partition: string;
  readonly token: number;
}

export interface HeldPartition extends PartitionLease {
  /** Where to begin. */
  readonly nextOffset: number;
}

export interface PartitionAsk {
  readonly flow: string;
  readonly nodeId: string;
  readonly leaseMs: number;
  /** Those that may be taken. */
  readonly partitions: readonly string[];
  readonly countMax: number;
}

/**
 * Takes partitions that nobody holds, in the order of their names; new ones begin at 0. What this node holds by the store it takes again, under a
 * new token: ask for none that it knows it holds.
 */
export async function takeFlowPartitions(sql: Sql, ask: PartitionAsk): Promise<HeldPartition[]> {
  if (ask.partitions.length === 0 || ask.countMax <= 0) return [];
  return await sql.begin(async (tx) => {
    await tx`
      insert into flow_partition (flow, partition, next_offset, token, modified_at)
      select ${ask.flow}, name, 0, 0, now() from unnest(${array(ask.partitions)}::text::text[]) as asked (name) order by name
      on conflict do nothing`;
    return await tx<HeldPartition>`
      with free as materialized (
        select partition as name from flow_partition
        where flow = ${ask.flow} and partition = any(${array(ask.partitions)}::text::text[])
          and (lease_until is null or lease_until <= now() or node = ${ask.nodeId})
        order by partition limit ${ask.countMax}::int for update skip locked)
      update flow_partition set token = token + 1, node = ${ask.nodeId}, modified_at = now(),
        lease_until = now() + ${ask.leaseMs}::float8 * interval '1 millisecond'
      from free where flow = ${ask.flow} and partition = name
      returning partition, token, next_offset as "nextOffset"`;
  });
}

/** Renews leases; returns the partitions that are still held. */
export async function renewFlowPartitions(
  sql: Sql,
  flow: string,
  leases: readonly PartitionLease[],
  leaseMs: number,
): Promise<ReadonlySet<string>> {
  if (leases.length === 0) return new Set();
  const rows = await sql<{ partition: string }>`
    with held as (
      select * from unnest(${array(leases.map((lease) => lease.partition))}::text::text[],
        ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (name, held_token)),
    locked as materialized (
      select partition as name from held join flow_partition on flow = ${flow} and partition = name and token = held_token
      order by partition for update of flow_partition)
    update flow_partition set lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
    from locked where flow = ${flow} and partition = name
    returning partition`;
  return new Set(rows.map((row) => row.partition));
}

/** False: the lease has passed to another holder, and nothing is changed. */
export async function commitFlowPartition(
  sql: Sql,
  flow: string,
  { partition, token }: PartitionLease,
  nextOffset: number,
): Promise<boolean> {
  const rows = await sql`
    update flow_partition set next_offset = ${nextOffset}::bigint, modified_at = now()
    where flow = ${flow} and partition = ${partition} and token = ${token}::bigint
    returning partition`;
  return rows.length > 0;
}

/** Gives partitions up at once, so that another node need not wait for their leases to end. */
export async function releaseFlowPartitions(sql: Sql, flow: string, leases: readonly PartitionLease[]): Promise<void> {
  if (leases.length === 0) return;
  await sql`
    update flow_partition set lease_until = null, node = null
    from unnest(${array(leases.map((lease) => lease.partition))}::text::text[],
      ${array(leases.map((lease) => lease.token))}::text::bigint[]) as held (name, held_token)
    where flow = ${flow} and partition = name and token = held_token`;
}

/** How far each of these partitions is; those that nobody has read yet are left out. */
export async function flowOffsets(
  sql: Sql,
  flow: string,
  partitions: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ partition: string; nextOffset: number }>`
    select partition, next_offset as "nextOffset" from flow_partition
    where flow = ${flow} and partition = any(${array(partitions)}::text::text[])`;
  return new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset]));
}

/** For a process that is alone on its store: whatever was held, was held by an earlier run of it. */
export async function releaseAllFlowPartitions(sql: Sql): Promise<void> {
  await sql`update flow_partition set lease_until = null, node = null where lease_until is not null`;
}
