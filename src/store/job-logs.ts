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

/** A place in a job's log: after this part of this attempt. */
export interface LogPlace {
  readonly jobId: JobId;
  readonly token: number;
  readonly part: number;
}

/** Before the first line. */
export const logStart = { token: 0, part: -1 } as const;

export interface LogLine {
  readonly token: number;
  readonly part: number;
  readonly text: string;
}

export interface LogPage {
  readonly lines: LogLine[];
  /** How the job had ended before it was looked at: no more lines come than its log holds. */
  readonly endState: string | null;
}

/** What follows each place, at most `countMax` parts of each. */
export async function readLogs(sql: Sql, places: readonly LogPlace[], countMax: number): Promise<LogPage[]> {
  const rows = await sql<LogLine & { place: number; endState: string | null; hasLine: boolean }>`
    select p.place, l.token, l.part, l.text, l.job_id is not null as "hasLine",
      (select state from job_end where job_end.job_id = p.job_id) as "endState"
    from unnest(${array(places.map((_, i) => i))}::text::int[], ${array(places.map((place) => place.jobId))}::text::uuid[],
      ${array(places.map((place) => place.token))}::text::bigint[],
      ${array(places.map((place) => place.part))}::text::int[]) as p (place, job_id, token, part)
    left join lateral (
      select * from job_log where job_log.job_id = p.job_id and (job_log.token, job_log.part) > (p.token, p.part)
      order by job_log.token, job_log.part limit ${countMax}::int) as l on true
    order by p.place, l.token, l.part`;
  const pages: LogPage[] = places.map(() => ({ lines: [], endState: null }));
  for (const { place, endState, hasLine, token, part, text } of rows) {
    const lines = pages[place]?.lines ?? [];
    if (hasLine) lines.push({ token, part, text });
    pages[place] = { lines, endState };
  }
  return pages;
}
