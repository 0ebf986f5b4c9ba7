/** @jsxImportSource hono/jsx */
/** Runs: the list of them, and one with its tasks; its plan is a page of its own. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { DatasetRow, ProductRow } from "../model/plan.ts";
import { type RunState, runStates } from "../store/template-runs.ts";
import { actionsMarkup } from "./actions.ts";
import { count } from "./figures.ts";
import { ChoiceFilter, FilterForm, TextFilter } from "./filter-form.tsx";
import { jsonMarkup } from "./json-markup.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { runTable, type ShownRun, tasksBar, templateLink, took } from "./run-rows.ts";
import { emptyCard, livePart, olderLink, tabbedPage, tableCard } from "./tabs.tsx";

export interface RunPage {
  readonly template: string | null;
  readonly state: RunState | null;
  readonly runs: readonly ShownRun[];
  readonly nextCursor: string | null;
}

export function runListPage(page: RunPage, look: Look): string {
  const part = runListPart(page, look);
  return tabbedPage({ section: "templates", tab: "/run", title: "Runs", head: <Filter {...page} />, part }, look);
}

const Filter: FC<RunPage> = ({ template, state }) => (
  <FilterForm action="/run">
    <TextFilter label="Template" name="template" value={template} />
    <ChoiceFilter label="State" name="state" value={state} choices={runStates.map((known) => [known, known])} />
    <button type="submit">Filter</button>
  </FilterForm>
);

export function runListPart({ template, state, runs, nextCursor }: RunPage, look: Look): string {
  if (runs.length === 0) {
    return template !== null || state !== null
      ? emptyCard("No run matches", '<a href="/run">All runs</a>')
      : emptyCard(
          "No runs yet",
          'A run is what a <a href="/template">template</a> is triggered to: by hand, by its schedule, by a backfill or at the end of a pass.',
        );
  }
  const query = new URLSearchParams({
    ...(template !== null && { template }),
    ...(state !== null && { state }),
    ...(nextCursor !== null && { cursor: nextCursor }),
  });
  return (
    runTable(runs, look.nowMs, true) + olderLink("/run", nextCursor === null ? null : query.toString(), "Older runs")
  );
}

export interface OneRun extends ShownRun {
  /** Null: its plan is not made yet. */
  readonly plan: { readonly dataset: DatasetRow; readonly products: readonly ProductRow[] } | null;
}

export function runPage(shown: OneRun, look: Look): string {
  const { runId, templateId } = shown.run;
  return document(
    { section: "templates", look, islands: ["part.js", "act.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Templates", "/template"],
            [templateId, `/template/${encodeURIComponent(templateId)}`],
            ["Run", `/run/${runId}`],
          ]}
          isLive
        />
        {raw(livePart(runPart(shown, look), look))}
      </>,
    ),
  );
}

/** Of a run of thousands, the first ones; its plan has them all. */
const tasksShownMax = 200;

export function runPart({ run, tasks, plan }: OneRun, look: Look): string {
  const { runId } = run;
  return (
    `<div class="title"><h1>Run</h1>${stateMarkup(run.state)}<span class="spacer"></span>${cancelAction({ run, tasks }, look)}</div>` +
    `<dl class="facts">${facts({ run, tasks }, look.nowMs)}</dl>` +
    `<div class="block">${tasksBar(tasks)}</div>` +
    `<div class="block"><h2>Tasks</h2>${taskTable(plan?.products ?? [], runId, look.nowMs)}</div>` +
    `<div class="block"><h2 id="params_title">Parameters</h2><section class="card json" aria-labelledby="params_title" tabindex="0">${jsonMarkup(run.params)}</section></div>`
  );
}

function cancelAction({ run, tasks }: ShownRun, look: Look): string {
  if (run.finishedAt !== null) return "";
  const left = Object.entries(tasks).reduce(
    (sum, [state, n]) => sum + (state === "success" || state === "disabled" ? 0 : n),
    0,
  );
  return actionsMarkup(look, "operate", "cancel it", [
    {
      name: "Cancel",
      method: "PUT",
      url: `/api/run/${run.runId}/cancel`,
      title: `Cancel this run of ${run.templateId}?`,
      text: `The ${count(left)} products that are not finished are disabled and their attempts stopped. What has succeeded keeps its result; enabling the others goes on.`,
      confirm: "Cancel the run",
      isGrave: true,
    },
  ]);
}

function facts({ run }: ShownRun, nowMs: number): string {
  const facts: Fact[] = [
    ["Run and dataset ID", `<span class="id">${run.runId}</span>`],
    ["Template", `${templateLink(run.templateId)}, version ${run.version}`],
    ["Plan", `<a href="/plan/${run.runId}">graph and data products</a>`],
    ["Jobs", `<a href="/job/list?dataset_id=${run.runId}">of its tasks</a>`],
    ["Triggered by", `${escapeHtml(run.triggeredBy)} <span class="muted">${run.source}</span>`],
    ["For", run.forAt === null ? null : timeMarkup(run.forAt, nowMs)],
    ["Begun", timeMarkup(run.createdAt, nowMs)],
    ["Ended", run.finishedAt === null ? null : timeMarkup(run.finishedAt, nowMs)],
    ["Took", took(run, nowMs)],
  ];
  return factsMarkup(facts);
}

const gravestFirst = ["failed", "running", "queued", "waiting", "success", "disabled"];

function taskTable(products: readonly ProductRow[], runId: string, nowMs: number): string {
  if (products.length === 0)
    return emptyCard("Its plan is not made yet", "A job of Orrery's own makes it in a moment.");
  const order = (product: ProductRow): number => gravestFirst.indexOf(product.state);
  // Within a state as the plan has them.
  const shown = products.toSorted((a, b) => order(a) - order(b)).slice(0, tasksShownMax);
  const rows = shown.map((product) => ({
    id: `task-${product.productId}`,
    cells: [
      `<a href="/plan/${runId}#product-${product.productId}">${escapeHtml(product.name)}</a>`,
      stateMarkup(product.state),
      product.jobId === null ? "" : `<a href="/job/${product.jobId}">its job</a>`,
      timeMarkup(product.modifiedAt, nowMs),
    ],
  }));
  const more = products.length - shown.length;
  const rest = more > 0 ? `<p class="more"><a href="/plan/${runId}">${count(more)} more, on its plan</a></p>` : "";
  return tableCard("Tasks", ["Task", "State", "Job", "Last update"], rows, "tasks") + rest;
}
