/** Why a product is in its state, what it did before, and what the whole plan did: `explain` and `history`. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { epochMsOf } from "../model/clock.ts";
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import type { ProductId } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import { findExpectation } from "../store/expectations.ts";
import { countWorkers, findDelay, findPause, type ToldJob, tellJob, tellLatestJob } from "../store/explain.ts";
import { planHistory, productHistory } from "../store/history.ts";
import type { PlanView } from "../supervisor/supervisor.ts";
import { json } from "./answer.ts";
import { explained, type Failure } from "./explained.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";
import { State } from "./schemas.ts";

const tag = "data_product";
const one = "/data_product/{dataset_id}/{data_product_id}";
/** Blockers that an answer lists. */
const blockersMax = 100;
/** Turns that are searched for the one that made a product fail. */
const failureTurnsMax = 20;

const id = z.string().openapi({ format: "uuid" });
const date = z.string().openapi({ format: "date-time" });

const Explanation = z
  .object({
    state: State,
    summary: z.string(),
    blocked_by: z.array(z.object({ id, name: z.string(), state: State, since: date })),
    job_id: id.nullable(),
    next_run_at: date.nullable(),
    last_error: z.string().nullable(),
    suggested_action: z.string().nullable(),
  })
  .openapi("Explanation");

const HistoryQuery = z.object({
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().optional(),
});

const turn = { revision: z.int(), at: date, service: z.string(), cause: z.string() };
const change = { from: z.string().nullable(), to: z.string(), why: z.string().nullable() };
const ProductHistory = z
  .object({ rows: z.array(z.object({ ...turn, ...change })), next_cursor: z.string().nullable() })
  .openapi("ProductHistory");
const PlanHistory = z
  .object({
    rows: z.array(
      z.object({
        ...turn,
        changes: z.array(
          z.object({ id: id.nullable().openapi({ description: "Null: the dataset itself" }), ...change }),
        ),
        is_cut: z.boolean().openapi({ description: "It changed more than the first 1,000" }),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .openapi("PlanHistory");

export function explainRoutes(parts: AppParts): OpenAPIHono {
  const { supervisor, database } = parts;
  const routes = new OpenAPIHono();
  const { sql } = database;

  openOperation(
    routes,
    { method: "get", path: `${one}/explain`, summary: "Why a product is in its state", tag, answer: Explanation },
    async ({ param }) => {
      const { view, product } = await existing(supervisor, param("dataset_id"), param("data_product_id"));
      return json(await explainProduct(parts, view, product));
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: `${one}/history`,
      summary: "What a product did",
      tag,
      query: HistoryQuery,
      answer: ProductHistory,
    },
    async ({ c, param }) => {
      const { below, limit } = pageIn(c.req.raw.url);
      const { view, product } = await existing(supervisor, param("dataset_id"), param("data_product_id"));
      const { turns, next } = await productHistory(sql, view.dataset.datasetId, product.productId, below, limit);
      const rows = turns.flatMap(({ revision, at, service, cause, changes }) =>
        changes.toReversed().map(({ from, to, why = null }) => ({ revision, at, service, cause, from, to, why })),
      );
      return json({ rows, next_cursor: next === null ? null : String(next) });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/plan/{dataset_id}/history",
      summary: "What a plan did",
      tag: "plan",
      query: HistoryQuery,
      answer: PlanHistory,
    },
    async ({ c, param }) => {
      const { below, limit } = pageIn(c.req.raw.url);
      const datasetId = param("dataset_id");
      if ((await supervisor.read(datasetId)) === null) throw new NotFoundError("dataset", datasetId);
      const { turns, next } = await planHistory(sql, datasetId, below, limit);
      const rows = turns.map(({ revision, at, service, cause, changes, isCut }) => ({
        revision,
        at,
        service,
        cause,
        changes: changes.map(({ productId, from, to, why = null }) => ({ id: productId, from, to, why })),
        is_cut: isCut,
      }));
      return json({ rows, next_cursor: next === null ? null : String(next) });
    },
  );
  return routes;
}

async function existing(
  supervisor: AppParts["supervisor"],
  datasetId: string,
  productId: string,
): Promise<{ view: PlanView; product: ProductRow }> {
  const view = await supervisor.read(datasetId);
  if (view === null) throw new NotFoundError("dataset", datasetId);
  const product = view.products.get(productId);
  if (product === undefined) throw new NotFoundError("data product", productId, ` in dataset ${datasetId}`);
  return { view, product };
}

export type ExplainParts = Pick<AppParts, "database" | "computes" | "clock">;

/** Why `product` is in its state, as `explain` answers it. The view may be of before the first await only. */
export async function explainProduct(
  parts: ExplainParts,
  view: PlanView,
  product: ProductRow,
): Promise<z.output<typeof Explanation>> {
  const { sql } = parts.database;
  const { dataset } = view;
  // Before the next await: the view follows later commits.
  const blockers = blockersOf(view, product);
  const { datasetId } = dataset;
  const { productId, state } = product;
  const failure = state === "failed" ? await failureOf(parts, datasetId, productId) : null;
  const job = await jobOf(parts, datasetId, product, failure);
  const expectation = await findExpectation(sql, datasetId, productId);
  const isQueued = state === "queued" && job !== null;
  const nowMs = epochMsOf(parts.clock.now());
  const told = explained({
    dataset,
    product,
    blockers,
    isExternal: product.jobId === null && !parts.computes.dispatches(product.compute),
    job,
    pause: isQueued ? await findPause(sql, job.queue, job.jobType) : null,
    delay: isQueued ? await findDelay(sql, job, nowMs) : null,
    nobody: isQueued ? await nobodyFor(parts, job) : null,
    failure,
    deadline: expectation?.deadlineAt ? { at: expectation.deadlineAt, missedAt: expectation.missedAt } : null,
  });
  return {
    state,
    summary: told.summary,
    blocked_by: blockers.slice(0, blockersMax).map((row) => ({
      id: row.productId,
      name: row.name,
      state: row.state,
      since: row.modifiedAt,
    })),
    job_id: product.jobId,
    next_run_at: told.next_run_at,
    last_error: told.last_error,
    suggested_action: told.suggested_action,
  };
}

function blockersOf(view: PlanView, product: ProductRow): ProductRow[] {
  if (product.state !== "waiting") return [];
  const blockers: ProductRow[] = [];
  for (const { parentId, childId } of view.dependencies.values()) {
    const parent = childId === product.productId ? view.products.get(parentId) : undefined;
    if (parent !== undefined && parent.state !== "success" && parent.state !== "disabled") blockers.push(parent);
  }
  return blockers;
}

/** The job that the product waits for; of one that has failed by a job, that one. */
async function jobOf(
  { database }: ExplainParts,
  datasetId: string,
  product: ProductRow,
  failure: Failure | null,
): Promise<ToldJob | null> {
  if (product.jobId !== null) return await tellJob(database.sql, product.jobId);
  return failure?.isOfJob === true ? await tellLatestJob(database.sql, datasetId, product.productId) : null;
}

/** Null when somebody can run it. */
async function nobodyFor({ computes, database }: ExplainParts, job: ToldJob): Promise<string | null> {
  const compute = computes.get(job.jobType);
  const isRemote = compute?.kind === "worker";
  if (!isRemote && compute !== undefined && job.requires.length === 0) return null;
  const kind = isRemote ? "remote" : "node";
  const { able, draining } = await countWorkers(database.sql, { kind, queue: job.queue, requires: job.requires });
  if (able > 0 && compute !== undefined) return null;
  if (draining > 0) return `every worker that can run ${job.jobType} is draining`;
  const labels = job.requires.length === 0 ? "" : ` with the labels ${job.requires.join(", ")}`;
  return `no node or worker can run compute ${job.jobType}${labels}`;
}

/** What made it fail: the newest turn that was about its state, not only about its definition. */
async function failureOf({ database }: ExplainParts, datasetId: string, productId: ProductId): Promise<Failure | null> {
  const { turns } = await productHistory(database.sql, datasetId, productId, null, failureTurnsMax);
  for (const { service, cause, changes } of turns) {
    const change = changes.findLast(({ from, to, why }) => to === "failed" && (from !== "failed" || why !== undefined));
    if (change) return { service, reason: change.why ?? null, isOfJob: /^(attempt|lease)\./.test(cause) };
  }
  return null;
}

function pageIn(url: string): { below: number | null; limit: number } {
  const query = queryOf(url);
  const limit = wholeOf(query, "limit", { min: 1, max: 200, or: 50 });
  const cursor = query.get("cursor");
  if (cursor === null || cursor === "") return { below: null, limit };
  if (!/^\d{1,15}$/.test(cursor))
    throw new InvalidRequestError("cursor: send the next_cursor of the page before", "cursor");
  return { below: Number(cursor), limit };
}
