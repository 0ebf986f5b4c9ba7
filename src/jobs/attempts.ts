/**
 * Writes what happens to free-standing jobs: starts and ends of attempts, gathered into few statements. An end is written
 * until it is stored or the lease is lost.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JobId } from "../model/ids.ts";
import { beginFreeJobs, endFreeJobs, type FreeJobEnd } from "../store/free-jobs.ts";
import type { Lease } from "../store/jobs.ts";
import { type Sql, SqlError } from "../store/sql.ts";
import { Batcher } from "../supervisor/batcher.ts";

/** Quick jobs end by hundreds within one tick: a batch starts after it, and takes them all. */
const beginsAtOnce = { inFlightMax: 2, keysMax: 500 };
const endsAtOnce = { inFlightMax: 3, keysMax: 500 };
const firstWaitMs = 20;
const waitMsMax = 2_000;

export interface AttemptWriter {
  /** False: the lease is lost. */
  begin(lease: Lease): Promise<boolean>;
  /** False: the lease is lost, or `givingUp` aborted. Throws `SqlError` of fault "data" when the store refuses the values. */
  end(end: FreeJobEnd): Promise<boolean>;
}

export function createAttemptWriter(sql: Sql, givingUp: AbortSignal): AttemptWriter {
  const batched = <Item extends Lease>(
    write: (items: readonly Item[]) => Promise<ReadonlySet<JobId>>,
    bounds: { inFlightMax: number; keysMax: number },
  ) =>
    new Batcher<Item, true>(
      async (items) => {
        const done = await write(items);
        return new Map(items.filter(({ jobId }) => done.has(jobId)).map((item) => [item, true]));
      },
      bounds,
      setImmediate,
    );
  const begins = batched((leases: readonly Lease[]) => beginFreeJobs(sql, leases), beginsAtOnce);
  const ends = batched((all: readonly FreeJobEnd[]) => endFreeJobs(sql, all), endsAtOnce);

  async function insist(write: () => Promise<true | undefined>, alone: () => Promise<boolean>): Promise<boolean> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, waitMsMax)) {
      try {
        return (await write()) === true;
      } catch (error) {
        // Some value of the batch is refused: each one goes alone, so that only the culprit fails.
        if (error instanceof SqlError && error.fault === "data") return await alone();
        if (givingUp.aborted || !(error instanceof SqlError) || error.fault === "defect") throw error;
        await sleep(waitMs * (0.5 + Math.random() / 2), undefined, { signal: givingUp }).catch(() => undefined);
        if (givingUp.aborted) return false;
      }
    }
  }

  return {
    begin: (lease) =>
      insist(
        () => begins.get(lease),
        async () => (await beginFreeJobs(sql, [lease])).has(lease.jobId),
      ),
    end: (end) =>
      insist(
        () => ends.get(end),
        async () => (await endFreeJobs(sql, [end])).has(end.jobId),
      ),
  };
}
