/** Gathers the bars of a plan's Gantt chart: attempts as they are stored, and of what is computed elsewhere what its turns tell. */
import type { AppParts } from "../http/parts.ts";
import { epochMsOf } from "../model/clock.ts";
import type { ProductId } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import { type PastTurn, planHistory } from "../store/history.ts";
import { attemptsOfProducts, type ProductAttempt } from "../store/product-attempts.ts";
import type { PlanView } from "../supervisor/supervisor.ts";
import { type Bar, ganttMarkup, rowsMax } from "./gantt.ts";
import { outcomeState } from "./product-story.ts";

/** Turns that are searched for products that others compute. */
const turnsMax = 500;
const bounds = { jobsMax: 3, attemptsMax: 10, tailLengthMax: 0 };

export async function planGantt(
  { database, computes }: Pick<AppParts, "database" | "computes">,
  view: PlanView,
  nowMs: number,
): Promise<string> {
  const { datasetId } = view.dataset;
  const products = lastMoved(view);
  const own = products.filter(({ compute }) => computes.dispatches(compute)).map(({ productId }) => productId);
  const others = new Set(products.map(({ productId }) => productId).filter((id) => !own.includes(id)));
  const [attempts, history] = await Promise.all([
    own.length === 0 ? [] : attemptsOfProducts(database.sql, { datasetId, productIds: own, ...bounds }),
    others.size === 0 ? null : planHistory(database.sql, datasetId, null, turnsMax),
  ]);
  const bars = [...attempts.flatMap(barOfAttempt), ...barsOfTurns(history?.turns ?? [], others)];
  return ganttMarkup(datasetId, products, bars, nowMs);
}

/** Of those that are or were computed. */
function lastMoved({ products }: PlanView): ProductRow[] {
  const moved = [...products.values()].filter(({ state }) => state !== "waiting");
  if (moved.length <= rowsMax) return moved;
  return moved.sort((a, b) => (a.modifiedAt < b.modifiedAt ? 1 : -1)).slice(0, rowsMax);
}

function barOfAttempt({ productId, startedAt, finishedAt, outcome, attempt }: ProductAttempt): Bar[] {
  if (startedAt === null) return []; // it was given up before it began
  const what = `attempt ${attempt} ${outcome.replace("_", " ")}`;
  const toMs = finishedAt === null ? null : epochMsOf(finishedAt);
  return [{ productId, fromMs: epochMsOf(startedAt), toMs, tone: outcomeState(outcome), what }];
}

/** From running to what came after it. Success without a beginning is a moment. */
export function barsOfTurns(turns: readonly PastTurn[], wanted: ReadonlySet<ProductId>): Bar[] {
  const bars: Bar[] = [];
  const begun = new Map<ProductId, number>();
  for (const { at, changes } of turns.toReversed()) {
    const atMs = epochMsOf(at);
    for (const { productId, to } of changes) {
      if (productId === null || !wanted.has(productId)) continue;
      const fromMs = begun.get(productId);
      const isEnd = to === "success" || to === "failed";
      if (fromMs !== undefined || isEnd) {
        const tone = isEnd ? to : "cancelled";
        const what = isEnd ? to : to === "running" ? "reported again" : "taken back";
        bars.push({ productId, fromMs: fromMs ?? atMs, toMs: atMs, tone, what });
        begun.delete(productId);
      }
      if (to === "running") begun.set(productId, atMs);
    }
  }
  for (const [productId, fromMs] of begun)
    bars.push({ productId, fromMs, toMs: null, tone: "running", what: "running" });
  return bars;
}
