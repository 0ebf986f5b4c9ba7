/** Runs as rows, and how far each is. */
import { epochMsOf } from "../model/clock.ts";
import type { RunRow, TaskCounts } from "../store/template-runs.ts";
import { count, duration } from "./figures.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { tableCard } from "./tabs.tsx";

export interface ShownRun {
  readonly run: RunRow;
  /** Empty: it has no plan yet. */
  readonly tasks: TaskCounts;
}

/** `withTemplate`: the list is over several. */
export function runTable(runs: readonly ShownRun[], nowMs: number, withTemplate: boolean): string {
  const columns = [
    "Run",
    "State",
    ...(withTemplate ? ["Template"] : []),
    "#Version",
    "For",
    "Begun",
    "Took",
    "Tasks",
    "By",
  ];
  const rows = runs.map(({ run, tasks }) => ({
    id: `run-${run.runId}`,
    cells: [
      `<a class="id" href="/run/${run.runId}">${run.runId}</a>`,
      stateMarkup(run.state),
      ...(withTemplate ? [templateLink(run.templateId)] : []),
      String(run.version),
      run.forAt === null ? "" : timeMarkup(run.forAt, nowMs),
      timeMarkup(run.createdAt, nowMs),
      took(run, nowMs),
      tasksBar(tasks),
      `${escapeHtml(run.triggeredBy)} <small class="muted">${run.source}</small>`,
    ],
  }));
  return tableCard("Runs", columns, rows, "runs");
}

export const templateLink = (id: string): string =>
  `<a href="/template/${encodeURIComponent(id)}">${escapeHtml(id)}</a>`;

/** Of a run that goes on: so far. */
export function took({ createdAt, finishedAt }: RunRow, nowMs: number): string {
  const endMs = finishedAt === null ? nowMs : epochMsOf(finishedAt);
  const words = duration((endMs - epochMsOf(createdAt)) / 1000);
  return `<span class="figure">${words}</span>${finishedAt === null ? ' <small class="muted">so far</small>' : ""}`;
}

const taskOrder = ["success", "failed", "running", "queued", "waiting", "disabled"];

export function tasksBar(tasks: TaskCounts): string {
  return progressBar(tasks, taskOrder, tasks.success ?? 0) || '<span class="muted">not made yet</span>';
}

/** A bar with a part for each state, in this order, and how many of all are done; empty when there are none. */
export function progressBar(counts: Readonly<Record<string, number>>, order: readonly string[], done: number): string {
  const parts = order.filter((state) => counts[state] !== undefined);
  const total = parts.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  if (total === 0) return "";
  const width = 100;
  let x = 0;
  const rects = parts.map((state) => {
    const part = ((counts[state] ?? 0) / total) * width;
    const rect = `<rect class="${state}" x="${x.toFixed(2)}" width="${part.toFixed(2)}" height="6"/>`;
    x += part;
    return rect;
  });
  const words = parts.map((state) => `${count(counts[state] ?? 0)} ${state}`).join(", ");
  return (
    `<span class="progress" title="${words}"><svg viewBox="0 0 ${width} 6" preserveAspectRatio="none" role="img" aria-label="${words}">${rects.join("")}</svg>` +
    `<span class="figure">${count(done)}/${count(total)}</span></span>`
  );
}
