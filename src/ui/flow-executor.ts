/** What runs a flow's tasks: how long these take, which were far out, and the processes that are kept for them. */
import type { Flow, FlowState } from "../flow/flow.ts";
import type { Outlier } from "../flow/task-times.ts";
import { instantOf } from "../model/clock.ts";
import { count } from "./figures.ts";
import { tookText, traceHref } from "./flow-trace-rows.ts";
import { escapeHtml, type Figure, figuresMarkup, timeMarkup } from "./markup.ts";
import { tableCard } from "./tabs.tsx";

export function executorMarkup({ definition: { file }, state: { executor, tasks } }: Flow, nowMs: number): string {
  const { attempts, failed, timedOut, recent, outliers, newestOutliers, processes } = executor;
  const late = timedOut === 0 ? "" : `, ${count(timedOut)} by the timeout`;
  const figures: Figure[] = [
    ["Kind", file.executor.kind],
    ["Running", count(tasks.running), `of ${count(file.concurrency)} at once; ${count(tasks.waiting)} wait`],
    ["Attempts", count(attempts), `${count(failed)} failed${late}`],
    ...(recent === null
      ? []
      : ([
          ["Median", tookText(recent.p50Ms), `of the last ${count(recent.attempts)}`],
          ["95 % within", tookText(recent.p95Ms)],
          ["99 % within", tookText(recent.p99Ms)],
          ["Longest", tookText(recent.maxMs)],
        ] satisfies Figure[])),
    ["Outliers", count(outliers), "ran over 3 times as long as 95 %"],
  ];
  return figuresMarkup(figures) + outlierTable(file.id, newestOutliers, nowMs) + processTable(processes, nowMs);
}

function outlierTable(flow: string, outliers: readonly Outlier[], nowMs: number): string {
  if (outliers.length === 0) return "";
  const rows = outliers.map(({ origin, taskKey, attempt, ranMs, usualMs, atMs }) => ({
    id: `outlier-${taskKey}-${attempt}`,
    cells: [
      `<a class="known" href="${escapeHtml(traceHref(flow, origin))}">${escapeHtml(origin.partition)} ${escapeHtml(origin.id)}</a>`,
      `<span class="id">${escapeHtml(taskKey)}</span>`,
      count(attempt),
      tookText(ranMs),
      tookText(usualMs),
      timeMarkup(instantOf(atMs), nowMs),
    ],
  }));
  const columns = ["Message", "Task", "#Attempt", "#Ran", "#Usual", "Ended"];
  return `<div class="block"><h3>Newest outliers</h3>${tableCard("Newest outliers", columns, rows, "outliers")}</div>`;
}

function processTable(processes: FlowState["executor"]["processes"], nowMs: number): string {
  if (processes.length === 0) return "";
  const rows = processes.map(({ pid, state, tasks, busySinceMs }) => ({
    id: `process-${pid}`,
    cells: [
      String(pid ?? "–"),
      `<span class="state ${stateWords[state]}">${state}</span>`,
      count(tasks),
      busySinceMs === null ? "" : timeMarkup(instantOf(busySinceMs), nowMs),
    ],
  }));
  return `<div class="block"><h3>Processes</h3>${tableCard("Processes", ["PID", "State", "#Tasks", "Busy since"], rows, "processes")}</div>`;
}

/** As our styles know states. */
const stateWords = { idle: "waiting", busy: "running", ending: "disabled" } as const;
