/** @jsxImportSource hono/jsx */
/** Backfills: a form that shows first what it would make, those that go on, and one with its runs. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import { backfillStateOf } from "../http/backfill.ts";
import type { BackfillRow, BackfillRunRow } from "../store/backfills.ts";
import { actionMarkup, actionsMarkup, may, needsRole } from "./actions.ts";
import { count } from "./figures.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, exactTime, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { progressBar, templateLink } from "./run-rows.ts";
import { emptyCard, livePart, olderLink, tabbedPage, tableCard } from "./tabs.tsx";

export interface ShownBackfill {
  readonly backfill: BackfillRow;
  /** How many runs are in each state; `waiting`: not started. */
  readonly runs: Readonly<Record<string, number>>;
}

export interface Backfills {
  readonly backfills: readonly ShownBackfill[];
  /** Ids of the templates that may be filled. */
  readonly templates: readonly string[];
}

export function backfillListPage({ backfills, templates }: Backfills, look: Look): string {
  const head = may(look, "operate") ? (
    <BackfillForm templates={templates} />
  ) : (
    raw(`<p>${needsRole(look, "operate", "start one")}</p>`)
  );
  const part = backfillListPart(backfills, look);
  return tabbedPage(
    { section: "templates", tab: "/backfill", title: "Backfills", islands: ["backfill.js"], head, part },
    look,
  );
}

const BackfillForm: FC<{ templates: readonly string[] }> = ({ templates }) => (
  <form class="card padded block backfill" id="backfill_form">
    <h2>A new one</h2>
    <div class="fields">
      <label for="backfill_template">
        Template
        <select id="backfill_template" name="template" required>
          {templates.map((id) => (
            <option value={id}>{id}</option>
          ))}
        </select>
      </label>
      <label for="backfill_from">
        <span>
          From <small>UTC, or the schedule's zone</small>
        </span>
        <input id="backfill_from" type="date" name="from" required />
      </label>
      <label for="backfill_to">
        <span>
          To <small>included</small>
        </span>
        <input id="backfill_to" type="date" name="to" required />
      </label>
      <label for="backfill_step">
        <span>
          Step <small>or as the schedule ticks</small>
        </span>
        <input id="backfill_step" type="text" name="step" placeholder="1d, 6h" autocomplete="off" />
      </label>
      <label for="backfill_concurrency">
        Runs at once
        <input id="backfill_concurrency" type="number" name="concurrency" value="1" min="1" max="100" required />
      </label>
      <label for="backfill_params" class="wide">
        <span>
          Parameters of every run <small>a JSON object, optional</small>
        </span>
        <textarea id="backfill_params" name="params" rows={2} placeholder="{}" spellcheck={false} />
      </label>
    </div>
    <div class="form-foot">
      <button type="submit" disabled={templates.length === 0}>
        Preview
      </button>
      <span class="muted">
        {templates.length === 0 ? "There is no template yet." : "Shows each run first; nothing is stored."}
      </span>
    </div>
    <div id="backfill_preview" aria-live="polite" />
  </form>
);

export function backfillListPart(backfills: readonly ShownBackfill[], look: Look): string {
  if (backfills.length === 0) {
    return emptyCard("No backfills", "A backfill runs a template for each time of a range, a few runs at a time.");
  }
  const rows = backfills.map((shown) => {
    const { backfill } = shown;
    return {
      id: `backfill-${backfill.backfillId}`,
      cells: [
        `<a class="id" href="/backfill/${backfill.backfillId}">${backfill.backfillId}</a>`,
        stateMarkup(backfillStateOf(backfill)),
        `${templateLink(backfill.templateId)} <small class="muted">version ${backfill.version}</small>`,
        bar(shown),
        count(backfill.concurrencyMax),
        `${timeMarkup(backfill.createdAt, look.nowMs)} by ${escapeHtml(backfill.createdBy)}`,
        may(look, "operate") && goesOn(backfill) ? actionMarkup(cancelOf(shown)) : "",
      ],
    };
  });
  return tableCard("Backfills", ["Backfill", "State", "Template", "Runs", "#At once", "Begun", ""], rows, "backfills");
}

const runOrder = ["success", "failed", "cancelled", "running", "paused", "waiting"];
const goesOn = ({ cancelledAt, finishedAt }: BackfillRow): boolean => cancelledAt === null && finishedAt === null;

function bar({ runs }: ShownBackfill): string {
  const done = (runs.success ?? 0) + (runs.failed ?? 0) + (runs.cancelled ?? 0);
  return progressBar(runs, runOrder, done);
}

function cancelOf({ backfill, runs }: ShownBackfill) {
  const going = (runs.running ?? 0) + (runs.paused ?? 0);
  return {
    name: "Cancel",
    method: "PUT",
    url: `/api/backfill/${backfill.backfillId}/cancel`,
    title: `Cancel this backfill of ${backfill.templateId}?`,
    text: `The ${count(runs.waiting ?? 0)} runs that wait are not started, and the ${count(going)} that go on are cancelled: what is not finished of them is disabled. What has succeeded stays.`,
    confirm: "Cancel the backfill",
    isGrave: true,
  } as const;
}

export interface OneBackfill extends ShownBackfill {
  readonly rows: readonly BackfillRunRow[];
  /** The next page's `after`; null: there is none. */
  readonly nextAfter: number | null;
}

export function backfillPage(shown: OneBackfill, look: Look): string {
  const { backfillId } = shown.backfill;
  return document(
    { section: "templates", look, islands: ["part.js", "act.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Backfills", "/backfill"],
            ["Backfill", `/backfill/${backfillId}`],
          ]}
          isLive
        />
        {raw(livePart(backfillPart(shown, look), look))}
      </>,
    ),
  );
}

export function backfillPart(shown: OneBackfill, look: Look): string {
  const { backfill, rows, nextAfter } = shown;
  const { nowMs } = look;
  const facts: Fact[] = [
    ["Backfill ID", `<span class="id">${backfill.backfillId}</span>`],
    ["Template", `${templateLink(backfill.templateId)}, version ${backfill.version}`],
    ["Runs at once", count(backfill.concurrencyMax)],
    ["Begun", `${timeMarkup(backfill.createdAt, nowMs)} by ${escapeHtml(backfill.createdBy)}`],
    ["Cancelled", backfill.cancelledAt === null ? null : timeMarkup(backfill.cancelledAt, nowMs)],
    ["Ended", backfill.finishedAt === null ? null : timeMarkup(backfill.finishedAt, nowMs)],
  ];
  const table = rows.map(({ seq, at, params, runId, state }) => ({
    id: `seq-${seq}`,
    cells: [
      runId === null ? String(seq + 1) : `<a href="/run/${runId}">${seq + 1}</a>`,
      runId === null && backfill.cancelledAt !== null
        ? '<span class="state skipped">not started</span>'
        : stateMarkup(state),
      at === null ? "" : `<span class="figure">${exactTime(at).replace(".000", "")}</span>`,
      `<code class="extra">${escapeHtml(params)}</code>`,
    ],
  }));
  const actions = goesOn(backfill) ? actionsMarkup(look, "operate", "cancel it", [cancelOf(shown)]) : "";
  return (
    `<div class="title"><h1>Backfill</h1>${stateMarkup(backfillStateOf(backfill))}<span class="spacer"></span>${actions}</div>` +
    `<dl class="facts">${factsMarkup(facts)}</dl><div class="block">${bar(shown)}</div>` +
    `<div class="block"><h2>Runs, in order</h2>${tableCard("Runs of the backfill", ["Run", "State", "For", "Parameters"], table, "backfill-runs")}` +
    `${olderLink(`/backfill/${backfill.backfillId}`, nextAfter === null ? null : `after=${nextAfter}`, "More runs")}</div>`
  );
}
