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
  /** How the job has ended: no more lines come than its log holds. */
  readonly endState: string | null;
}

/** What an attempt's output is cut into when it stands for its log. */
const sliceLength = 65_536;

/**
 * What follows each place, at most `countMax` parts of each. A quick attempt wrote no log: its output stands for it. Lines may be
 * stored a moment after the end that they came before, so an end counts when it is `settledMs` old.
 */
export async function readLogs(
  sql: Sql,
  places: readonly LogPlace[],
  { countMax, settledMs }: { readonly countMax: number; readonly settledMs: number },
): Promise<LogPage[]> {
  // Zero is no matter of whose clock is ahead.
  const waits = settledMs > 0;
  const rows = await sql<LogLine & { place: number; endState: string | null; hasLine: boolean }>`
    select p.place, l.token, l.part, l.text, l.token is not null as "hasLine", (
        select state from job_end where job_end.job_id = p.job_id
          and (not ${waits}::boolean or finished_at <= now() - ${settledMs}::float8 * interval '1 millisecond')) as "endState"
    from unnest(${array(places.map((_, i) => i))}::text::int[], ${array(places.map((place) => place.jobId))}::text::uuid[],
      ${array(places.map((place) => place.token))}::text::bigint[],
      ${array(places.map((place) => place.part))}::text::int[]) as p (place, job_id, token, part)
    left join lateral (
      (select token, part, text from job_log
       where job_log.job_id = p.job_id and (job_log.token, job_log.part) > (p.token, p.part)
       order by token, part limit ${countMax}::int)
      union all
      (select a.token, slice, substr(a.output, slice * ${sliceLength}::int + 1, ${sliceLength}::int)
       from (
         select distinct on (token) token, output from every_attempt as attempt
         where attempt.job_id = p.job_id and attempt.token >= p.token and output <> ''
           and (not ${waits}::boolean or finished_at <= now() - ${settledMs}::float8 * interval '1 millisecond')
           and not exists (
             select 1 from job_log where job_log.job_id = p.job_id and job_log.token = attempt.token)
         order by token, outcome = 'superseded') as a
       cross join generate_series(0, (length(a.output) - 1) / ${sliceLength}::int) as slice
       where (a.token, slice) > (p.token, p.part)
       order by a.token, slice limit ${countMax}::int)
      order by token, part limit ${countMax}::int) as l on true
    order by p.place, l.token, l.part`;
  const pages: LogPage[] = places.map(() => ({ lines: [], endState: null }));
  for (const { place, endState, hasLine, token, part, text } of rows) {
    const lines = pages[place]?.lines ?? [];
    if (hasLine) lines.push({ token, part, text });
    pages[place] = { lines, endState };
  }
  return pages;
}
