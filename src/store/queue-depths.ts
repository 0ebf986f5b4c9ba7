/** How many live jobs each queue has, by what they wait for: one look at the live jobs, through the index of each kind. */
import type { Instant } from "../model/clock.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

export interface QueueDepth {
  readonly queue: string;
  /** Due and not held. */
  readonly ready: number;
  /** Due, held by a limit. */
  readonly held: number;
  /** Not due yet: asked for later, or backing off. */
  readonly scheduled: number;
  /** Leased. Of those in bundles, some may have ended within the last moment. */
  readonly running: number;
  /** Since when the one that waits longest is due; null: none waits. */
  readonly oldestDueAt: Instant | null;
}

/** A million jobs take about half a second: ask as seldom as `QueueDepths` of src/jobs does. */
const deadlineMs = 5000;

export function countQueues(sql: Sql): Promise<QueueDepth[]> {
  return sql.query<QueueDepth>(
    `select queue, sum(ready)::bigint as ready, sum(held)::bigint as held, sum(scheduled)::bigint as scheduled,
       sum(running)::bigint as running, ${instantText("min(oldest)")} as "oldestDueAt"
     from (
       select queue, count(*) as ready, 0 as held, 0 as scheduled, 0 as running, min(run_at) as oldest from job
       where state = 'queued' and held_by is null group by queue
       union all
       select queue, 0, count(*), 0, 0, min(run_at) from job where held_by is not null group by queue
       union all
       select queue, 0, 0, count(*), 0, null from job where state in ('scheduled', 'backing-off') group by queue
       union all
       select queue, 0, 0, 0, count(*), null from job where state = 'leased' group by queue
       union all
       select queue, 0, 0, 0, cardinality(job_ids), null from bundle) as counted
     group by queue order by queue`,
    [],
    deadlineMs,
  );
}
