/** Active alarms as rows, on the page of their ship and of their pass. Severity is a word as well as a colour and a shape. */
import type { AlarmRow } from "../model/alarm.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";

/** Empty when there is none: then there is nothing to say. */
export function alarmSection(alarms: readonly AlarmRow[], nowMs: number): string {
  if (alarms.length === 0) return "";
  return (
    `<div class="block"><h2 id="alarms_title">Active alarms</h2>` +
    `<section class="card table" aria-labelledby="alarms_title" tabindex="0">${alarmTable(alarms, nowMs)}</section></div>`
  );
}

function alarmTable(alarms: readonly AlarmRow[], nowMs: number): string {
  const rows = alarms.map(
    ({ severity, kind, subject, at, clearedAt, acknowledgedAt, acknowledgedBy, comment, raised }) =>
      `<tr><td>${stateMarkup(severity)}</td><td>${escapeHtml(kind)}</td><td>${escapeHtml(subject)}</td>` +
      `<td>${timeMarkup(at, nowMs)}</td><td class="figure">${raised}</td>` +
      `<td>${clearedAt === null ? "still so" : `over ${timeMarkup(clearedAt, nowMs)}`}</td>` +
      `<td>${acknowledgedAt === null ? "not yet" : `${escapeHtml(acknowledgedBy ?? "")}: ${escapeHtml(comment ?? "")}`}</td></tr>`,
  );
  const columns = ["Severity", "Kind", "Of", "Raised", "Times", "Condition", "Acknowledged"];
  const head = columns.map((column) => `<th>${column}</th>`).join("");
  return `<table class="alarms stack"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
