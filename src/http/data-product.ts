/** Data products: read one; update, clear, disable and enable some (CONTRACT.md §4, §7, §10). */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { ClientCommand, StateReport } from "../model/command.ts";
import { MethodNotAllowedError, NotFoundError } from "../model/errors.ts";
import type { ProductId } from "../model/ids.ts";
import { jsonTextOf } from "../model/json.ts";
import { StateNotReportableError } from "../model/plan-errors.ts";
import type { Role } from "../model/service.ts";
import { notModified, planText } from "./answer.ts";
import { checkedList, uuid } from "./check.ts";
import { type Asked, guardedOperation, openOperation } from "./operation.ts";
import { originOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";
import { ProductIds, planSchemas, StateParam } from "./schemas.ts";

const tag = "data_product";

/** Writes on a list of products, each its own verb at the end of the path or as the method. */
const listWrites: readonly { type: ListWrite; method: "put" | "delete"; verb: string; role: Role; summary: string }[] =
  [
    { type: "products.clear", method: "put", verb: "/clear", role: "update", summary: "Send products back to waiting" },
    { type: "products.disable", method: "delete", verb: "", role: "disable", summary: "Disable products" },
    { type: "products.enable", method: "put", verb: "/enable", role: "disable", summary: "Enable disabled products" },
  ];
type ListWrite = Extract<ClientCommand, { productIds: ProductId[] }>["type"];

/** Literal ends of the path, which win over a product's id. */
const verbs = new Set(["update", "clear", "enable"]);

export function dataProductRoutes({ supervisor, auth, computes }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { Plan, DataProduct } = planSchemas(computes.names());

  async function submit(ask: Asked<unknown>, command: ClientCommand, route: string): Promise<Response> {
    const { datasetId, type: cause } = command;
    const origin = await originOf(ask, supervisor, { cause, route, datasetId });
    const answer = await supervisor.submit(command, origin);
    return planText(answer.planJson, answer.revision);
  }

  const one = "/data_product/{dataset_id}/{data_product_id}";
  for (const verb of verbs) {
    routes.get(`/data_product/:dataset_id/${verb}`, (c) => {
      throw new MethodNotAllowedError(c.req.method, ["PUT"]);
    });
  }
  openOperation(
    routes,
    { method: "get", path: one, summary: "Read a data product", tag, answer: DataProduct },
    async ({ c, param }) => {
      const datasetId = param("dataset_id");
      const productId = param("data_product_id");
      const view = await supervisor.read(datasetId);
      if (view === null) throw new NotFoundError("dataset", datasetId);
      const product = view.productJson(productId);
      if (product === null) throw new NotFoundError("data product", productId, ` in dataset ${datasetId}`);
      const unchanged = notModified(c.req.raw.headers.get("if-none-match"), view.revision);
      return unchanged ?? planText(product, view.revision);
    },
  );

  guardedOperation<StateReport[]>(
    routes,
    auth,
    {
      method: "put",
      path: "/data_product/{dataset_id}/update",
      role: "update",
      audit: { action: "products.update", keptAs: "event" },
      summary: "Report the states of products",
      tag,
      body: StateParam.array(),
      read: readReports,
      answer: Plan,
    },
    (ask) => {
      const datasetId = ask.param("dataset_id");
      // Before the dataset is looked up.
      for (const { productId, state } of ask.body) {
        if (notReportable.has(state)) throw new StateNotReportableError(productId, state);
      }
      return submit(ask, { type: "products.update", datasetId, reports: ask.body }, "PUT /data_product/update");
    },
  );

  for (const { type, method, verb, role, summary } of listWrites) {
    const path = `/data_product/{dataset_id}${verb}`;
    guardedOperation<ProductId[]>(
      routes,
      auth,
      {
        method,
        path,
        role,
        audit: { action: type, keptAs: "event" },
        summary,
        tag,
        body: ProductIds,
        read: (parsed) => checkedList(uuid, parsed),
        answer: Plan,
      },
      (ask) =>
        submit(
          ask,
          { type, datasetId: ask.param("dataset_id"), productIds: ask.body },
          `${method.toUpperCase()} /data_product${verb}`,
        ),
    );
  }
  return routes;
}

const notReportable: ReadonlySet<string> = new Set(["waiting", "queued", "disabled"]);

function readReports(parsed: unknown): StateReport[] {
  return checkedList(StateParam, parsed).map(({ id, state, run_id, link, passback }) => ({
    productId: id,
    state,
    runId: run_id ?? null,
    link: link ?? null,
    passback: jsonTextOf(passback),
  }));
}
