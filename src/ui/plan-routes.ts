/** The page of a plan, and the fragments that keep it live: its rows, one product, what an action would do. */
import { type Context, Hono } from "hono";
import { parseInstant } from "../http/date.ts";
import type { AppParts } from "../http/parts.ts";
import { epochMsOf } from "../model/clock.ts";
import { OrreryError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { previewCommand } from "../supervisor/preview.ts";
import type { PlanView } from "../supervisor/supervisor.ts";
import type { LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";
import { actionNames, mayAct, planActions } from "./plan-actions.ts";
import { effectForm, refusedForm } from "./plan-effect.ts";
import { planGantt } from "./plan-gantt.ts";
import { planPage } from "./plan-page.tsx";
import { foundList, graphList, type Part, planJson, planUpdate, type Wanted } from "./plan-parts.ts";
import { productDrawer } from "./product-drawer.ts";
import { inOrder } from "./product-rows.ts";
import { findShownProduct } from "./shown-product.ts";

type PlanPageParts = Pick<AppParts, "supervisor" | "database" | "clock" | "computes">;

/** A live update that names more products than this gets the whole plan. */
const productsNamedMax = 100;
const groupsOpenMax = 50;

export function planPageRoutes(parts: PlanPageParts, lookOf: LookOf): Hono {
  const { supervisor, clock } = parts;
  const nowMs = (): number => epochMsOf(clock.now());
  const routes = new Hono();

  /** `?product=…`: with that product beside it. Of a large plan `?rows=1`: the second page of its table; `?open=…`: a group opened. */
  routes.get("/plan/:dataset_id", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    if (plan === null) return htmlAnswer(c, notFoundPage(look), 404);
    const productId = parseUuid(c.req.query("product") ?? "");
    const shown = productId === null ? null : await findShownProduct(parts, plan, productId);
    const drawer = shown === null ? "" : productDrawer(shown, look.viewer, look.nowMs);
    const gantt = await planGantt(parts, plan, look.nowMs);
    return htmlAnswer(c, planPage(plan, look, { part: partIn(c), drawer, gantt }));
  });

  /** `?product=…&product=…`: only the rows of these. `?since=…`: only those that were changed since. */
  routes.get("/component/plan/:dataset_id", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    if (plan === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, planUpdate(plan, wantedIn(c), partIn(c), look));
  });

  routes.get("/component/plan/:dataset_id/graph", async (c) => {
    const plan = await findPlan(c);
    if (plan === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    return htmlAnswer(c, `<ol id="graph_source">${graphList(inOrder(plan), plan, partIn(c))}</ol>`);
  });

  /** `?name=…`: products called so. */
  routes.get("/component/plan/:dataset_id/find", async (c) => {
    const plan = await findPlan(c);
    if (plan === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    return htmlAnswer(c, `<ul id="graph_hits">${foundList(plan, c.req.query("name") ?? "")}</ul>`);
  });

  routes.get("/component/plan/:dataset_id/json", async (c) => {
    const plan = await findPlan(c);
    if (plan === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    return htmlAnswer(c, `<div id="plan_json">${planJson(plan)}</div>`);
  });

  routes.get("/component/plan/:dataset_id/product/:product_id", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    const productId = parseUuid(c.req.param("product_id"));
    const shown = plan === null || productId === null ? null : await findShownProduct(parts, plan, productId);
    if (shown === null) return htmlAnswer(c, notFoundPage(look), 404);
    return htmlAnswer(c, productDrawer(shown, look.viewer, nowMs()));
  });

  routes.get("/component/plan/:dataset_id/gantt", async (c) => {
    const plan = await findPlan(c);
    if (plan === null) return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
    return htmlAnswer(c, `<div id="gantt">${await planGantt(parts, plan, nowMs())}</div>`);
  });

  /** `?action=…&product=…`: what it would change, for those who may do it. Nothing is done. */
  routes.get("/component/plan/:dataset_id/effect", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    const action = actionNames.find((name) => name === c.req.query("action"));
    const productId = parseUuid(c.req.query("product") ?? "");
    const product = productId === null ? undefined : plan?.products.get(productId);
    if (plan === null || action === undefined || planActions[action].isOfProduct !== (product !== undefined))
      return htmlAnswer(c, notFoundPage(look), 404);
    const { datasetId } = plan.dataset;
    const asked = { action, datasetId, productId: product?.productId ?? null, name: product?.name ?? null };
    if (!mayAct(look.viewer, action)) {
      const reason = `This needs the role ${planActions[action].role}, which ${look.viewer?.service ?? "who is not signed in"} does not have`;
      return htmlAnswer(c, refusedForm(asked, reason), 403);
    }
    return htmlAnswer(c, await effectOf(plan, asked));
  });

  async function effectOf(plan: PlanView, asked: Parameters<typeof effectForm>[0]): Promise<string> {
    const { action, datasetId, productId } = asked;
    const command = planActions[action].command(datasetId, productId === null ? [] : [productId]);
    try {
      return effectForm(asked, await previewCommand(parts, plan, command));
    } catch (error) {
      if (error instanceof OrreryError) return refusedForm(asked, error.message);
      throw error;
    }
  }

  async function findPlan(c: Context<object, "/:dataset_id">) {
    const datasetId = parseUuid(c.req.param("dataset_id"));
    return datasetId === null ? null : supervisor.read(datasetId);
  }
  return routes;
}

function wantedIn(c: Context): Wanted {
  const rows = (c.req.queries("product") ?? []).map(parseUuid).filter((id) => id !== null);
  if (rows.length > 0 && rows.length <= productsNamedMax) return { rows };
  const since = rows.length === 0 ? parseInstant(c.req.query("since") ?? "") : null;
  return since === null ? "everything" : { since };
}

/** What is none of these is left out of account. */
function partIn(c: Context): Part {
  const given = Number(c.req.query("rows") ?? "0");
  const page = Number.isInteger(given) && given >= 0 && given < 1_000_000 ? given : 0;
  return { page, open: new Set((c.req.queries("open") ?? []).slice(0, groupsOpenMax)) };
}
