/** What keeps vacuum from removing dead rows: the oldest transaction that might still see them. */
import type { Sql } from "./sql.ts";

export interface VacuumHorizon {
  /** Of the oldest open or prepared transaction that holds vacuum back, our own included; 0: there is none. */
  readonly oldestS: number;
  /** The same in transactions begun since, which also knows of standbys and replication slots: they have no clock. */
  readonly oldestXids: number;
  /** Dead rows among the live jobs, as the statistics know them. */
  readonly deadJobs: number;
}

/** A role that may not read all statistics (pg_read_all_stats) sees its own sessions only. Vacuum's own do not hold it back. */
export async function readVacuumHorizon(sql: Sql): Promise<VacuumHorizon> {
  const [row] = await sql<VacuumHorizon>`
    select coalesce(extract(epoch from max(clock_timestamp() - since)), 0)::float8 as "oldestS",
      coalesce(max(xids), 0)::bigint as "oldestXids", pg_stat_get_dead_tuples('job'::regclass) as "deadJobs"
    from (
      select xact_start as since, greatest(age(backend_xmin), age(backend_xid)) as xids from pg_stat_activity
      where (datname = current_database() or backend_type = 'walsender') and pid <> pg_backend_pid()
        and backend_type <> 'autovacuum worker' and (backend_xmin is not null or backend_xid is not null)
      union all
      select prepared, age(transaction) from pg_prepared_xacts where database = current_database()
      union all
      select null, age(xmin) from pg_replication_slots where xmin is not null) as holders`;
  return row ?? { oldestS: 0, oldestXids: 0, deadJobs: 0 };
}
