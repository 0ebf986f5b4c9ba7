/** What a flow knows of the passes that it reads: which are there for it to take, and how each stands. */
import type { PassArchive, PassId } from "../model/pass.ts";
import { array, type Sql } from "./sql.ts";

/** The offset of a partition that is done with for good: it is not looked at again. */
export const doneOffset = Number.MAX_SAFE_INTEGER;

/** Notes when the flow was first started, if that is now. */
export async function noteFlowStart(sql: Sql, flow: string): Promise<void> {
  await sql`insert into flow_start (flow, started_at) values (${flow}, now()) on conflict do nothing`;
}

export interface FlowPassAsk {
  readonly flow: string;
  readonly ships: readonly string[];
  /** Also those that opened before the flow was first started. */
  readonly earliest: boolean;
  readonly nodeId: string;
  /** All nodes read the same hot store. */
  readonly isHotShared: boolean;
  /** Those with an archive, or those without. */
  readonly archived: boolean;
  /** Of the last so many days, by their AOS. */
  readonly days: number;
  readonly after: FlowPass | null;
  readonly countMax: number;
}

export interface FlowPass {
  readonly passId: PassId;
  readonly ship: string;
  readonly aosMs: number;
  /** Null: it is not archived. */
  readonly path: string | null;
}

/** Passes that opened their port, that the flow is not done with and that nobody reads for it now: the oldest first. */
export function listFlowPasses(sql: Sql, ask: FlowPassAsk): Promise<FlowPass[]> {
  const { flow, ships, after } = ask;
  return sql<FlowPass>`
    select pass_id as "passId", ship, (extract(epoch from aos) * 1000)::float8 as "aosMs", archive::json ->> 'path' as path
    from pass
    where ship = any(${array(ships)}::text::text[]) and aos > now() - ${ask.days}::float8 * interval '1 day'
      and opened_at >= case when ${ask.earliest}::boolean then '-infinity'::timestamptz
        else (select started_at from flow_start where flow = ${flow}) end
      and (archive is not null) = ${ask.archived}::boolean and archive_removed_at is null
      and (archive is not null or ${ask.isHotShared}::boolean or node = ${ask.nodeId}
        or (node is null and state in ('completed', 'failed', 'cancelled', 'missed')))
      and (aos, pass_id) > (to_timestamp(${after?.aosMs ?? 0}::float8 / 1000), ${after?.passId ?? noPass}::uuid)
      and not exists (
        select 1 from flow_partition p where p.flow = ${flow} and p.partition = pass_id::text
          and (p.next_offset = ${doneOffset}::bigint or p.lease_until > now()))
    order by aos, pass_id limit ${ask.countMax}::int`;
}

const noPass = "00000000-0000-0000-0000-000000000000";

export interface PassStanding {
  readonly passId: PassId;
  /** The node that receives it, or receives it no more; null: none does. */
  readonly node: string | null;
  readonly archive: PassArchive | null;
  readonly isRemoved: boolean;
  /** It has ended, and its archive is written or will never be. */
  readonly isOver: boolean;
  /** What its holder has accounted for; null: nothing yet. */
  readonly checkpoint: {
    readonly token: number;
    readonly entry: number;
    /** Entries of that token that must not be there. */
    readonly givenUp: readonly number[];
  } | null;
  /** Packets that it has stored, as far as is known. */
  readonly stored: number;
}

interface StoredStanding extends Omit<PassStanding, "archive" | "checkpoint" | "stored"> {
  readonly archive: string | null;
  readonly token: number | null;
  readonly entry: number | null;
  readonly givenUp: string | null;
  readonly stored: number | null;
}

export async function passStandings(sql: Sql, passIds: readonly PassId[]): Promise<PassStanding[]> {
  if (passIds.length === 0) return [];
  const rows = await sql<StoredStanding>`
    select pass.pass_id as "passId", node, archive, archive_removed_at is not null as "isRemoved",
      state in ('completed', 'failed', 'cancelled', 'missed')
        and (archive is not null or node is null or coalesce(lease_until <= now(), true)) as "isOver",
      (checkpoint::json ->> 'token')::bigint as token, (checkpoint::json ->> 'entry')::bigint as entry,
      checkpoint::json ->> 'givenUp' as "givenUp", (counters::json ->> 'stored')::bigint as stored
    from pass left join pass_progress on pass_progress.pass_id = pass.pass_id
    where pass.pass_id = any(${array(passIds)}::text::uuid[])`;
  return rows.map(({ archive: text, token, entry, givenUp, stored, ...row }) => {
    // Written by us as JSON of these types.
    const archive = text === null ? null : (JSON.parse(text) as PassArchive);
    const gone = JSON.parse(givenUp ?? "[]") as { readonly entry: number }[];
    const checkpoint =
      token === null || entry === null ? null : { token, entry, givenUp: gone.map((one) => one.entry) };
    return { ...row, archive, checkpoint, stored: archive?.packets ?? stored ?? 0 };
  });
}

/** Forgets passes whose archives are gone, and those that never had one: no flow can take them any more. */
export async function forgetFlowPasses(sql: Sql, flow: string): Promise<void> {
  await sql`
    delete from flow_partition p using pass
    where p.flow = ${flow} and (p.lease_until is null or p.lease_until < now())
      and pass_id = case when p.partition ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p.partition::uuid end
      and (archive_removed_at is not null or (archive is null and aos < now() - ${livePassDays + 1} * interval '1 day'))`;
}

/** No pass without an archive is looked for that is older: none is planned longer. */
export const livePassDays = 32;
