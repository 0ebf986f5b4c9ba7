/** The pages of jobs: queues, the list, one job. */
import { type Context, Hono } from "hono";
import { defaults } from "../compute/compute.ts";
import { explanationOf } from "../http/job.ts";
import { timelineOf } from "../http/job-timeline.ts";
import { pageOf } from "../http/page.ts";
import type { AppParts } from "../http/parts.ts";
import { queryOf, textIn } from "../http/query.ts";
import { parseUuid } from "../model/ids.ts";
import { defaultQueue, jobStates, ownQueue } from "../model/job.ts";
import type { JobView } from "../model/job-view.ts";
import type { ProductRow } from "../model/plan.ts";
import { everySubject, limitsOf } from "../model/policy-limits.ts";
import { countDead, deadCountMax, findDead } from "../store/dead-letters.ts";
import { findJob, listJobs } from "../store/job-views.ts";
import { queueEnds } from "../store/overview.ts";
import { readPolicies } from "../store/policies.ts";
import { listPolicies } from "../store/policy-rows.ts";
import { SqlError } from "../store/sql.ts";
import { type JobPage, jobListPage, jobListPart } from "./job-list-page.tsx";
import { jobPage, jobPart, type ShownJob } from "./job-page.tsx";
import type { Look, LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { endStepS, endWindowS, type Queues, queuesPage, queuesPart } from "./queue-page.tsx";

type JobPageParts = Pick<AppParts, "database" | "intake" | "computes" | "supervisor">;

const rowsAPage = 50;
/** Those that are there before anybody uses them. */
const standing = [defaultQueue, defaults.queue, ownQueue];
const all = { queue: null, jobType: null, reason: null };

export function jobPageRoutes(parts: JobPageParts, lookOf: LookOf, live: LiveParts): Hono {
  const { database, intake, supervisor } = parts;
  const { sql } = database;
  const routes = new Hono();

  routes.get("/job", async (c) => {
    const [look, queues] = await Promise.all([lookOf(c), readQueues()]);
    return htmlAnswer(c, queuesPage(queues, look));
  });
  routes.route(
    "/",
    live.routes("/component/job", async () => async (look) => queuesPart(await readQueues(), look)),
  );

  routes.get("/job/list", async (c) => {
    const [look, list] = await Promise.all([lookOf(c), readList(c)]);
    return htmlAnswer(c, jobListPage(list, look));
  });
  routes.route(
    "/",
    live.routes("/component/job/list", async (c) => async (look) => jobListPart(await readList(c), look)),
  );

  routes.get("/job/:job_id", async (c) => {
    const [look, shown] = await Promise.all([lookOf(c), readJob(c.req.param("job_id"))]);
    return shown === null ? htmlAnswer(c, notFoundPage(look), 404) : htmlAnswer(c, jobPage(shown, look));
  });
  routes.route(
    "/",
    live.routes("/component/job/:job_id", async (c) => {
      const jobId = c.req.param("job_id") ?? "";
      const shown = await readJob(jobId);
      // Dropped meanwhile, it is shown as it was.
      return shown === null ? null : async (look: Look) => jobPart((await readJob(jobId)) ?? shown, look);
    }),
  );

  async function readQueues(): Promise<Queues> {
    const [policies, rows, depths, ends, dead] = await Promise.all([
      readPolicies(sql),
      listPolicies(sql),
      intake.depths.read(),
      queueEnds(sql, endWindowS, endStepS),
      countDead(sql, all),
    ]);
    const own = policies.all.flatMap(({ scope, subject }) =>
      scope === "queue" && subject !== everySubject ? [subject] : [],
    );
    const endsOf = Map.groupBy(ends, ({ queue }) => queue);
    const names = [...new Set([...standing, ...depths.keys(), ...endsOf.keys(), ...own])].sort();
    const queues = names.map((name) => ({
      name,
      limits: limitsOf(policies, "queue", name),
      depth: depths.get(name),
      ends: endsOf.get(name) ?? [],
    }));
    return { queues, policies: rows, dead, deadMax: deadCountMax };
  }

  /** `?queue=&job_type=&state=&dataset_id=&cursor=`: what is none of these is left out of account. */
  async function readList(c: Context): Promise<JobPage> {
    const query = queryOf(c.req.url);
    const asked = (name: string): string | null => textIn(query, name)?.trim() || null;
    const state = jobStates.find((known) => known === query.get("state")) ?? null;
    const datasetId = parseUuid(query.get("dataset_id") ?? "");
    const filter = { queue: asked("queue"), jobType: asked("job_type"), state, datasetId };
    const before = parseUuid(query.get("cursor") ?? "");
    try {
      const span = { createdAfter: null, createdBefore: null };
      const rows = await listJobs(sql, { ...filter, ...span, before, limit: rowsAPage + 1 });
      const { shown, nextCursor } = pageOf(rows, rowsAPage, ({ jobId }) => jobId);
      return { ...filter, jobs: shown, nextCursor, isFirst: before === null };
    } catch (error) {
      if (!(error instanceof SqlError) || error.fault === "defect" || error.fault === "data") throw error;
      return { ...filter, jobs: null, nextCursor: null, isFirst: before === null };
    }
  }

  async function readJob(given: string): Promise<ShownJob | null> {
    const jobId = parseUuid(given);
    const job = jobId === null ? null : await findJob(sql, jobId);
    if (job === null) return null;
    const [entries, explanation, product] = await Promise.all([
      timelineOf(sql, job),
      explanationOf(parts, job),
      productOf(job),
    ]);
    const payload = job.payload ?? product?.passthrough ?? null;
    const result = job.result ?? (job.state === "succeeded" ? (product?.passback ?? null) : null);
    return { job, payload, result, entries, explanation };
  }

  /** The product that this is the last job of: what it is given and gives back is kept with it. */
  async function productOf({ jobId, datasetId, productId }: JobView): Promise<ProductRow | null> {
    if (datasetId === null || productId === null) return null;
    const [[self], plan] = await Promise.all([findDead(sql, [jobId]), supervisor.read(datasetId)]);
    return self?.isReplaced === false ? (plan?.products.get(productId) ?? null) : null;
  }
  return routes;
}
