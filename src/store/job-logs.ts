/** What attempts print while they run, in parts that are only added. */
import type { Instant } from "../model/clock.ts";
import type { JobId } from "../model/ids.ts";
import type { Lease } from "./jobs.ts";
import { array, type Sql } from "./sql.ts";

export interface LogPart extends Lease {
  /** Counts from 0 within the attempt. */
  readonly part: number;
  readonly at: Instant;
  readonly text: string;
}

export async function addLogParts(sql: Sql, parts: readonly LogPart[]): Promise<void> {
  const column = (of: (part: LogPart) => string | number): string => array(parts.map(of));
  await sql`
    insert into job_log (job_id, token, part, at, text)
    select * from unnest(${column((part) => part.jobId)}::text::uuid[], ${column((part) => part.token)}::text::bigint[],
      ${column((part) => part.part)}::text::int[], ${column((part) => part.at)}::text::timestamptz[],
      ${column((part) => part.text)}::text::text[])
    on conflict do nothing`;
}

/** The parts of a job's attempts after a place, in order. */
export function logPartsAfter(
  sql: Sql,
  jobId: JobId,
  after: { readonly token: number; readonly part: number },
  countMax: number,
): Promise<LogPart[]> {
  return sql<LogPart>`
    select job_id as "jobId", token, part, text,
      to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as at
    from job_log where job_id = ${jobId}::uuid and (token, part) > (${after.token}::bigint, ${after.part}::int)
    order by token, part limit ${countMax}::int`;
}
