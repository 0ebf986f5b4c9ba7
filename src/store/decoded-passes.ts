/** What was decoded of archived passes: found by pass for its exports, by ship and time for plots. */
import type { JsonText } from "../model/json.ts";
import type { DecodedPass, PassId } from "../model/pass.ts";
import type { PassLease } from "./pass-leases.ts";
import type { Sql } from "./sql.ts";

interface StoredDecoded {
  readonly passId: PassId;
  readonly fromMs: number;
  readonly toMs: number;
  readonly files: JsonText;
}

/** Overwrites what an earlier try stored. Under a superseded token nothing is written. */
export async function saveDecoded(sql: Sql, lease: PassLease, decoded: DecodedPass): Promise<void> {
  const { fromMs, toMs, ...files } = decoded;
  await sql`
    insert into pass_decoded (pass_id, ship, from_at, to_at, files)
    select pass_id, ship, to_timestamp(${fromMs}::float8 / 1000), to_timestamp(${toMs}::float8 / 1000), ${JSON.stringify(files)}
    from pass where pass_id = ${lease.passId}::uuid and token = ${lease.token}::bigint
    on conflict (pass_id) do update set from_at = excluded.from_at, to_at = excluded.to_at, files = excluded.files`;
}

export async function findDecoded(sql: Sql, passId: PassId): Promise<DecodedPass | null> {
  const [row] = await sql<StoredDecoded>`
    select pass_id as "passId", extract(epoch from from_at)::float8 * 1000 as "fromMs", extract(epoch from to_at)::float8 * 1000 as "toMs", files
    from pass_decoded where pass_id = ${passId}::uuid`;
  return row === undefined ? null : decodedOf(row);
}

/** A ship's passes with values in that time, the newest values first. */
export async function listDecoded(
  sql: Sql,
  ask: { readonly ship: string; readonly startMs: number; readonly endMs: number; readonly countMax: number },
): Promise<(DecodedPass & { readonly passId: PassId })[]> {
  const rows = await sql<StoredDecoded>`
    select pass_id as "passId", extract(epoch from from_at)::float8 * 1000 as "fromMs", extract(epoch from to_at)::float8 * 1000 as "toMs", files
    from pass_decoded
    where ship = ${ask.ship} and to_at >= to_timestamp(${ask.startMs}::float8 / 1000)
      and from_at < to_timestamp(${ask.endMs}::float8 / 1000)
    order by to_at desc limit ${ask.countMax}::int`;
  return rows.map(decodedOf);
}

/** A ship's passes that are under way and have opened their port: what they received is in the telemetry store only. */
export function listUndecoded(
  sql: Sql,
  ship: string,
  countMax: number,
): Promise<{ readonly passId: PassId; readonly token: number }[]> {
  return sql<{ passId: PassId; token: number }>`
    select pass_id as "passId", token from pass
    where ship = ${ship} and state in ('prepass', 'receiving', 'draining') and opened_at is not null
    order by aos desc limit ${countMax}::int`;
}

function decodedOf({ passId, fromMs, toMs, files }: StoredDecoded): DecodedPass & { readonly passId: PassId } {
  // Written by us as JSON of this type.
  return { passId, fromMs, toMs, ...(JSON.parse(files) as Omit<DecodedPass, "fromMs" | "toMs">) };
}
