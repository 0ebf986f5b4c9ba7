/** Answers that are waited for: opened by the node that runs the job, answered once by way of any node, taken by the one that waits. */
import type { JobId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { array, type Sql } from "./sql.ts";

export interface NewCallback {
  readonly secretHash: string;
  readonly jobId: JobId;
  readonly attempt: number;
  readonly token: number;
  readonly expiresInMs: number;
}

/** Closes those of the job's earlier attempts: their answers would come too late. */
export async function openCallback(sql: Sql, callback: NewCallback): Promise<void> {
  await sql`
    with earlier as (delete from callback where job_id = ${callback.jobId}::uuid)
    insert into callback (secret_hash, job_id, attempt, token, expires_at)
    values (${callback.secretHash}, ${callback.jobId}::uuid, ${callback.attempt}::int, ${callback.token}::bigint,
      now() + ${callback.expiresInMs}::float8 * interval '1 millisecond')`;
}

/** False: it is unknown, was answered before, or its time is over. Of answers that come at once one counts. */
export async function answerCallback(sql: Sql, secretHash: string, answer: JsonText): Promise<boolean> {
  const rows = await sql`
    update callback set answer = ${answer}
    where secret_hash = ${secretHash} and answer is null and expires_at > now()
    returning 1`;
  return rows.length > 0;
}

/** Those of `secretHashes` that were answered. */
export function answersOf(
  sql: Sql,
  secretHashes: readonly string[],
): Promise<{ readonly secretHash: string; readonly answer: JsonText }[]> {
  return sql<{ secretHash: string; answer: JsonText }>`
    select secret_hash as "secretHash", answer from callback
    where secret_hash = any(${array(secretHashes)}::text::text[]) and answer is not null`;
}

export async function closeCallback(sql: Sql, secretHash: string): Promise<void> {
  await sql`delete from callback where secret_hash = ${secretHash}`;
}

/** Those that a node left behind which did not come back. */
export async function pruneCallbacks(sql: Sql, ageS: number, countMax: number): Promise<number> {
  const rows = await sql`
    with old as (
      select secret_hash from callback where expires_at < now() - ${ageS}::float8 * interval '1 second'
      limit ${countMax}::int for update skip locked)
    delete from callback using old where callback.secret_hash = old.secret_hash
    returning 1`;
  return rows.length;
}
