/** Alarms as rows: of all, of a ship, of a pass. Severity is a word as well as a colour and a shape; who may acknowledges one here. */
import { type AlarmRow, acknowledgeCommentMax } from "../model/alarm.ts";
import { actionMarkup, may, needsRole } from "./actions.ts";
import { reading } from "./figures.ts";
import type { Look } from "./look.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { tableCard } from "./tabs.tsx";

/** What the rows are of, and so need not say. */
export type AlarmsOf = "all" | "ship" | "pass";

/** On the page of a ship or a pass. Empty when there is none: then there is nothing to say. */
export function alarmSection(alarms: readonly AlarmRow[], of: AlarmsOf, look: Look): string {
  if (alarms.length === 0) return "";
  return `<div class="block" id="alarms"><h2>Active alarms</h2>${alarmTable(alarms, of, look)}</div>`;
}

export function alarmTable(alarms: readonly AlarmRow[], of: AlarmsOf, look: Look): string {
  const rows = alarms.map((alarm) => ({ id: `alarm-${alarm.alarmId}`, cells: cellsOf(alarm, of, look) }));
  const about = of === "all" ? ["Ship", "Pass"] : of === "ship" ? ["Pass"] : [];
  const columns = ["Severity", "Alarm", ...about, "What was seen", "Raised", "Condition", "Acknowledged"];
  const isOpen = alarms.some(({ acknowledgedAt }) => acknowledgedAt === null);
  const why =
    isOpen && !may(look, "operate") ? `<p class="under">${needsRole(look, "operate", "acknowledge an alarm")}</p>` : "";
  return tableCard("Alarms", columns, rows, "alarms") + why;
}

function cellsOf(alarm: AlarmRow, of: AlarmsOf, look: Look): string[] {
  const { severity, kind, subject, ship, passId, datasetId, productId, raised } = alarm;
  const shipLink = ship === null ? "" : `<a href="/ship/${escapeHtml(ship)}">${escapeHtml(ship)}</a>`;
  const passLink =
    passId !== null
      ? `<a href="/pass/${passId}">pass</a>`
      : datasetId !== null
        ? `<a href="/plan/${datasetId}#product-${productId}">data product</a>`
        : "";
  const about = of === "all" ? [shipLink, passLink] : of === "ship" ? [passLink] : [];
  const times = raised > 1 ? ` <small class="muted">${raised} times</small>` : "";
  return [
    stateMarkup(severity),
    `<strong>${escapeHtml(subject === "" ? kindWords(kind) : subject)}</strong>${subject === "" ? "" : `<br><small class="muted">${kindWords(kind)}</small>`}`,
    ...about,
    detailMarkup(alarm),
    timeMarkup(alarm.at, look.nowMs) + times,
    conditionMarkup(alarm, look.nowMs),
    acknowledgedMarkup(alarm, look),
  ];
}

const words: Readonly<Record<string, string>> = {
  "parameter.limit": "out of its limits",
  "pass.stale": "silent in a pass",
  "pass.kernel_drops": "dropped in the kernel",
  "pass.completeness": "less complete than asked",
  "product.late": "data product late",
};

/** A newer version may have written a kind that this one has no words for. */
export const kindWords = (kind: string): string => words[kind] ?? escapeHtml(kind);

/** `value 9.2, limit critical high`, as the alarm's kind has it. */
function detailMarkup({ detail }: AlarmRow): string {
  const told: unknown = JSON.parse(detail);
  if (told === null || typeof told !== "object") return "";
  const parts = Object.entries(told).flatMap(([name, value]) =>
    value === null || typeof value === "object"
      ? []
      : [
          `${name.replaceAll("_", " ")} ${typeof value === "number" ? reading(value) : String(value).replaceAll("_", " ")}`,
        ],
  );
  return `<span class="known">${escapeHtml(parts.join(", "))}</span>`;
}

function conditionMarkup({ clearedAt, resolution }: AlarmRow, nowMs: number): string {
  if (clearedAt === null) return "still so";
  return `over ${timeMarkup(clearedAt, nowMs)}${resolution === null ? "" : `<br><small class="muted">${escapeHtml(resolution)}</small>`}`;
}

function acknowledgedMarkup(alarm: AlarmRow, look: Look): string {
  const { alarmId, acknowledgedAt, acknowledgedBy, comment } = alarm;
  if (acknowledgedAt !== null) {
    return `${escapeHtml(acknowledgedBy ?? "")}, ${timeMarkup(acknowledgedAt, look.nowMs)}<br><span class="known">${escapeHtml(comment ?? "")}</span>`;
  }
  if (!may(look, "operate")) return '<span class="muted">not yet</span>';
  return actionMarkup({
    name: "Acknowledge",
    method: "PUT",
    url: `/api/alarm/${alarmId}/acknowledge`,
    title: "Acknowledge this alarm?",
    text: `${alarm.severity}: ${titleOf(alarm)}. It is noted under your name, ${look.viewer?.service}.`,
    fields: [
      {
        ...{ name: "comment", label: "What was seen, or done", kind: "text" },
        bounds: { maxlength: acknowledgeCommentMax },
      },
    ],
    confirm: "Acknowledge",
  });
}

function titleOf({ subject, kind, ship }: AlarmRow): string {
  const what = subject === "" ? (words[kind] ?? kind) : `${subject} ${words[kind] ?? kind}`;
  return ship === null ? what : `${what}, ${ship}`;
}
