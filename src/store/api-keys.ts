/** API keys: made, found by their id, listed, revoked. Of a key only the digest of its secret is stored. */
import type { Instant } from "../model/clock.ts";
import type { Uuid } from "../model/ids.ts";
import type { Role } from "../model/service.ts";
import { array, type Sql } from "./sql.ts";

export interface ApiKeyRow {
  readonly keyId: Uuid;
  readonly name: string;
  readonly roles: readonly Role[];
  /** It may write for these only; null: for all. */
  readonly ships: readonly string[] | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly lastUsedAt: Instant | null;
}

/** What checking a key needs. */
export interface StoredKey {
  readonly keyId: Uuid;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly ships: readonly string[] | null;
  readonly digest: string;
  readonly expiresAt: Instant | null;
  readonly isRevoked: boolean;
}

export interface NewKey {
  readonly keyId: Uuid;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly ships: readonly string[] | null;
  readonly digest: string;
  readonly expiresAt: Instant | null;
  readonly by: string;
  readonly at: Instant;
}

/** `full`: there are `countMax` keys already; `taken`: the name is that of another key. */
export type KeyInsertion = "inserted" | "taken" | "full";

export async function insertKey(sql: Sql, key: NewKey, countMax: number): Promise<KeyInsertion> {
  const [row] = await sql<{ live: number; inserted: number }>`
    with live as (select count(*)::int as n from api_key where revoked_at is null),
    added as (
      insert into api_key (key_id, name, roles, ships, digest, created_by, created_at, expires_at)
      select ${key.keyId}::uuid, ${key.name}, ${array(key.roles)}::text::text[],
        ${key.ships === null ? null : array(key.ships)}::text::text[], ${key.digest}, ${key.by},
        ${key.at}::timestamptz, ${key.expiresAt}::timestamptz
      from live where live.n < ${countMax}::int
      on conflict (name) where revoked_at is null do nothing returning 1)
    select (select n from live) as live, (select count(*)::int from added) as inserted`;
  if (row?.inserted === 1) return "inserted";
  return (row?.live ?? 0) >= countMax ? "full" : "taken";
}

/** Those that are not revoked, the newest first. */
export async function listKeys(sql: Sql, countMax: number): Promise<ApiKeyRow[]> {
  const rows = await sql<Stored<ApiKeyRow>>`
    select key_id as "keyId", name, array_to_json(roles)::text as roles, array_to_json(ships)::text as ships, created_by as "createdBy",
      to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "createdAt",
      to_char(expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "expiresAt",
      to_char(last_used_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "lastUsedAt"
    from api_key where revoked_at is null order by key_id desc limit ${countMax}::int`;
  return rows.map(rowOf);
}

/** Those of `keyIds` that were ever made. */
export async function findKeys(sql: Sql, keyIds: readonly Uuid[]): Promise<Map<Uuid, StoredKey>> {
  const rows = await sql<Stored<StoredKey>>`
    select key_id as "keyId", name, array_to_json(roles)::text as roles, array_to_json(ships)::text as ships, digest,
      to_char(expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "expiresAt",
      revoked_at is not null as "isRevoked"
    from api_key where key_id = any(${array(keyIds)}::text::uuid[])`;
  return new Map(rows.map((row) => [row.keyId, rowOf(row)]));
}

/** False when there is no such key, or it was revoked before. */
export async function revokeKey(sql: Sql, keyId: Uuid, by: string, at: Instant): Promise<boolean> {
  const rows = await sql`
    update api_key set revoked_at = ${at}::timestamptz, revoked_by = ${by}
    where key_id = ${keyId}::uuid and revoked_at is null returning 1`;
  return rows.length > 0;
}

/** Notes that the keys were used, unless that was noted within `withinS` seconds by any node. */
export async function noteKeysUsed(sql: Sql, keyIds: readonly Uuid[], at: Instant, withinS: number): Promise<void> {
  await sql`
    update api_key set last_used_at = ${at}::timestamptz
    where key_id = any(${array(keyIds)}::text::uuid[])
      and (last_used_at is null or last_used_at < ${at}::timestamptz - ${withinS}::float8 * interval '1 second')`;
}

type Lists = Pick<StoredKey, "roles" | "ships">;
type Stored<Row extends Lists> = Omit<Row, keyof Lists> & { readonly roles: string; readonly ships: string | null };

/** Only we write the roles and ships, checked against the lists of them. */
const rowOf = <Row extends object>(
  row: Row & { roles: string; ships: string | null },
): Omit<Row, keyof Lists> & Lists => ({
  ...row,
  roles: JSON.parse(row.roles) as Role[],
  ships: row.ships === null ? null : (JSON.parse(row.ships) as string[]),
});
