/** Removes dead rows of the live jobs more often than autovacuum looks, which is once a minute: two a job at full speed are millions. */
import type { Sql } from "./sql.ts";

/** Vacuums the table of live jobs once it has `deadMin` dead rows; false: there was no need. A second node that would do so leaves it. */
export async function vacuumJobs(sql: Sql, deadMin: number): Promise<boolean> {
  const [row] = await sql<{ dead: number }>`
    select n_dead_tup as dead from pg_stat_user_tables where relid = 'job'::regclass`;
  if ((row?.dead ?? 0) < deadMin) return false;
  // Its pages are needed again at once: giving them back to the system would lock everybody out for a moment.
  await sql.script("vacuum (skip_locked, truncate off) job, bundle");
  return true;
}
