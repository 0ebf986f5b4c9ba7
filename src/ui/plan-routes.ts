/** The page of a plan, and the fragments that keep it live: its rows, one product, what an action would do. */
import { type Context, Hono } from "hono";
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
import { planPage, planUpdate } from "./plan-page.tsx";
import { productDrawer } from "./product-drawer.ts";
import { findShownProduct } from "./shown-product.ts";

type PlanPageParts = Pick<AppParts, "supervisor" | "database" | "clock" | "computes">;

/** A live update that names more products than this gets the whole plan. */
const productsNamedMax = 100;

export function planPageRoutes(parts: PlanPageParts, lookOf: LookOf): Hono {
  const { supervisor, clock } = parts;
  const nowMs = (): number => epochMsOf(clock.now());
  const routes = new Hono();

  /** `?product=…`: with that product beside it. */
  routes.get("/plan/:dataset_id", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    if (plan === null) return htmlAnswer(c, notFoundPage(look), 404);
    const productId = parseUuid(c.req.query("product") ?? "");
    const shown = productId === null ? null : await findShownProduct(parts, plan, productId);
    const drawer = shown === null ? "" : productDrawer(shown, look.viewer, look.nowMs);
    const gantt = await planGantt(parts, plan, look.nowMs);
    return htmlAnswer(c, planPage(plan, look, { drawer, gantt }));
  });

  /** `?product=…&product=…`: only the rows of these. */
  routes.get("/component/plan/:dataset_id", async (c) => {
    const [look, plan] = await Promise.all([lookOf(c), findPlan(c)]);
    if (plan === null) return htmlAnswer(c, notFoundPage(look), 404);
    const named = (c.req.queries("product") ?? []).map(parseUuid).filter((id) => id !== null);
    return htmlAnswer(c, planUpdate(plan, named.length > productsNamedMax ? [] : named, look));
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
