/**
 * Redrives dead letters in bounded batches, each one transaction: a free-standing job gets a new one in its place, a product's
 * job has its product cleared, if that is still failed by it. Two redrives at once do each only once.
 */
import { OrreryError } from "../model/errors.ts";
import { type JobId, newTimeUuid } from "../model/ids.ts";
import { RevisionMovedError } from "../model/plan-errors.ts";
import { createTimeIds } from "../model/time-ids.ts";
import { type DeadFilter, type DeadJob, deadIds, findDead, markRedriven, redriveFree } from "../store/dead-letters.ts";
import type { Sql } from "../store/sql.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { Intake } from "./intake.ts";

export interface RedriveAsk {
  /** Null: those of the filter, the oldest first. */
  readonly ids: readonly JobId[] | null;
  readonly filter: DeadFilter;
  /** Of what the filter finds. */
  readonly limit: number;
}

export interface RedriveResult {
  readonly matched: number;
  /** `as` null: not known yet, or the product waits for something before it gets a job. */
  readonly redriven: { readonly id: JobId; readonly as: JobId | null }[];
  readonly skipped: { readonly id: JobId; readonly why: string }[];
}

export interface Redriver {
  redrive(ask: RedriveAsk, service: string, isDry: boolean): Promise<RedriveResult>;
}

export interface RedriveParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "submit" | "read">;
  readonly intake: Pick<Intake, "wake" | "types">;
}

const batchMax = 200;
/** Plans that are cleared at the same time. */
const plansMax = 8;
/** How often a plan may move on between a look at it and the clearing of its product. */
const triesMax = 10;

export function createRedriver({ sql, supervisor, intake }: RedriveParts): Redriver {
  const nextId = createTimeIds();

  async function redriveBatch(ids: readonly JobId[], service: string, isDry: boolean, result: RedriveResult) {
    const found = new Map((await findDead(sql, ids)).map((job) => [job.jobId, job]));
    const free: DeadJob[] = [];
    const ofProducts: DeadJob[] = [];
    for (const id of ids) {
      const job = found.get(id);
      const why = whyNot(job);
      if (job === undefined || why !== null) result.skipped.push({ id, why: why ?? "there is no such job" });
      else if (job.datasetId === null) free.push(job);
      else ofProducts.push(job);
    }
    if (isDry) {
      for (const { jobId } of free) result.redriven.push({ id: jobId, as: null });
      for (const job of ofProducts) {
        if ((await failedProduct(job)) !== null) result.redriven.push({ id: job.jobId, as: null });
        else result.skipped.push({ id: job.jobId, why: notFailed });
      }
      return;
    }
    await redriveAllFree(free, service, result);
    await clearAll(ofProducts, service, result);
  }

  /** Some plans at a time; of one plan one product after the other, as each clearing moves it on. */
  async function clearAll(jobs: readonly DeadJob[], service: string, result: RedriveResult): Promise<void> {
    const plans = [...Map.groupBy(jobs, (job) => job.datasetId).values()];
    const worker = async (): Promise<void> => {
      for (let own = plans.shift(); own !== undefined; own = plans.shift()) {
        for (const job of own) await clearProduct(job, service, result);
      }
    };
    await Promise.all(Array.from({ length: Math.min(plansMax, plans.length) }, worker));
  }

  function whyNot(job: DeadJob | undefined): string | null {
    if (job === undefined) return "there is no such job";
    if (job.state !== "dead")
      return `it is not dead: ${job.state === null ? "it has not ended" : `it is ${job.state}`}`;
    if (job.redrivenAs !== null) return `it was redriven as ${job.redrivenAs}`;
    if (job.isReplaced) return "its product has a newer job";
    if (job.datasetId === null && !isKnown(job.jobType)) return `nothing runs job type "${job.jobType}"`;
    return null;
  }

  /** Orrery's own jobs are redriven too. */
  const isKnown = (jobType: string): boolean => jobType.startsWith("orrery.") || intake.types.find(jobType) !== null;

  async function redriveAllFree(jobs: readonly DeadJob[], service: string, result: RedriveResult): Promise<void> {
    if (jobs.length === 0) return;
    const redrives = jobs.map(({ jobId }) => ({ jobId, newId: nextId(), decisionId: newTimeUuid() }));
    const done = await redriveFree(sql, redrives, service);
    for (const { jobId, newId } of redrives) {
      if (done.has(jobId)) result.redriven.push({ id: jobId, as: newId });
      else result.skipped.push({ id: jobId, why: "somebody else redrove it" });
    }
    intake.wake(jobs.filter(({ jobId }) => done.has(jobId)));
  }

  async function failedProduct({ datasetId, productId }: DeadJob): Promise<{ revision: number } | null> {
    const view = datasetId === null ? null : await supervisor.read(datasetId);
    return view?.products.get(productId ?? "")?.state === "failed" ? { revision: view.revision } : null;
  }

  /** At the very revision at which it was seen failed: whoever is later finds it cleared. */
  async function clearProduct(job: DeadJob, service: string, result: RedriveResult): Promise<void> {
    const { jobId, datasetId, productId } = job;
    if (datasetId === null || productId === null) return;
    for (let tries = 1; tries <= triesMax; tries++) {
      const seen = await failedProduct(job);
      if (seen === null) {
        result.skipped.push({ id: jobId, why: notFailed });
        return;
      }
      try {
        await supervisor.submit(
          { type: "products.clear", datasetId, productIds: [productId] },
          { service, cause: "products.clear", ifRevision: seen.revision },
        );
      } catch (error) {
        if (error instanceof RevisionMovedError) continue;
        // The other letters are redriven nonetheless, unless the store is what fails.
        if (!(error instanceof OrreryError) || error.status === 503) throw error;
        result.skipped.push({ id: jobId, why: error.message });
        return;
      }
      const as = (await supervisor.read(datasetId))?.products.get(productId)?.jobId ?? null;
      // Without a job yet (its plan is paused, say) it is marked by itself, so that it is no dead letter any more.
      await markRedriven(sql, jobId, as ?? jobId);
      result.redriven.push({ id: jobId, as });
      return;
    }
    result.skipped.push({ id: jobId, why: "its plan keeps changing: try again" });
  }

  return {
    async redrive({ ids, filter, limit }, service, isDry) {
      const chosen = ids === null ? await deadIds(sql, filter, limit) : [...new Set(ids)];
      const result: RedriveResult = { matched: chosen.length, redriven: [], skipped: [] };
      for (let at = 0; at < chosen.length; at += batchMax) {
        await redriveBatch(chosen.slice(at, at + batchMax), service, isDry, result);
      }
      return result;
    },
  };
}

const notFailed = "its product is not failed any more";
