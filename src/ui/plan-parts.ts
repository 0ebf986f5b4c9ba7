/** The parts of a plan's page that live updates replace, and how much of a plan of thousands is in the page at once. */
import { epochMsOf, type Instant } from "../model/clock.ts";
import type { ProductId } from "../model/ids.ts";
import type { DatasetRow, DependencyRow, ProductRow, ProductState } from "../model/plan.ts";
import { count } from "./figures.ts";
import type { Look } from "./look.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { planButtons } from "./plan-actions.ts";
import { groupedSource } from "./plan-groups.ts";
import { prettyJson } from "./pretty-json.ts";
import { graphSource, inOrder, productRows } from "./product-rows.ts";

/** What the supervisor's committed view of a plan offers. */
export interface ShownPlan {
  readonly revision: number;
  readonly dataset: DatasetRow;
  readonly products: ReadonlyMap<ProductId, ProductRow>;
  readonly dependencies: ReadonlyMap<string, DependencyRow>;
  json(): string;
}

/** What of a large plan is asked for. */
export interface Part {
  /** Of the table, from 0. */
  readonly page: number;
  /** Keys of groups whose products are in the graph one by one. */
  readonly open: ReadonlySet<string>;
}

/** A plan of more products is large: its graph shows groups, its table has pages, and its JSON is behind a link. */
const wholeMax = 1500;
export const rowsAPage = 500;

export const isLarge = ({ products }: ShownPlan): boolean => products.size > wholeMax;

const order: readonly ProductState[] = ["failed", "running", "queued", "waiting", "success", "disabled"];

/** Clocks of several nodes differ by less, one hopes: a change is not older than the newest one known by more. */
const clockSkewMs = 5000;

/** What a live update wants to have besides the head. */
export type Wanted =
  /** These rows. */
  | { readonly rows: readonly ProductId[] }
  /** Rows that were changed since, as another node does not tell which. */
  | { readonly since: Instant }
  | "everything";

/**
 * The parts of the page that change, under the same ids. `data-shape` tells whether products or dependencies were added,
 * `data-newest` when a product changed last.
 */
export function planUpdate(plan: ShownPlan, wanted: Wanted, part: Part, look: Look): string {
  const { nowMs } = look;
  const head =
    `<span id="plan_state" data-shape="${shapeOf(plan)}" data-newest="${newestOf(plan)}">${planState(plan)}</span>` +
    `<dl id="plan_facts">${planFacts(plan, nowMs)}</dl><div id="plan_actions">${planActions(plan, look)}</div>`;
  if (wanted !== "everything") {
    return `${head}<table><tbody id="products">${productRows(someOf(plan, wanted), nowMs)}</tbody></table>`;
  }
  const products = inOrder(plan);
  return (
    `${head}<ol id="graph_source">${graphList(products, plan, part)}</ol>` +
    `<table><tbody id="products">${productRows(onPage(products, plan, part), nowMs)}</tbody></table>` +
    `<div id="plan_json">${planJson(plan)}</div>`
  );
}

function someOf({ products }: ShownPlan, wanted: Exclude<Wanted, string>): ProductRow[] {
  if ("rows" in wanted) return wanted.rows.map((id) => products.get(id)).filter((product) => product !== undefined);
  const sinceMs = epochMsOf(wanted.since) - clockSkewMs;
  return [...products.values()].filter(({ modifiedAt }) => epochMsOf(modifiedAt) >= sinceMs);
}

/** Neither products nor dependencies are ever taken away. */
export const shapeOf = ({ products, dependencies }: ShownPlan): string => `${products.size}:${dependencies.size}`;

export function newestOf({ products }: ShownPlan): Instant {
  let newest = "";
  for (const { modifiedAt } of products.values()) if (modifiedAt > newest) newest = modifiedAt;
  return newest;
}

export function graphList(ordered: readonly ProductRow[], plan: ShownPlan, { open }: Part): string {
  return isLarge(plan)
    ? groupedSource(ordered, [...plan.dependencies.values()], open)
    : graphSource(ordered, plan.dependencies.values());
}

/** Products that a search lists. */
const foundMax = 12;

/** Links to products whose `name:version` holds `text`, in any letter case: of a large plan, whose graph does not have them all. */
export function foundList({ products, dataset }: ShownPlan, text: string): string {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return "";
  let [found, items] = [0, ""];
  for (const { productId, name, version, state } of products.values()) {
    const label = `${name}:${version}`;
    if (!label.toLowerCase().includes(wanted)) continue;
    found += 1;
    if (found > foundMax) continue;
    const href = `/plan/${dataset.datasetId}?product=${productId}`;
    items += `<li><a href="${href}" data-open="${productId}">${escapeHtml(label)}</a>${stateMarkup(state)}</li>`;
  }
  const note = found > foundMax ? `${foundMax} of ${count(found)}` : found === 0 ? "None found" : "";
  return items + (note === "" ? "" : `<li class="muted">${note}</li>`);
}

export function onPage(ordered: readonly ProductRow[], plan: ShownPlan, { page }: Part): readonly ProductRow[] {
  return isLarge(plan) ? ordered.slice(page * rowsAPage, (page + 1) * rowsAPage) : ordered;
}

export const planJson = (plan: ShownPlan): string =>
  isLarge(plan)
    ? `<p class="empty">Of so many products it is not shown here: <a href="/api/plan/${plan.dataset.datasetId}">the plan as JSON</a></p>`
    : `<pre><code>${escapeHtml(prettyJson(plan.json()))}</code></pre>`;

/** The dataset's flag, then how many products are in each state. */
export function planState({ dataset, products }: ShownPlan): string {
  const counts = new Map<ProductState, number>();
  for (const { state } of products.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  let markup = `<span class="state ${dataset.paused ? "paused" : "unpaused"}">${dataset.paused ? "Paused" : "Active"}</span>`;
  for (const state of order) {
    const n = counts.get(state);
    if (n !== undefined) markup += ` <span class="state ${state}">${count(n)} ${state}</span>`;
  }
  return markup;
}

export function planActions({ dataset, products }: ShownPlan, { viewer }: Look): string {
  if (viewer === null) return "";
  let failed = 0;
  for (const { state } of products.values()) if (state === "failed") failed += 1;
  return planButtons(dataset, failed, viewer);
}

export function planFacts({ dataset }: ShownPlan, nowMs: number): string {
  const extra =
    dataset.extra === null
      ? ""
      : `<div><dt>Extra</dt><dd><code class="extra">${escapeHtml(dataset.extra)}</code></dd></div>`;
  return (
    `<div><dt>Dataset ID</dt><dd class="id">${dataset.datasetId}</dd></div>` +
    `<div><dt>Modified by</dt><dd>${escapeHtml(dataset.modifiedBy)}</dd></div>` +
    `<div><dt>Modified</dt><dd>${timeMarkup(dataset.modifiedAt, nowMs)}</dd></div>${extra}`
  );
}
