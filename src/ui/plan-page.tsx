/** @jsxImportSource hono/jsx */
/** The page of one plan: its dataset, its graph, its data products, its JSON. The parts that live updates replace have ids. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { DatasetId } from "../model/ids.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import {
  graphList,
  isLarge,
  newestOf,
  onPage,
  type Part,
  planActions,
  planFacts,
  planJson,
  planState,
  rowsAPage,
  type ShownPlan,
  shapeOf,
} from "./plan-parts.ts";
import { inOrder, productRows } from "./product-rows.ts";

/** What is below the fold is laid out when it comes into view, from this many products on. */
const deferredMin = 100;

export interface Gathered {
  readonly part: Part;
  /** Markup of the product beside the plan; empty: none. */
  readonly drawer: string;
  readonly gantt: string;
}

export function planPage(plan: ShownPlan, look: Look, { part, drawer, gantt }: Gathered): string {
  const { nowMs } = look;
  const { datasetId } = plan.dataset;
  const products = inOrder(plan);
  const large = isLarge(plan);
  const deferred = products.length >= deferredMin ? " deferred" : "";
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
          <span class="states" id="plan_state" data-shape={shapeOf(plan)} data-newest={newestOf(plan)}>
            {raw(planState(plan))}
          </span>
          <span class="spacer" />
          <div class="buttons needs-script" id="plan_actions" hidden>
            {raw(planActions(plan, look))}
          </div>
        </div>
        <div id="plan" data-dataset={datasetId} data-large={large ? "true" : undefined}>
          <dl class="facts" id="plan_facts">
            {raw(planFacts(plan, nowMs))}
          </dl>
          <div class="block">
            <div class="heading">
              <h2 id="graph_title">Graph</h2>
              <GraphTools />
            </div>
            <section
              class={`card graph${deferred === "" ? "" : " tall"}`}
              id="graph"
              aria-labelledby="graph_title"
              tabindex={0}
            >
              <ol class="graph-source" id="graph_source">
                {raw(graphList(products, plan, part))}
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
              <table class={`products stack${deferred === "" ? "" : " many"}`}>
                <thead>
                  <tr>
                    {columns.map((column) => (
                      <th>{column}</th>
                    ))}
                  </tr>
                </thead>
                <tbody id="products">{raw(productRows(onPage(products, plan, part), nowMs))}</tbody>
              </table>
            </section>
            {large ? <Pages all={products.length} page={part.page} /> : null}
          </div>
          <div class="block">
            <h2 id="json_title">JSON</h2>
            <section class={`card json${deferred}`} id="plan_json" aria-labelledby="json_title" tabindex={0}>
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

/** Of the table of a large plan. */
const Pages: FC<{ all: number; page: number }> = ({ all, page }) => {
  const last = Math.ceil(all / rowsAPage) - 1;
  const first = page * rowsAPage + 1;
  return (
    <nav class="pages" aria-label="Pages of data products">
      {page > 0 ? <a href={`?rows=${page - 1}#products_title`}>Previous {rowsAPage}</a> : null}
      <span class="muted">
        {first} to {Math.min(first + rowsAPage - 1, all)} of {all}, parents first
      </span>
      {page < last ? <a href={`?rows=${page + 1}#products_title`}>Next {rowsAPage}</a> : null}
    </nav>
  );
};

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
    <ul id="graph_hits" class="hits" aria-label="Products found" />
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
      <button type="button" data-view="collapse" hidden>
        Collapse
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
