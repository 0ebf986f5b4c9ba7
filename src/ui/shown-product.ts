/** Gathers what the drawer of a product shows. */
import { type ExplainParts, explainProduct } from "../http/explain.ts";
import type { ProductId } from "../model/ids.ts";
import { tellLatestJob } from "../store/explain.ts";
import { productHistory } from "../store/history.ts";
import { attemptsOfProducts } from "../store/product-attempts.ts";
import type { PlanView } from "../supervisor/supervisor.ts";
import type { ShownProduct } from "./product-drawer.ts";

const turnsMax = 50;
const bounds = { jobsMax: 5, attemptsMax: 10, tailLengthMax: 4096 };

/** Null when the plan has no such product. */
export async function findShownProduct(
  parts: ExplainParts,
  view: PlanView,
  productId: ProductId,
): Promise<ShownProduct | null> {
  const { sql } = parts.database;
  const { datasetId } = view.dataset;
  const product = view.products.get(productId);
  if (product === undefined) return null;
  const [why, { turns }, attempts, latest] = await Promise.all([
    explainProduct(parts, view, product),
    productHistory(sql, datasetId, productId, null, turnsMax),
    attemptsOfProducts(sql, { datasetId, productIds: [productId], ...bounds }),
    product.jobId === null ? tellLatestJob(sql, datasetId, productId) : null,
  ]);
  return { datasetId, product, why, turns, attempts, jobId: product.jobId ?? latest?.jobId ?? null };
}
