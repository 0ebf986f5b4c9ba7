/** @jsxImportSource hono/jsx */
/** The page of one plan: its dataset, its graph, its data products, its JSON. The parts that live updates replace have ids. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { DatasetRow, DependencyRow, ProductRow, ProductState } from "../model/plan.ts";
import { count } from "./figures.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";
import { planButtons } from "./plan-actions.ts";
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

const order: readonly ProductState[] = ["failed", "running", "queued", "waiting", "success", "disabled"];

export function planPage(
  plan: ShownPlan,
  look: Look,
  { drawer, gantt }: { readonly drawer: string; readonly gantt: string },
): string {
  const { nowMs } = look;
  const { datasetId } = plan.dataset;
  const products = inOrder(plan);
  return document(
    { section: "plans", look, islands: ["plan.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Search", "/"],
            ["Plan", `/plan/${datasetId}`],
          ]}
          isLive
        />
        <div class="title">
          <h1>Plan</h1>
          <span class="states" id="plan_state">
            {raw(planState(plan))}
          </span>
          <span class="spacer" />
          <div class="buttons needs-script" id="plan_actions" hidden>
            {raw(planActions(plan, look))}
          </div>
        </div>
        <div id="plan" data-dataset={datasetId}>
          <dl class="facts" id="plan_facts">
            {raw(planFacts(plan, nowMs))}
          </dl>
          <div class="block">
            <div class="heading">
              <h2 id="graph_title">Graph</h2>
              <GraphTools />
            </div>
            <section class="card graph" id="graph" aria-labelledby="graph_title" tabindex={0}>
              <ol class="graph-source" id="graph_source">
                {raw(graphSource(products, plan.dependencies.values()))}
              </ol>
              {products.length === 0 ? <EmptyPlan datasetId={datasetId} /> : null}
            </section>
          </div>
          <div class="block">
            <h2 id="gantt_title">Attempts</h2>
            <section class="card scrolled" id="gantt" aria-labelledby="gantt_title" tabindex={0}>
              {raw(gantt)}
            </section>
          </div>
          <div class="block">
            <h2 id="products_title">Data products</h2>
            <section class="card table" aria-labelledby="products_title" tabindex={0}>
              <table class="products stack">
                <thead>
                  <tr>
                    {columns.map((column) => (
                      <th>{column}</th>
                    ))}
                  </tr>
                </thead>
                <tbody id="products">{raw(productRows(products, nowMs))}</tbody>
              </table>
            </section>
          </div>
          <div class="block">
            <h2 id="json_title">JSON</h2>
            <section class="card json" id="plan_json" aria-labelledby="json_title" tabindex={0}>
              {raw(planJson(plan))}
            </section>
          </div>
        </div>
        {raw(drawer)}
        <dialog id="confirm" class="confirm" aria-labelledby="effect_title" />
        <p class="toast" id="toast" role="status" hidden />
      </>,
    ),
  );
}

const columns = ["Data Product ID", "Compute", "Name", "Version", "Eager", "State", "Run ID", "Link", "Last Update"];

/**
 * What a live update fetches: the parts of the page that change, under the same ids. With `only`, just the rows of those
 * products, as a plan of thousands would be too much to send for each change.
 */
export function planUpdate(plan: ShownPlan, only: readonly ProductId[], look: Look): string {
  const { nowMs } = look;
  const head =
    `<span id="plan_state">${planState(plan)}</span><dl id="plan_facts">${planFacts(plan, nowMs)}</dl>` +
    `<div id="plan_actions">${planActions(plan, look)}</div>`;
  if (only.length > 0) {
    const some = only.map((id) => plan.products.get(id)).filter((product) => product !== undefined);
    return `${head}<table><tbody id="products">${productRows(some, nowMs)}</tbody></table>`;
  }
  const products = inOrder(plan);
  return (
    `${head}<ol id="graph_source">${graphSource(products, plan.dependencies.values())}</ol>` +
    `<table><tbody id="products">${productRows(products, nowMs)}</tbody></table>` +
    `<div id="plan_json">${planJson(plan)}</div>`
  );
}

const planJson = (plan: ShownPlan): string => `<pre><code>${escapeHtml(prettyJson(plan.json()))}</code></pre>`;

/** The dataset's flag, then how many products are in each state. */
function planState({ dataset, products }: ShownPlan): string {
  const counts = new Map<ProductState, number>();
  for (const { state } of products.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  let markup = `<span class="state ${dataset.paused ? "paused" : "unpaused"}">${dataset.paused ? "Paused" : "Active"}</span>`;
  for (const state of order) {
    const n = counts.get(state);
    if (n !== undefined) markup += ` <span class="state ${state}">${count(n)} ${state}</span>`;
  }
  return markup;
}

function planActions({ dataset, products }: ShownPlan, { viewer }: Look): string {
  if (viewer === null) return "";
  let failed = 0;
  for (const { state } of products.values()) if (state === "failed") failed += 1;
  return planButtons(dataset, failed, viewer);
}

function planFacts({ dataset }: ShownPlan, nowMs: number): string {
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

/** Shown once there is a drawing to look around in. */
const GraphTools: FC = () => (
  <div class="graph-tools" id="graph_tools" hidden>
    <span id="graph_found" role="status" class="muted" />
    <input
      type="search"
      id="graph_search"
      placeholder="Find a product ( / )"
      aria-label="Find a product in the graph"
      autocomplete="off"
      spellcheck={false}
    />
    <span class="buttons">
      <button type="button" data-view="out" aria-label="Zoom out" title="Zoom out (-)">
        −
      </button>
      <button type="button" data-view="in" aria-label="Zoom in" title="Zoom in (+, Ctrl and wheel)">
        +
      </button>
      <button type="button" data-view="fit" title="Show all of it (0)">
        Fit
      </button>
    </span>
  </div>
);

const EmptyPlan: FC<{ datasetId: DatasetId }> = ({ datasetId }) => (
  <div class="empty">
    <strong>This plan has no data products yet</strong>
    <p>
      Publish it again with <code>POST /api/plan</code>, dataset id <code>{datasetId}</code> and the products to
      compute.
    </p>
  </div>
);
