/** Writes what happens to free-standing jobs: starts and ends of attempts, gathered into few statements. */

import type { JobId } from "../model/ids.ts";
import { beginFreeJobs, endBundledJobs, endFreeJobs, type FreeJobEnd, runsAgain } from "../store/free-jobs.ts";
import type { Lease } from "../store/jobs.ts";
import type { Sql } from "../store/sql.ts";
import { BatchWriter } from "./batch-writer.ts";

const beginsAtOnce = { inFlightMax: 2, itemsMax: 500 };
const endsAtOnce = { inFlightMax: 3, itemsMax: 500 };

export interface AttemptWriter {
  /** False: the lease is lost. */
  begin(lease: Lease): Promise<boolean>;
  /** False: the lease is lost, or `givingUp` aborted. Throws `SqlError` of fault "data" when the store refuses the values. */
  end(end: FreeJobEnd): Promise<boolean>;
}

export function createAttemptWriter(sql: Sql, givingUp: AbortSignal): AttemptWriter {
  const begins = new BatchWriter<Lease>((leases) => beginFreeJobs(sql, leases), beginsAtOnce, givingUp);
  const endsIn = () => new BatchWriter<FreeJobEnd>((all) => endFreeJobs(sql, all), endsAtOnce, givingUp);
  // Apart, as a batch is one statement: what is tried again is all or nothing.
  const [over, again] = [endsIn(), endsIn()];
  const bundled = new BatchWriter<FreeJobEnd>((all) => endBundled(sql, all), endsAtOnce, givingUp);
  const writerOf = (end: FreeJobEnd) => (runsAgain(end) ? again : end.bundleId ? bundled : over);
  return { begin: (lease) => begins.add(lease), end: (end) => writerOf(end).add(end) };
}

/** Those whose bundle was untied meanwhile have rows of their own. */
async function endBundled(sql: Sql, ends: readonly FreeJobEnd[]): Promise<ReadonlySet<JobId>> {
  const untied = await endBundledJobs(sql, ends);
  if (untied.size === 0) return untied;
  return await endFreeJobs(
    sql,
    ends.filter(({ jobId }) => untied.has(jobId)),
  );
}
