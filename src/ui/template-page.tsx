/** @jsxImportSource hono/jsx */
/** Templates: the list of them, and one with its schedule, how its runs went, its tasks and its versions. */
import { raw } from "hono/html";
import { instantOf } from "../model/clock.ts";
import type { TickRow } from "../store/schedules.ts";
import type { StoredVersion } from "../store/templates.ts";
import type { KnownTemplate } from "../templates/stored.ts";
import type { Schedule, Template } from "../templates/templates.ts";
import { type Action, actionMarkup, may, needsRole } from "./actions.ts";
import { count, duration } from "./figures.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { type CalendarDay, calendarMarkup } from "./run-calendar.ts";
import { runTable, type ShownRun, templateLink } from "./run-rows.ts";
import { emptyCard, livePart, olderLink, tabbedPage, tableCard } from "./tabs.tsx";
import { graphedTasksMax, taskGraph } from "./task-graph.ts";
import { TriggerDialog, triggerDialogId } from "./trigger-form.tsx";

export interface TemplateList {
  readonly rows: readonly ListedTemplate[];
  /** The next page comes after this id; null: there is none. */
  readonly nextAfter: string | null;
}

interface ListedTemplate extends KnownTemplate {
  /** Null: it has no schedule, or has never a tick again. */
  readonly nextAt: string | null;
  readonly lastRun: ShownRun | null;
}

export function templateListPage(templates: TemplateList, look: Look): string {
  const part = templateListPart(templates, look);
  return tabbedPage({ section: "templates", tab: "/template", title: "Templates", part }, look);
}

export function templateListPart({ rows: templates, nextAfter }: TemplateList, { nowMs }: Look): string {
  if (templates.length === 0) {
    return emptyCard(
      "No templates",
      "A template says what a plan is made of. Store one with <code>orrery template push FILE</code>, or name a folder of them: <code>templates: DIR</code> in orrery.yaml.",
    );
  }
  const rows = templates.map(({ template, head, nextAt, lastRun }) => ({
    id: `template-${template.id}`,
    cells: [
      `<strong>${templateLink(template.id)}</strong>${template.name === template.id ? "" : `<br><small class="muted">${escapeHtml(template.name)}</small>`}`,
      openOrPaused(head.paused),
      template.schedule === null ? "" : `<code>${escapeHtml(patternOf(template.schedule))}</code>`,
      nextAt === null || head.paused ? "" : timeMarkup(nextAt, nowMs),
      lastRun === null
        ? ""
        : `<a href="/run/${lastRun.run.runId}">${stateMarkup(lastRun.run.state)}</a> ${timeMarkup(lastRun.run.createdAt, nowMs)}`,
      count(template.tasks.length),
      String(template.version),
    ],
  }));
  const columns = ["Template", "State", "Schedule", "Next", "Last run", "#Tasks", "#Version"];
  const more = nextAfter === null ? null : new URLSearchParams({ after: nextAfter }).toString();
  return tableCard("Templates", columns, rows, "templates") + olderLink("/template", more, "More templates");
}

const openOrPaused = (paused: boolean): string =>
  `<span class="state ${paused ? "paused" : "unpaused"}">${paused ? "paused" : "open"}</span>`;

const patternOf = ({ cron, everyS }: Schedule): string => cron ?? `every ${duration(everyS ?? 0)}`;

export interface ShownTemplate extends KnownTemplate {
  readonly versions: readonly Omit<StoredVersion, "source">[];
  /** The next times of its schedule. */
  readonly nextTicks: readonly number[];
  readonly ticks: readonly TickRow[];
  readonly days: readonly CalendarDay[];
  readonly runs: readonly ShownRun[];
}

export function templatePage(shown: ShownTemplate, look: Look): string {
  const { template, versions } = shown;
  return document(
    { section: "templates", look, islands: ["part.js", "act.js", "template.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Templates", "/template"],
            [template.id, `/template/${encodeURIComponent(template.id)}`],
          ]}
          isLive
        />
        {raw(livePart(templatePart(shown, look), look))}
        {may(look, "publish") ? <TriggerDialog template={template} /> : null}
        <div class="block">
          <h2>Parameters</h2>
          {raw(paramTable(template))}
        </div>
        <div class="block">
          <h2>Tasks</h2>
          {template.tasks.length > graphedTasksMax ? null : (
            <section class="card graph" aria-label="Graph of tasks" tabindex={0}>
              {raw(taskGraph(template.tasks))}
            </section>
          )}
        </div>
        {raw(`<div class="block">${taskTable(template)}</div>`)}
        <div class="block">
          <h2>Versions</h2>
          {raw(versionTable(template, versions, look))}
        </div>
      </>,
    ),
  );
}

/** What moves: its state, its schedule, its runs. */
export function templatePart({ template, head, nextTicks, ticks, days, runs }: ShownTemplate, look: Look): string {
  const { nowMs } = look;
  const description =
    template.description === null ? "" : `<p class="lead muted">${escapeHtml(template.description)}</p>`;
  const query = escapeHtml(new URLSearchParams({ template: template.id }).toString());
  const runList =
    runs.length === 0
      ? emptyCard("No runs yet", "Trigger it, or let its schedule do so.")
      : `${runTable(runs, nowMs, false)}<p class="more"><a href="/run?${query}">All its runs</a></p>`;
  return (
    `<div class="title"><h1>${escapeHtml(template.name)}</h1>${openOrPaused(head.paused)}<span class="spacer"></span>${actionsOf(template, head.paused, look)}</div>` +
    `${description}<dl class="facts">${facts(template, head, nowMs)}</dl>` +
    `<div class="block schedule"><div><h2>How its runs went</h2><div class="card padded scroll" tabindex="0" role="region" aria-label="Calendar of runs">${calendarMarkup(days)}</div></div>` +
    `<div><h2>Next</h2>${nextMarkup(template, head.paused, nextTicks, nowMs)}${oddTicks(ticks, nowMs)}</div></div>` +
    `<div class="block"><h2>Runs</h2>${runList}</div>`
  );
}

function actionsOf({ id }: Template, paused: boolean, look: Look): string {
  const pause: Action = {
    name: paused ? "Unpause" : "Pause",
    method: "PUT",
    url: `/api/template/${encodeURIComponent(id)}/${paused ? "unpause" : "pause"}`,
    title: `${paused ? "Unpause" : "Pause"} the template ${id}?`,
    text: paused
      ? "Its schedule goes on: ticks that were missed are made up for as its policy says. Its backfills go on too."
      : "Its schedule ticks no more and its backfills start no more runs. Runs that go on are left alone, and it can be triggered by hand.",
    confirm: paused ? "Unpause" : "Pause",
  };
  const buttons =
    (may(look, "pause") ? actionMarkup(pause) : "") +
    (may(look, "publish")
      ? `<button type="button" class="act primary" data-open="${triggerDialogId}">Trigger…</button>`
      : "");
  return buttons === "" ? needsRole(look, "publish", "trigger it") : `<span class="acts">${buttons}</span>`;
}

function facts(template: Template, head: KnownTemplate["head"], nowMs: number): string {
  const { id, version, schedule, deadlineS, labels, tasks } = template;
  const facts: Fact[] = [
    ["Template ID", `<code>${escapeHtml(id)}</code>`],
    ["Version", String(version)],
    ["Tasks", count(tasks.length)],
    ["Schedule", schedule === null ? "none: by hand, or by a pass" : scheduleWords(schedule)],
    ["Deadline", deadlineS === null ? null : `${duration(deadlineS)} after a run's start`],
    [
      "Labels",
      Object.keys(labels).length === 0
        ? null
        : escapeHtml(
            Object.entries(labels)
              .map(([name, value]) => `${name}=${value}`)
              .join(", "),
          ),
    ],
    ["Modified", `${timeMarkup(head.modifiedAt, nowMs)} by ${escapeHtml(head.modifiedBy)}`],
  ];
  return factsMarkup(facts);
}

function scheduleWords(schedule: Schedule): string {
  const { timezone, missed, overlap, runsMax } = schedule;
  const zone = schedule.cron === null ? "" : ` ${escapeHtml(timezone)}`;
  const rules = `missed: ${missed} · overlap: ${overlap}${overlap === "allow" ? "" : ` (${runsMax} at once)`}`;
  return `<code>${escapeHtml(patternOf(schedule))}</code>${zone} <small class="muted">${rules}</small>`;
}

function nextMarkup({ schedule }: Template, paused: boolean, nextTicks: readonly number[], nowMs: number): string {
  if (schedule === null) return '<div class="card empty slim">It has no schedule.</div>';
  const local = new Intl.DateTimeFormat("en-GB", {
    timeZone: schedule.timezone,
    dateStyle: "medium",
    timeStyle: "short",
  });
  const items = nextTicks.map(
    (at) => `<li>${timeMarkup(instantOf(at), nowMs)} <span class="figure muted">${local.format(at)}</span></li>`,
  );
  const note = paused ? '<p class="reason">Paused: none of these comes.</p>' : "";
  return `<div class="card padded">${note}<ol class="ticks">${items.join("")}</ol><p class="muted zone">${escapeHtml(schedule.timezone)}</p></div>`;
}

const oddTicksMax = 5;

/** Ticks that made no run on time, the newest ones. */
function oddTicks(ticks: readonly TickRow[], nowMs: number): string {
  const odd = ticks.filter(({ state }) => state !== "fired").slice(0, oddTicksMax);
  if (odd.length === 0) return "";
  const items = odd.map(({ at, state }) => `<li>${stateMarkup(state)} ${timeMarkup(at, nowMs)}</li>`);
  return `<h2 class="later">Ticks without a run</h2><div class="card padded"><ol class="ticks">${items.join("")}</ol></div>`;
}

function paramTable({ params }: Template): string {
  if (params.size === 0) return '<div class="card empty slim">It takes no parameters.</div>';
  const rows = [...params].map(([name, { type, values, required, default: given, description }]) => ({
    cells: [
      `<code>${escapeHtml(name)}</code>`,
      type === "enum" ? escapeHtml(values.join(" | ")) : type,
      required
        ? "required"
        : given === null
          ? '<span class="muted none">none</span>'
          : `<code>${escapeHtml(given)}</code>`,
      escapeHtml(description ?? ""),
    ],
  }));
  return tableCard("Parameters", ["Name", "Type", "Default", "What it is"], rows, "params");
}

const tasksShownMax = 500;

function taskTable({ tasks }: Template): string {
  const rows = tasks.slice(0, tasksShownMax).map(({ id, name, kind, compute, dependsOn, work, eager, deadlineS }) => ({
    cells: [
      `<strong>${escapeHtml(name)}</strong>${name === id ? "" : ` <small class="muted">${escapeHtml(id)}</small>`}`,
      kind === "compute" ? `compute <code>${escapeHtml(compute)}</code>` : kind,
      escapeHtml(dependsOn.join(", ")),
      work?.attempts ? String(work.attempts - 1) : '<span class="muted none">–</span>',
      work?.timeoutS ? duration(work.timeoutS) : '<span class="muted none">–</span>',
      [
        eager ? "" : "waits for an update by hand",
        deadlineS === null ? "" : `due ${duration(deadlineS)} after the start`,
      ]
        .filter(Boolean)
        .join(", "),
    ],
  }));
  const rest =
    tasks.length > tasksShownMax ? `<p class="more muted">${count(tasks.length - tasksShownMax)} more</p>` : "";
  return tableCard("Tasks", ["Task", "Kind", "After", "#Retries", "#Timeout", "Notes"], rows, "template-tasks") + rest;
}

function versionTable({ id, version: latest }: Template, versions: ShownTemplate["versions"], look: Look): string {
  const source = (version: number): string =>
    may(look, "admin")
      ? `<a href="/api/template/${encodeURIComponent(id)}/source?version=${version}">its text</a>`
      : "";
  const rows = versions.map(({ version, origin, createdBy, createdAt, digest }) => ({
    cells: [
      `${version}${version === latest ? " <small>latest</small>" : ""}`,
      timeMarkup(createdAt, look.nowMs),
      escapeHtml(createdBy),
      origin === "file" ? "a file" : "the API",
      `<code>${escapeHtml(digest.slice(0, 12))}</code>`,
      source(version),
    ],
  }));
  return tableCard("Versions", ["Version", "Stored", "By", "From", "Digest", ""], rows, "versions");
}
