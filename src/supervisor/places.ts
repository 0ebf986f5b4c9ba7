/**
 * Jobs that this node is about to run are leased by the commit that stores them: a claim would cost a statement more, and
 * a wait. Whoever runs jobs keeps a place for each until the outcome of its commit is known.
 */
import type { JobId, ProductId } from "../model/ids.ts";
import { firstLeased, type LeasedJob, type LeasedParent } from "../store/jobs.ts";
import type { FirstLease, JobInsert, Step } from "../store/plan-store.ts";
import type { Projection } from "./projection.ts";

/** Either of its methods is called, once. */
export interface Place {
  readonly lease: FirstLease;
  /** The job is stored, and leased as was asked. */
  take(job: LeasedJob): void;
  /** It is not, or nobody knows. */
  leave(): void;
}

export type Places = Map<JobId, Place>;
/** The places of jobs that have their lease. */
export type Leased = ReadonlyMap<JobId, Place>;

/** Places for those of these jobs, about to be stored, that can run here at once. */
export type KeepPlaces = (jobs: readonly JobInsert[]) => Places;

export const nowhere: Leased = new Map();

/** The steps, with the leases that they ask for. */
export function placed(steps: readonly Step[], places: Leased): readonly Step[] {
  if (places.size === 0) return steps;
  return steps.map((step) => ({ ...step, jobs: placedJobs(step.jobs, places) }));
}

/** The jobs, those that have a place with its lease. */
export function placedJobs<Job extends { readonly jobId: JobId; readonly lease?: FirstLease }>(
  jobs: readonly Job[],
  places: Leased,
): Job[] {
  return jobs.map((job) => {
    const place = places.get(job.jobId);
    return place ? { ...job, lease: place.lease } : job;
  });
}

export function leaveAll(places: Places): void {
  for (const place of places.values()) place.leave();
  places.clear();
}

/** What a claim would bring of a job that was stored with its lease, in a commit that `view` is the outcome of. */
export function leasedJob(view: Projection, job: JobInsert): LeasedJob {
  const { dataset, products } = view;
  const product = products.get(job.productId);
  return {
    ...firstLeased,
    jobId: job.jobId,
    attemptsMax: job.attemptsMax,
    queue: job.queue,
    jobType: job.jobType,
    datasetId: dataset.datasetId,
    productId: job.productId,
    payload: null,
    timeoutMs: null,
    extra: dataset.extra,
    name: product?.name ?? null,
    version: product?.version ?? null,
    passthrough: product?.passthrough ?? null,
    parents: parentsOf(view, job.productId),
  };
}

/** In the order of a claim. */
function parentsOf(view: Projection, id: ProductId): LeasedParent[] {
  const found: LeasedParent[] = [];
  for (const parentId of view.parents(id)) {
    const parent = view.products.get(parentId);
    if (parent === undefined || parent.state === "disabled") continue;
    const { name, version, passback } = parent;
    found.push({ id: parentId, name, version, passback });
  }
  return found.length < 2 ? found : found.sort((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
