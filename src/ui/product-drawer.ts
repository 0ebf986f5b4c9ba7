/** One product beside its plan: why it is in its state, what became of it, what it prints, what it was given and gave back. */
import type { DatasetId, JobId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { ProductRow } from "../model/plan.ts";
import type { Caller } from "../model/service.ts";
import type { PastTurn } from "../store/history.ts";
import type { ProductAttempt } from "../store/product-attempts.ts";
import { jsonMarkup } from "./json-markup.ts";
import { computeTitle, escapeHtml, type Fact, factsMarkup, linkMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { productButtons } from "./plan-actions.ts";
import { storyMarkup } from "./product-story.ts";

export interface ShownProduct {
  readonly datasetId: DatasetId;
  readonly product: ProductRow;
  readonly why: Why;
  readonly turns: readonly PastTurn[];
  readonly attempts: readonly ProductAttempt[];
  /** Whose log is shown; null: it never had a job. */
  readonly jobId: JobId | null;
}

/** Of the answer of `explain`. */
interface Why {
  readonly summary: string;
  readonly blocked_by: readonly { readonly id: string; readonly name: string; readonly state: string }[];
  readonly last_error: string | null;
  readonly suggested_action: string | null;
}

/** Blockers that are named. */
const blockersMax = 10;

/** The parts with ids are replaced while it is open; the log is followed instead. */
export function productDrawer(shown: ShownProduct, viewer: Caller | null, nowMs: number): string {
  const { datasetId, product, why, turns, attempts, jobId } = shown;
  const name = escapeHtml(product.name);
  return (
    `<aside class="drawer" id="drawer" data-product="${product.productId}" aria-labelledby="drawer_title">` +
    `<header><div id="drawer_state">${stateMarkup(product.state)}</div>` +
    `<h2 id="drawer_title" tabindex="-1">${name}<span class="muted">:${escapeHtml(product.version)}</span></h2>` +
    `<a class="close" href="/plan/${datasetId}" data-close-drawer aria-label="Close ${name}">Close</a></header>` +
    `<div class="inside">` +
    `<div class="buttons needs-script" id="drawer_actions" hidden>${productButtons(product, viewer)}</div>` +
    `<section><h3>Why</h3><div id="drawer_why">${whyMarkup(shown.datasetId, why)}</div></section>` +
    `<dl class="facts" id="drawer_facts">${facts(product, nowMs)}</dl>` +
    `<section><h3>Timeline</h3><div id="drawer_story">${storyMarkup(turns, attempts, nowMs)}</div></section>` +
    `<section id="drawer_log"${jobId === null ? "" : ` data-job="${jobId}"`}><h3>Log</h3>${logMarkup(jobId)}</section>` +
    `<div id="drawer_json">${json("Passthrough", product.passthrough)}${json("Passback", product.passback)}${json("Extra", product.extra)}</div>` +
    `</div></aside>`
  );
}

function whyMarkup(datasetId: DatasetId, why: Why): string {
  const blockers = why.blocked_by.slice(0, blockersMax).map(({ id, name, state }) => {
    const href = `/plan/${datasetId}?product=${id}`;
    return `<li><a href="${href}" data-open="${id}">${escapeHtml(name)}</a> ${stateMarkup(state)}</li>`;
  });
  const others = why.blocked_by.length - blockers.length;
  const list =
    blockers.length === 0
      ? ""
      : `<ul class="blockers" aria-label="Waits for">${blockers.join("")}${others > 0 ? `<li class="muted">and ${others} more</li>` : ""}</ul>`;
  const next = why.suggested_action === null ? "" : `<p class="muted">${escapeHtml(why.suggested_action)}</p>`;
  return `<p>${escapeHtml(why.summary)}</p>${list}${next}`;
}

function facts(product: ProductRow, nowMs: number): string {
  const all: Fact[] = [
    ["Product ID", `<span class="id">${product.productId}</span>`],
    ["Compute", escapeHtml(computeTitle(product.compute))],
    ["Eager", String(product.eager)],
    ["Last update", `${timeMarkup(product.modifiedAt, nowMs)} by ${escapeHtml(product.modifiedBy)}`],
  ];
  if (product.runId !== null) all.push(["Run ID", `<span class="id">${product.runId}</span>`]);
  if (product.link !== null) all.push(["Link", linkMarkup(product.link)]);
  return factsMarkup(all);
}

/** Without script there is a link to the text. */
function logMarkup(jobId: JobId | null): string {
  if (jobId === null) return `<p class="muted">Nothing here runs it, so it prints nothing here.</p>`;
  return (
    `<p class="muted"><a href="/api/job/${jobId}/log">All of it as text</a> <span id="log_state" role="status"></span></p>` +
    `<pre class="log" id="log" tabindex="0" aria-label="Log" hidden></pre>`
  );
}

const json = (title: string, text: JsonText | null): string =>
  text === null ? "" : `<section><h3>${title}</h3>${jsonMarkup(text)}</section>`;
