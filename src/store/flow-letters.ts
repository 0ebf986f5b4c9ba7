/** Dead letters of flows: free-standing jobs that are dead from the start, so that they are listed and redriven like all others. */
import type { Instant } from "../model/clock.ts";
import { newTimeUuid } from "../model/ids.ts";
import type { DeathReason } from "../model/job.ts";
import type { JsonText } from "../model/json.ts";
import type { Sql } from "./sql.ts";

export interface FlowLetter {
  readonly flow: string;
  /** What it is about, the same each time: such a letter is written once. */
  readonly key: string;
  readonly jobType: string;
  /** What a redrive needs, and a person. */
  readonly payload: JsonText;
  readonly reason: DeathReason;
  readonly error: string;
  /** A stack, what a process printed. */
  readonly output: string;
  readonly attempts: number;
  readonly nodeId: string;
  readonly at: Instant;
}

/** The queue that a redriven letter's job waits in. */
export const flowQueue = "flow";
/** Of a redriven letter's job: its messages and deliveries have tries of their own. */
const attemptsMax = 3;

/** True if it is new. */
export async function buryFlowLetter(sql: Sql, letter: FlowLetter): Promise<boolean> {
  const rows = await sql`
    with asked as (
      insert into job_source (source, source_key, job_id, at)
      values (${`flow.${letter.flow}`}, ${letter.key}, ${newTimeUuid()}::uuid, now())
      on conflict do nothing returning job_id),
    recorded as (
      insert into job_record (job_id, queue, job_type, payload, priority, run_at, attempts_max, created_by, created_at)
      select job_id, ${flowQueue}, ${letter.jobType}, ${letter.payload}, 0, now(), ${attemptsMax}::int, 'orrery',
        ${letter.at}::timestamptz
      from asked)
    insert into job_end (job_id, state, reason, error, token, attempt, finished_at, worker_id, outcome, output)
    select job_id, 'dead', ${letter.reason}, ${letter.error}, 0, ${letter.attempts}::int, now(), ${letter.nodeId}, 'failed',
      ${letter.output}
    from asked returning job_id`;
  return rows.length > 0;
}
