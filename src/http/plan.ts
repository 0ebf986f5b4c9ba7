/** Plans: publish, read, search, pause and unpause (CONTRACT.md §4, §7, §8). */
import { OpenAPIHono } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import type { DatasetId } from "../model/ids.ts";
import { type JsonText, jsonTextOf } from "../model/json.ts";
import type { DependencyDefinition, PublishedProduct } from "../model/plan.ts";
import { UnknownComputeError } from "../model/plan-errors.ts";
import { searchPlans } from "../store/search.ts";
import { jsonText, notModified, planText } from "./answer.ts";
import { checked, checkedList } from "./check.ts";
import { readExpectation } from "./expectation.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { originOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";
import { type PlanSchemas, planSchemas, SearchQuery, SearchReturn } from "./schemas.ts";
import { readSearch } from "./search-query.ts";

const tag = "plan";

interface Publication {
  readonly datasetId: DatasetId;
  readonly extra: JsonText | null;
  readonly products: PublishedProduct[];
  readonly dependencies: DependencyDefinition[];
}

export function planRoutes({ supervisor, database, auth, computes }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const schemas = planSchemas(computes.names());
  const { PlanParam, Plan } = schemas;

  // Before {dataset_id}: the literal wins.
  openOperation(
    routes,
    { method: "get", path: "/plan/search", summary: "Search plans", tag, query: SearchQuery, answer: SearchReturn },
    async ({ c }) => {
      const { rows, nextPage } = await searchPlans(database.sql, readSearch(c.req.raw.url));
      const shown = rows.map(
        (row) => `{"dataset_id":"${row.datasetId}","extra":${row.extra ?? "null"},"modified_date":"${row.modifiedAt}"}`,
      );
      return jsonText(`{"rows":[${shown.join(",")}],"next_page":${nextPage}}`);
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/plan/{dataset_id}", summary: "Read a plan", tag, answer: Plan },
    async ({ c, param }) => {
      const datasetId = param("dataset_id");
      const view = await supervisor.read(datasetId);
      if (view === null) throw new NotFoundError("dataset", datasetId);
      const unchanged = notModified(c.req.raw.headers.get("if-none-match"), view.revision);
      return unchanged ?? planText(view.json(), view.revision);
    },
  );

  guardedOperation<Publication>(
    routes,
    auth,
    {
      method: "post",
      path: "/plan",
      role: "publish",
      audit: { action: "plan.publish", keptAs: "event" },
      summary: "Create or extend a plan",
      tag,
      body: PlanParam,
      read: (parsed) => readPublication(parsed, schemas, computes),
      answer: Plan,
    },
    async (ask) => {
      const { datasetId } = ask.body;
      const origin = await originOf(ask, supervisor, { cause: "plan.publish", route: "POST /plan", datasetId });
      const answer = await supervisor.submit({ type: "plan.publish", ...ask.body }, origin);
      return planText(answer.planJson, answer.revision);
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "post",
      path: "/plan/{dataset_id}/retry-failed",
      role: "operate",
      audit: { action: "products.retry", keptAs: "event" },
      summary: "Clear what has failed, and all that depends on it",
      tag,
      answer: Plan,
    },
    async (ask) => {
      const datasetId = ask.param("dataset_id");
      const write = { cause: "products.retry", route: "POST /plan/retry-failed", datasetId };
      const answer = await supervisor.submit(
        { type: "products.retry", datasetId },
        await originOf(ask, supervisor, write),
      );
      return planText(answer.planJson, answer.revision);
    },
  );

  for (const verb of ["pause", "unpause"] as const) {
    guardedOperation(
      routes,
      auth,
      {
        method: "put",
        path: `/plan/{dataset_id}/${verb}`,
        role: "pause",
        audit: { action: `dataset.${verb}`, keptAs: "event" },
        summary: verb === "pause" ? "Stop triggering" : "Trigger again, now and from now on",
        tag,
        answer: Plan,
      },
      async (ask) => {
        const datasetId = ask.param("dataset_id");
        const cause = `dataset.${verb}` as const;
        const origin = await originOf(ask, supervisor, { cause, route: `PUT /plan/${verb}`, datasetId });
        const answer = await supervisor.submit({ type: cause, datasetId }, origin);
        return planText(answer.planJson, answer.revision);
      },
    );
  }
  return routes;
}

function readPublication(parsed: unknown, schemas: PlanSchemas, computes: AppParts["computes"]): Publication {
  const { dataset, data_products, dependencies } = checked(schemas.PlanOutline, parsed);
  const products = checkedList(schemas.ProductItem, data_products, "data_products");
  for (const { compute } of products) {
    if (!computes.isKnown(compute)) throw new UnknownComputeError(compute, [...computes.names()]);
  }
  return {
    datasetId: dataset.id,
    extra: jsonTextOf(dataset.extra),
    products: products.map((item, i) => {
      const { id, compute, name, version, eager, passthrough, extra } = item;
      const product = { productId: id, compute, name, version, eager };
      const whole = { ...product, passthrough: jsonTextOf(passthrough), extra: jsonTextOf(extra) };
      const expected = readExpectation(schemas.ExpectedItem, data_products[i], `data_products.${i}`);
      return expected === null ? whole : { ...whole, ...expected };
    }),
    dependencies: checkedList(schemas.DependencyParam, dependencies, "dependencies").map((edge) => ({
      parentId: edge.parent_id,
      childId: edge.child_id,
      extra: jsonTextOf(edge.extra),
    })),
  };
}
